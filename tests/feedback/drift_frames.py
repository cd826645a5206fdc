"""Frames with reference beads, where the stage and each bead are put."""

from __future__ import annotations

from dataclasses import replace

from magscope_app.config.feedback import DriftConfig
from magscope_app.feedback.drift import DriftMeter
from magscope_app.feedback.readings import Frame, Reading

FACTOR = 0.88
PLACES_NM = {1: (1000.0, 2000.0), 2: (41_000.0, 3000.0), 3: (20_000.0, 30_000.0), 4: (5000.0, 25_000.0)}


def frame(
    number: int,
    drift_nm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    *,
    tilt: tuple[float, float] = (0.0, 0.0),
    focus_nm: float = 0.0,
    beads: tuple[int, ...] = (1, 2, 3, 4),
    quality: float = 0.9,
) -> Frame:
    readings = {}
    for bead_id in beads:
        x_nm, y_nm = PLACES_NM[bead_id]
        z_nm = 300.0 + drift_nm[2] + tilt[0] * x_nm + tilt[1] * y_nm - FACTOR * focus_nm
        readings[bead_id] = Reading(x_nm + drift_nm[0], y_nm + drift_nm[1], z_nm, 1.0, quality)
    return Frame(number, 1e7 * number, focus_nm, readings)


def meter_at_zero(bead_ids: tuple[int, ...] = (1, 2, 3, 4), **config: object) -> DriftMeter:
    meter = DriftMeter(DriftConfig.model_validate({"window": 5} | config), FACTOR)
    meter.begin(bead_ids)
    for number in range(30):
        meter.take(frame(number))
    assert meter.state.stage == "on"
    return meter


def shifted(seen: Frame, off_nm: dict[int, tuple[float, float, float]]) -> Frame:
    """Return the frame with some beads elsewhere, by x, y and z."""
    beads = dict(seen.beads)
    for bead_id, (x_nm, y_nm, z_nm) in off_nm.items():
        if bead_id in beads:
            one = beads[bead_id]
            beads[bead_id] = replace(one, x_nm=one.x_nm + x_nm, y_nm=one.y_nm + y_nm, z_nm=one.z_nm + z_nm)
    return replace(seen, beads=beads)
