"""Allan deviation and spectra against what theory says of noise and of a bead in a trap."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magscope_app.analysis import allan_deviation, fit_corner, longest_stretch, power_spectrum
from tests.analysis.beads import seen, trapped

FloatArray = npt.NDArray[np.float64]


def test_white_noise_averages_down_as_one_over_the_root_of_time() -> None:
    x = np.random.default_rng(1).normal(0, 3.0, 100_000)
    found = allan_deviation(x, 0.01)
    expected = 3.0 / np.sqrt(found.tau_s / 0.01)
    short = found.tau_s < 2.0
    assert found.deviation[short] == pytest.approx(expected[short], rel=0.05)
    assert found.tau_s[0] == 0.01


def test_drift_grows_with_time() -> None:
    found = allan_deviation(np.arange(3000) * 0.5, 0.1)
    assert found.deviation == pytest.approx(0.5 * found.tau_s / 0.1 / np.sqrt(2), rel=1e-6)


def test_a_trapped_bead_has_the_allan_deviation_of_theory() -> None:
    """Lansdorp and Saleh 2012, equation 17, without exposure blur: 2 variance t_c/τ (1 + …)."""
    interval_s, corner_hz, variance = 0.001, 5.0, 100.0
    found = allan_deviation(trapped(400_000, interval_s, corner_hz, variance, 2), interval_s)
    t_c = 1 / (2 * np.pi * corner_hz)
    r = t_c / found.tau_s
    theory = 2 * variance * r * (1 + 2 * r * np.exp(-1 / r) - r / 2 * np.exp(-2 / r) - 1.5 * r)
    tested = (found.tau_s > 0.01) & (found.tau_s < 2.0)
    assert found.deviation[tested] == pytest.approx(np.sqrt(theory[tested]), rel=0.06)


@given(n=st.integers(64, 5000), scale=st.floats(0.1, 1e4), seed=st.integers(0, 50))
@settings(deadline=None, max_examples=30)
def test_the_spectrum_of_white_noise_is_flat_and_its_integral_is_the_variance(
    n: int, scale: float, seed: int
) -> None:
    x = np.random.default_rng(seed).normal(0, scale, n)
    found = power_spectrum(x, 0.01)
    expected = 2 * scale**2 * 0.01
    assert np.mean(found.density) == pytest.approx(expected, rel=6 / np.sqrt(n))
    assert found.frequency_hz[-1] <= 50.0 + 1e-9
    assert (np.diff(found.frequency_hz) > 0).all()


def test_a_sine_has_its_power_at_its_frequency() -> None:
    t_s = np.arange(4096) / 256
    found = power_spectrum(5 * np.sin(2 * np.pi * 20 * t_s), 1 / 256)
    assert found.frequency_hz[np.argmax(found.density)] == pytest.approx(20, abs=0.3)
    step = found.frequency_hz[1] - found.frequency_hz[0]
    assert np.sum(found.density) * step == pytest.approx(12.5, rel=0.02)


def test_only_the_longest_stretch_without_a_gap_is_analysed() -> None:
    t_s: FloatArray = np.asarray(np.arange(100) * 0.01, np.float64)
    values, ids = np.arange(100.0), np.arange(100)
    values[30] = np.nan
    t_s[70:] += 0.5
    interval_s, kept = longest_stretch(t_s, values, ids)
    assert interval_s == pytest.approx(0.01)
    assert kept.tolist() == list(range(31, 70))
    assert len(longest_stretch(t_s, np.full(100, np.nan), ids)[1]) == 0


@given(seed=st.integers(0, 1000), lost=st.integers(20, 180), fps=st.sampled_from([50.0, 130.0, 1000.0]))
@settings(max_examples=30, deadline=None)
def test_frame_numbers_tell_the_neighbours_however_the_time_stamps_jitter(
    seed: int, lost: int, fps: float
) -> None:
    ids = np.delete(np.arange(200), lost)
    rng = np.random.default_rng(seed)
    t_s = np.sort(ids / fps + rng.exponential(0.5 / fps, len(ids)))
    interval_s, kept = longest_stretch(t_s, ids.astype(float), ids)
    assert kept.tolist() == list(range(lost) if lost > 99 else range(lost + 1, 200))
    assert interval_s == pytest.approx(1 / fps, rel=0.05)


def test_a_pause_and_another_rate_part_a_stretch_although_the_numbers_go_on() -> None:
    ids = np.arange(300)
    # One frame that the camera lost itself has no number: all the others come one interval later.
    lost_upstream = ids * 0.01 + 0.01 * (ids >= 120)
    assert longest_stretch(lost_upstream, ids.astype(float), ids)[1].tolist() == list(range(120, 300))
    slower = np.where(ids < 200, ids * 0.01, 2.0 + (ids - 200) * 0.02)
    interval_s, kept = longest_stretch(slower, ids.astype(float), ids)
    assert kept.tolist() == list(range(200)) or kept.tolist() == list(range(201))
    assert interval_s == pytest.approx(0.01, rel=0.01)
    faster = np.where(ids < 200, ids * 0.02, 4.0 + (ids - 200) * 0.01)
    assert len(longest_stretch(faster, ids.astype(float), ids)[1]) in (200, 201)


@pytest.mark.parametrize("bad", [[], [1.0, 2.0], [1.0, np.nan, 2.0], [[1.0, 2.0, 3.0]]])
def test_what_cannot_be_analysed_is_refused_in_a_sentence(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="finite values"):
        allan_deviation(bad, 0.01)
    with pytest.raises(ValueError, match="finite values"):
        power_spectrum(bad, 0.01)
    with pytest.raises(ValueError, match="finite values"):
        fit_corner(bad, 0.01)


@pytest.mark.parametrize("interval_s", [0.0, -0.01, np.inf, np.nan])
def test_an_impossible_interval_is_refused_in_a_sentence(interval_s: float) -> None:
    x = np.random.default_rng(1).normal(size=100)
    for analyse in (allan_deviation, power_spectrum, fit_corner):
        with pytest.raises(
            ValueError, match=r"interval_s must be a finite number above 0, .*; give the time"
        ):
            analyse(x, interval_s)


def test_impossible_choices_are_refused_in_a_sentence() -> None:
    x = np.random.default_rng(1).normal(size=100)
    with pytest.raises(ValueError, match="per_decade must be at least 1, not 0"):
        allan_deviation(x, 0.01, per_decade=0)
    with pytest.raises(ValueError, match="segment must be 16 to 100, not 101"):
        power_spectrum(x, 0.01, segment=101)
    for exposure_s in (-0.001, 0.011, np.nan):
        with pytest.raises(ValueError, match="exposure_s must be from 0 to the interval"):
            fit_corner(x, 0.01, exposure_s)
    for still in (np.zeros(100), np.full(100, 79330.0), 79330.0 + 0.1 * np.arange(100)):
        with pytest.raises(ValueError, match="straight line"):
            fit_corner(still, 0.01)


@pytest.mark.parametrize("kind", ["white", "walk", "trap"])
def test_limits_of_an_allan_deviation_hold_the_truth_as_often_as_they_say(kind: str) -> None:
    rng = np.random.default_rng(5)
    made: dict[str, Callable[[], FloatArray]] = {
        "white": lambda: rng.normal(0, 5.0, 2000),
        "walk": lambda: np.cumsum(rng.normal(0, 1.0, 2000)),
        "trap": lambda: seen(rng, 2000, 0.01, 1.0),
    }
    found = [allan_deviation(made[kind](), 0.01) for _ in range(150)]
    squares = np.array([one.deviation**2 for one in found])
    freedom = 2 * squares.mean(axis=0) ** 2 / squares.var(axis=0)
    # White noise has up to half as many more; the long lengths are few numbers.
    ratio = found[0].freedom / freedom
    assert ((ratio > 0.45) & (ratio < 1.4)).all()
    true = np.sqrt(squares.mean(axis=0))
    inside = np.mean([(low < true) & (true < high) for low, high in (one.bounds() for one in found)], axis=0)
    assert inside.mean() == pytest.approx(0.74, abs=0.08)
    assert inside.min() > 0.55
    wide = np.mean([(low < true) & (true < high) for low, high in (one.bounds(2.0) for one in found)], axis=0)
    assert wide.mean() > 0.94
