"""The drift of the sample during a sweep, from a plane that is looked at once more."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from magscope_app.calibration.sample_drift import SampleDrift, sample_drift

#: A sweep through 4 µm in 20 s, and what follows it.
RANGE_NM, LASTED_S, N_PLANES, PLANE = 4000.0, 20.0, 81, 20


def found(speed_nm_s: float, way: float = 1.0, scatter_nm: float = 0.0, after_s: float = 1.0) -> SampleDrift:
    """Return the drift that is found where beads rise at a speed, in a sweep up or down in z."""
    times_s = np.linspace(0.0, LASTED_S, N_PLANES)
    labels = way * (np.linspace(0.0, RANGE_NM, N_PLANES) - RANGE_NM / 2)
    # What a bead looked like at a label is what it looks like at this z.
    real = labels + speed_nm_s * times_s
    again = labels[PLANE] + speed_nm_s * (LASTED_S + after_s)
    offset = float(np.interp(again, np.sort(real), np.sort(labels))) - labels[PLANE]
    steps: list[dict[str, Any]] = [
        {"step": step, "t_ns": round(1e9 * t_s)} for step, t_s in enumerate(times_s)
    ]
    closing = {"t_ns": round(1e9 * (LASTED_S + after_s)), "plane": PLANE}
    offsets = offset + np.random.default_rng(1).normal(0, scatter_nm, 20) if scatter_nm else [offset] * 3
    return sample_drift(list(offsets), steps if way > 0 else steps[::-1], closing, RANGE_NM)


@pytest.mark.parametrize("way", [1.0, -1.0])
@pytest.mark.parametrize("speed_nm_s", [20.0, -20.0, 3.0, 0.5])
def test_drift_is_found_whichever_way_it_goes(speed_nm_s: float, way: float) -> None:
    drift = found(speed_nm_s, way)
    assert drift.drift_nm == pytest.approx(speed_nm_s * LASTED_S, rel=0.01)
    assert drift.is_too_much == (abs(speed_nm_s) > 2.5)


def test_what_is_found_is_said() -> None:
    much, little = found(20.0), found(0.5)
    assert much.text.startswith(
        "the sample drifted +400.0 nm during the sweep, 10.0 % of its range: heights are"
    )
    assert "wrong by 10.0 %; let it settle and sweep again" in much.text
    assert little.text.startswith("the sample drifted +10.0 nm during the sweep, 0.2 % of its range (±")
    # Beads that scatter more than that say nothing against the sweep.
    shaky = found(0.0, scatter_nm=200.0)
    assert shaky.sigma_nm > 20.0
    assert not shaky.is_too_much


def test_beads_that_are_not_found_again_have_drifted_far() -> None:
    steps = [{"step": step, "t_ns": 10**9 * step} for step in range(8)]
    closing = {"t_ns": 9 * 10**9, "plane": 2}
    gone = sample_drift([math.nan, math.nan, 3.0], steps, closing, 700.0)
    assert math.isnan(gone.drift_nm)
    assert gone.is_too_much
    assert "the beads were not found again after the sweep" in gone.text
    # One that was lost does not hide what the others say.
    assert sample_drift([math.nan, 0.5, 0.7, 0.6], steps, closing, 700.0).drift_nm == pytest.approx(
        0.6, abs=0.01
    )
