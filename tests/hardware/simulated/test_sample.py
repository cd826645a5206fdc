"""The whole twin against theory: what its camera says of its beads."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from hardware.simulated.drag import drags_pn_s_per_nm, water_viscosity_pn_s_per_nm2
from hardware.simulated.worm_like_chain import WormLikeChain
from magscope_app.config import Config
from tests.hardware.simulated.twin import Floats, film, started, twin_config

KT = 0.01380649 * 298.0
RADIUS_NM = 500.0
MANY: dict[str, Any] = {"n_beads": 24, "n_reference": 0}
SMALL_ROI: dict[str, Any] = {"roi_px": 16}


def many(turns: float = 0.0, simulation: dict[str, Any] | None = None, **camera: Any) -> Config:
    """Return a config with 24 tethered beads, the magnets turned from the start."""
    return twin_config(
        camera={"roi_px": [0, 0, 240, 180], **camera},
        simulation={**MANY, **(simulation or {})},
        motors={"magnet_height": {}, "magnet_rotation": {"settings": {"start": turns}}},
        beads=SMALL_ROI,
    )


def truth_of(config: Config, n_frames: int) -> Floats:
    camera = started(config)
    _, truth = film(camera, n_frames)
    camera.close()
    return truth


def blurred(force_pn: float, length_nm: float, extension_nm: float, exposure_s: float) -> float:
    """Return k_B T L / F after exposure (Wong & Halvorsen 2006, eq. 4), with the drag along the coverslip."""
    drag, _ = drags_pn_s_per_nm(RADIUS_NM, extension_nm + RADIUS_NM, water_viscosity_pn_s_per_nm2(298.0))
    u = exposure_s * force_pn / length_nm / float(drag)
    return KT * length_nm / force_pn * 2.0 / u * (1.0 - (1.0 - math.exp(-u)) / u)


@pytest.mark.parametrize(("turns", "along", "across"), [(0.0, 1, 2), (0.25, 2, 1), (0.5, 1, 2)])
def test_the_camera_sees_both_pendulums_blurred_by_its_exposure(
    turns: float, along: int, across: int
) -> None:
    truth = truth_of(many(turns), 500)
    force, extension = truth[0, 0, 5], truth[..., 6].mean()
    chain = WormLikeChain(1000.0, 50.0, KT)
    assert extension == pytest.approx(float(chain.extension_nm(force)), abs=1.0)
    variance = truth[..., 1:3].var(axis=0).mean(axis=0)
    expected_along = blurred(force, extension, extension, 5e-3)
    expected_across = blurred(force, extension + RADIUS_NM, extension, 5e-3)
    assert variance[along - 1] == pytest.approx(expected_along, rel=0.05)
    assert variance[across - 1] == pytest.approx(expected_across, rel=0.05)


def test_the_corner_frequency_is_stiffness_over_drag_near_the_surface() -> None:
    fps = 250.0
    truth = truth_of(many(fps=fps, exposure_ms=0.02), 700)
    force, extension = truth[0, 0, 5], truth[..., 6].mean()
    height = extension + RADIUS_NM
    part = RADIUS_NM / height
    faxen = 1.0 - 9 / 16 * part + part**3 / 8 - 45 / 256 * part**4 - part**5 / 16
    drag = 6.0 * math.pi * 0.89e-9 * RADIUS_NM / faxen
    for column, length in ((1, extension), (2, height)):
        seen = truth[..., column] - truth[..., column].mean(axis=0)
        correlation = float((seen[1:] * seen[:-1]).mean() / seen.var())
        rate_hz = -math.log(correlation) * fps
        assert rate_hz == pytest.approx(force / length / drag, rel=0.06)


def test_magnets_in_between_mix_the_two_pendulums() -> None:
    truth = truth_of(many(1 / 8), 400)
    x, y = (truth[..., column] - truth[..., column].mean(axis=0) for column in (1, 2))
    assert x.var() == pytest.approx(y.var(), rel=0.06)
    # The wider swing is across the field, which lies at 45°.
    assert (x * y).mean() < -0.05 * x.var()


def test_beads_of_different_size_differ_in_height_force_and_image() -> None:
    spread = {"n_beads": 3, "n_reference": 3, "bead_radius_sd_nm": 60.0, "seed": 5}
    camera = started(twin_config(simulation=spread))
    frames, truth = film(camera, 20)
    camera.close()
    radius = truth[0, :, 4]
    assert len(set(radius)) == 3
    usual = 40.0 * math.exp(-3.0 / 1.6)
    assert truth[0, :, 5] == pytest.approx(usual * (radius / RADIUS_NM) ** 3)
    mean = frames.mean(axis=0)
    crops = []
    for x, y in np.rint(truth[0, :, 1:3] / 100.0).astype(int):
        crops.append(mean[y - 20 : y + 21, x - 20 : x + 21])
    assert np.abs(crops[0] - crops[1]).max() > 5.0


def test_everything_repeats_bit_for_bit() -> None:
    """Whatever is switched on, and whichever frames are lost."""
    flooded = {"kind": "saturated_light", "at_frame": 3, "count": 2}
    everything = {
        "seed": 11,
        "n_beads": 6,
        "n_reference": 2,
        "bead_radius_sd_nm": 30.0,
        "tether": {"nicked": 1, "contour_nm": 1500.0},
        "drift": {"x_nm_per_s": 5.0},
        "faults": [flooded],
    }
    config = many(7.3, everything)
    first, again = (film(started(config), 8) for _ in range(2))
    assert first[0].tobytes() == again[0].tobytes()
    assert first[1].tobytes() == again[1].tobytes()
    dropping = {**everything, "faults": [flooded, {"kind": "drop_frames", "at_frame": 1}]}
    rest = film(started(many(7.3, dropping)), 7)
    assert rest[0].tobytes() == first[0][[0, 2, 3, 4, 5, 6, 7]].tobytes()
    assert rest[1].tobytes() == first[1][[0, 2, 3, 4, 5, 6, 7]].tobytes()


def test_viscosity_slows_the_beads() -> None:
    usual = truth_of(many(), 300)
    slow = truth_of(many(simulation={"viscosity_mpa_s": 20.0}), 300)

    def correlation(truth: Floats) -> float:
        x = truth[..., 1] - truth[..., 1].mean(axis=0)
        return float((x[1:] * x[:-1]).mean() / x.var())

    assert correlation(slow) > 0.7 > correlation(usual) + 0.2
