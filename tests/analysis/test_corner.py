"""The corner frequency against beads whose corner is known."""

from __future__ import annotations

import numpy as np
import pytest

from magscope_app.analysis import TrappedBead, fit_corner, power_spectrum
from magscope_app.analysis.trap import seen_shape
from tests.analysis.beads import FloatArray, seen, trapped

INTERVAL_S = 0.01
#: What may be said of a bead that is too fast.
TOO_FAST = {"above 20 Hz it takes a faster camera", "may be faster: it takes more frames", "white noise"}
#: Corner (Hz), noise over rms of the bead, exposure over interval.
SMALL = [
    (0.2, 0.3, 1.0),
    (0.5, 0.3, 0.5),
    (1.0, 0.0, 0.0),
    (1.0, 1.0, 1.0),
    (10.0, 0.3, 1.0),
    (15.0, 1.0, 0.5),
]
LARGE = [
    (c, n, e) for e in (0.0, 0.5, 1.0) for n in (0.0, 0.3, 1.0) for c in (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0)
]


def fits(corner_hz: float, noise: float, exposure: float, runs: int, n: int = 6000) -> FloatArray:
    """Return corner, its uncertainty, variance and variance of the noise of many traces, (runs, 4)."""
    rng = np.random.default_rng([round(10 * corner_hz), round(10 * noise), round(10 * exposure)])
    found = []
    for _ in range(runs):
        x = seen(rng, n, INTERVAL_S, corner_hz, exposure=exposure, noise=noise)
        fit = fit_corner(x, INTERVAL_S, exposure * INTERVAL_S)
        if not fit.doubt:
            found.append((fit.bead.corner_hz, fit.sd_hz, fit.bead.variance, fit.bead.noise_variance))
    return np.array(found)


@pytest.mark.parametrize(("corner_hz", "noise", "exposure"), SMALL)
def test_a_corner_is_found_as_precisely_as_it_is_said(
    corner_hz: float, noise: float, exposure: float
) -> None:
    found = fits(corner_hz, noise, exposure, 40)
    assert len(found) >= 38
    off = (found[:, 0] - corner_hz) / found[:, 1]
    assert abs(off.mean()) < 0.5
    assert np.mean(abs(off) < 1) == pytest.approx(0.7, abs=0.2)
    assert found[:, 0].std() < 1.35 * np.median(found[:, 1])
    assert np.median(found[:, 2]) == pytest.approx(1.0, rel=0.12)
    assert np.median(found[:, 3]) == pytest.approx(noise**2, abs=0.1 + 0.02 * corner_hz)


@pytest.mark.slow
@pytest.mark.parametrize(("corner_hz", "noise", "exposure"), LARGE)
def test_bias_and_coverage_of_many_corners(corner_hz: float, noise: float, exposure: float) -> None:
    found = fits(corner_hz, noise, exposure, 200)
    off = (found[:, 0] - corner_hz) / found[:, 1]
    inside = float(np.mean(abs(off) < 1))
    print(
        f"| {exposure:g} | {noise:g} | {corner_hz:g} | {found[:, 0].mean():.3g} | {found[:, 0].std():.2g} | "
        f"{np.median(found[:, 1]):.2g} | {off.mean():+.2f} | {inside:.0%} | {len(found) / 2:.0f} % |"
    )
    # The fastest is not always told.
    assert len(found) >= 160
    assert abs(off.mean()) < 0.55
    assert 0.58 < inside < 0.95


def test_the_density_is_that_of_a_blurred_and_aliased_bead() -> None:
    for exposure, corner_hz in ((0.0, 8.0), (0.5, 30.0), (1.0, 8.0), (1.0, 30.0)):
        rng = np.random.default_rng(3)
        x = 4.0 * seen(rng, 200_000, INTERVAL_S, corner_hz, exposure=exposure, noise=0.2)
        bead = TrappedBead(corner_hz, 16.0, 0.64, INTERVAL_S, exposure * INTERVAL_S)
        found = power_spectrum(x, INTERVAL_S, segment=200)
        # That at half the frame rate is its own mirror image and counts half.
        assert found.density[:-1] == pytest.approx(bead.density(found.frequency_hz[:-1]), rel=0.12)
    slow = TrappedBead(1.0, 16.0, 0.0, 1e-5, 0.0)
    f = np.array([0.1, 1.0, 5.0])
    assert slow.density(f) == pytest.approx(2 * 16 / np.pi / (1 + f**2), rel=1e-3)


def test_the_mean_periodogram_of_a_short_trace_has_its_leakage() -> None:
    rng, n = np.random.default_rng(12), 64
    traces = np.array([seen(rng, n, INTERVAL_S, 1.0) for _ in range(2000)])
    found = (2 * INTERVAL_S / n * np.abs(np.fft.rfft(traces, axis=1)[:, 1 : n // 2]) ** 2).mean(axis=0)
    f = np.arange(1, n // 2) / (n * INTERVAL_S)
    expected = seen_shape(np.float64(1.0), f, INTERVAL_S, INTERVAL_S, n)
    assert found == pytest.approx(expected, rel=0.12)


def test_a_drift_is_no_corner() -> None:
    rng = np.random.default_rng(4)
    x = seen(rng, 6000, INTERVAL_S, 1.0, noise=0.3)
    drifts = x + np.linspace(0, 5, 6000)
    with_drift, without = fit_corner(drifts, INTERVAL_S), fit_corner(x, INTERVAL_S)
    assert with_drift.bead.corner_hz == pytest.approx(without.bead.corner_hz, rel=0.01)


def test_the_scale_and_the_place_do_not_matter() -> None:
    x = seen(np.random.default_rng(6), 3000, INTERVAL_S, 2.0, noise=0.3)
    fit = fit_corner(x, INTERVAL_S)
    for scale in (1e-9, 1e4):
        again = fit_corner(scale * x + 50 * scale, INTERVAL_S)
        assert again.bead.corner_hz == pytest.approx(fit.bead.corner_hz, rel=1e-4)
        assert again.sd_hz == pytest.approx(fit.sd_hz, rel=1e-3)
        assert again.bead.variance == pytest.approx(scale**2 * fit.bead.variance, rel=1e-3)


def doubts(traces: list[FloatArray]) -> set[str]:
    return {fit_corner(x, INTERVAL_S).doubt for x in traces}


def test_where_there_is_no_corner_none_is_told_and_why() -> None:
    rng, t_s = np.random.default_rng(8), np.arange(6000) * INTERVAL_S
    assert doubts([rng.normal(size=6000) for _ in range(50)]) == {"white noise"}
    too_short = "below 0.083 Hz it takes a longer trace"
    assert doubts([np.cumsum(rng.normal(size=6000)) for _ in range(20)]) == {too_short}
    assert doubts([trapped(6000, INTERVAL_S, 0.02, 1.0, seed) for seed in range(20)]) == {too_short}
    hum = [seen(rng, 6000, INTERVAL_S, 1.0) + 0.4 * np.sin(2 * np.pi * 22 * t_s) for _ in range(5)]
    assert doubts(hum) == {"not the spectrum of a trap"}
    short = [seen(rng, 64, INTERVAL_S, 2.0, noise=0.3) for _ in range(20)]
    assert doubts(short) <= {
        "below 7.8 Hz it takes a longer trace",
        *TOO_FAST,
    }


def test_a_weak_hum_is_seen_and_a_bead_without_one_is_believed() -> None:
    rng, t_s = np.random.default_rng(3), np.arange(6000) * INTERVAL_S
    for hum, least, most in ((0.0, 0, 1), (0.1, 38, 60)):
        traces = [seen(rng, 6000, INTERVAL_S, 1.0) + hum * np.sin(2 * np.pi * 22 * t_s) for _ in range(60)]
        said = [fit_corner(x, INTERVAL_S).doubt for x in traces]
        assert least <= said.count("not the spectrum of a trap") <= most


#: Corner (Hz), exposure over interval.
FAST = [(35.0, 0.1), (50.0, 0.1), (60.0, 0.1), (40.0, 0.5), (60.0, 0.5), (100.0, 1.0), (400.0, 1.0)]


def told(corner_hz: float, exposure: float, noise: float, runs: int, n: int = 6000) -> tuple[set[str], float]:
    """Return the doubts, and the share of traces that are told a corner more than two uncertainties off."""
    rng = np.random.default_rng([round(corner_hz), round(10 * exposure), round(10 * noise), 9])
    doubts, wrong = set(), 0
    for _ in range(runs):
        x = seen(rng, n, INTERVAL_S, corner_hz, exposure=exposure, noise=noise)
        fit = fit_corner(x, INTERVAL_S, exposure * INTERVAL_S)
        doubts.add(fit.doubt)
        wrong += not fit.doubt and abs(fit.bead.corner_hz - corner_hz) > 2 * fit.sd_hz
    return doubts, wrong / runs


@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.parametrize(("corner_hz", "exposure"), FAST)
def test_a_bead_that_is_too_fast_for_the_camera_is_told_no_lower_corner(
    corner_hz: float, exposure: float, noise: float
) -> None:
    doubts, wrong = told(corner_hz, exposure, noise, 30)
    assert doubts <= {"", *TOO_FAST}
    assert wrong <= 1 / 30


def test_a_noisy_bead_that_may_be_faster_is_told_no_corner() -> None:
    assert told(25.0, 0.5, 1.0, 100)[1] <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("corner_hz", [30.0, 35.0, 40.0, 50.0, 60.0, 80.0, 100.0])
def test_hardly_any_fast_bead_is_told_a_false_corner(corner_hz: float) -> None:
    cases = [(exposure, noise) for exposure in (0.1, 0.5, 1.0) for noise in (0.0, 0.3, 1.0)]
    wrong = [told(corner_hz, *case, 100)[1] for case in cases]
    print(f"| {corner_hz:g} | {np.mean(wrong):.1%} | {max(wrong):.0%} |")
    assert np.mean(wrong) < 0.02


def test_no_corner_is_told_above_a_fifth_of_the_frame_rate_and_few_frames_are_called_few() -> None:
    rng = np.random.default_rng(10)
    for interval_s, words in ((0.01, "above 20 Hz it takes a faster camera"), (0.001, "above 200 Hz")):
        x = seen(rng, 6000, interval_s, 0.26 / interval_s)
        fit = fit_corner(x, interval_s)
        assert fit.doubt.startswith(words)
    said = {fit_corner(seen(rng, 100, 0.1, 0.6), 0.1).doubt for _ in range(40)}
    assert "may be faster: it takes more frames" in said
    assert not any("frame rate" in doubt for doubt in said)


def test_a_corner_that_is_hardly_known_is_not_told() -> None:
    rng = np.random.default_rng(9)
    found = [fit_corner(seen(rng, 500, INTERVAL_S, 3.0, noise=2.0), INTERVAL_S) for _ in range(60)]
    assert "too noisy" in {fit.doubt for fit in found}
    assert all(fit.sd_hz <= 0.5 * fit.bead.corner_hz for fit in found if not fit.doubt)
