"""The drift of the sample during a sweep, from a plane that is looked at once more."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from magscope_app.calibration.last_look import LastLook
from magscope_app.calibration.sample_drift import SampleDrift, drift_of, sample_drift

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
    sigmas = [1.0] * len(offsets)
    return sample_drift(list(offsets), steps if way > 0 else steps[::-1], closing, RANGE_NM, sigmas)


@pytest.mark.parametrize("way", [1.0, -1.0])
@pytest.mark.parametrize("speed_nm_s", [20.0, -20.0, 3.0, 0.5])
def test_drift_is_found_whichever_way_it_goes(speed_nm_s: float, way: float) -> None:
    drift = found(speed_nm_s, way)
    assert drift.drift_nm == pytest.approx(speed_nm_s * LASTED_S, rel=0.01)
    assert drift.is_too_much == (abs(speed_nm_s) > 2.5)


def test_what_is_found_is_said() -> None:
    much, little = found(20.0), found(0.5)
    assert much.text.startswith(
        "the sample drifted +400.0 nm during the sweep, 10.0 % of its range (± 1.0 nm): heights"
    )
    assert "are wrong by 10.0 %; let it settle and sweep again" in much.text
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


STEPS = [{"step": step, "t_ns": 10**8 * step} for step in range(41)]
CLOSING = {"t_ns": 45 * 10**8, "plane": 10}


@pytest.mark.parametrize("range_nm", [400.0, 4000.0])
@pytest.mark.parametrize("n_beads", [1, 2, 3, 8])
def test_a_calm_sample_raises_no_alarm(n_beads: int, range_nm: float) -> None:
    """However much the beads scatter: each says how much, or a conservative value stands for that."""
    rng = np.random.default_rng(1)
    for sigma_nm in (2.0, 4.0, 10.0):
        offsets = rng.normal(0, sigma_nm, (400, n_beads))
        known = [sample_drift(row, STEPS, CLOSING, range_nm, [sigma_nm] * n_beads) for row in offsets]
        unknown = [sample_drift(row, STEPS, CLOSING, range_nm) for row in offsets]
        assert sum(one.is_too_much for one in known) <= 2
        assert sum(one.is_too_much for one in unknown) <= 2


def test_what_a_drift_is_worth() -> None:
    """From what the beads know of themselves, or from their spread, which of few is known badly."""

    def sigma(offsets: list[float], sigmas: list[float]) -> float:
        # The sweep lasts 4.0 s, and 3.5 s pass between the looks.
        return sample_drift(offsets, STEPS, CLOSING, 1e9, sigmas).sigma_nm * 3.5 / 4.0

    assert sigma([0.0], [8.0]) == pytest.approx(1.25 * 8.0, rel=1e-3)
    assert sigma([0.0] * 4, [8.0] * 4) == pytest.approx(1.25 * 8.0 / 2, rel=1e-3)
    assert sigma([0.0, 10.0], [1.0, 1.0]) == pytest.approx(1.25 * 3 * 1.48 * 5 / math.sqrt(2), rel=1e-3)
    assert sigma([0.0, 10.0, 20.0, 30.0], [1.0] * 4) == pytest.approx(1.25 * 1.48 * 10 / 2, rel=1e-3)
    # Two beads need more than many do; a drift that may be too much is said, and is no verdict.
    few, many = SampleDrift(35.0, 10.0, 1000.0, 2), SampleDrift(35.0, 10.0, 1000.0, 8)
    assert many.is_too_much
    assert not few.is_too_much
    assert few.is_uncertain
    assert "too uncertain to tell if it is more than 10.0 nm" in few.text
    # Of a short range 1 % is less than anybody can tell.
    assert not SampleDrift(4.9, 0.1, 100.0, 8).is_too_much
    assert SampleDrift(5.1, 0.1, 100.0, 8).is_too_much


def test_only_beads_that_could_be_found_say_something() -> None:
    bright, found, lost = LastLook(why_not="saturated in the last look"), LastLook(1.0, 1.0), LastLook()
    drift = drift_of([bright] * 5 + [found], STEPS, CLOSING, 1000.0)
    assert not drift.is_too_much
    assert drift.text.endswith("is not known: of 6 beads with a Z-LUT 5 saturated in the last look")
    assert not drift_of([bright] * 6, STEPS, CLOSING, 1000.0).is_too_much
    assert drift_of([bright] * 5 + [found] * 3, STEPS, CLOSING, 1000.0).drift_nm == pytest.approx(
        1.14, abs=0.01
    )
    assert drift_of([bright] + [found] * 1, STEPS, CLOSING, 1000.0).unknown == ""
    # Most of those that could be found were not.
    far = drift_of([lost] * 3 + [found] * 2 + [bright], STEPS, CLOSING, 1000.0)
    assert far.is_too_much
    assert "drifts far" in far.text
    assert not drift_of([lost] * 2 + [found] * 2, STEPS, CLOSING, 1000.0).is_too_much
