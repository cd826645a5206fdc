"""Beads that "full" calls overlapped in some of their images: the method "fast" must say so, too."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from magscope_app.tracking import ZLUT, Tracker, TrackFlag
from tests.benchmarks import bead_images

ROI, PHOTONS_E, N = 48, 5000.0, 200
NOISE = bead_images.camera_noise(PHOTONS_E)
Z_NM = np.arange(-3600.0, -2399.0, 50.0)
FloatArray = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def zlut() -> ZLUT:
    return ZLUT.from_sweep(bead_images.sweep(Z_NM, 4, ROI, PHOTONS_E, np.random.default_rng(1)), Z_NM)


def _alone(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    return bead_images.clean(x, y, z, ROI)


def _neighbour(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    faint = 0.5 * (bead_images.clean(x + 135 * ROI, y, z, ROI) - 1)
    return np.asarray(np.maximum(_alone(x, y, z) + faint, 0))


def _ramp(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    return np.asarray(_alone(x, y, z) * (1 + 0.1 * (np.arange(ROI) / ROI - 0.5)))


def _other_size(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    return bead_images.clean(x + 120, y + 120, z, ROI, radius_nm=1350.0)


@pytest.mark.parametrize("light", [_neighbour, _ramp, _other_size])
def test_what_full_flags_now_and_then_is_flagged(
    zlut: ZLUT, light: Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
) -> None:
    """The first image may be one of those without a flag."""
    rng = np.random.default_rng(30)
    x_nm, y_nm, z_nm = rng.uniform(-30, 30, N), rng.uniform(-30, 30, N), rng.uniform(-3200, -2800, N)
    frames = bead_images.expose(light(x_nm, y_nm, z_nm), PHOTONS_E, np.random.default_rng(130))
    flagged = {}
    for method in ("full", "fast"):
        with Tracker(ROI, zlut, NOISE, method) as tracker:
            tracks = tracker.track(frames, [[0, 0]])
        flagged[method] = tracks.has(TrackFlag.OVERLAPPED)[:, 0]
        assert np.isnan(tracks.sigma_z_nm[flagged[method], 0]).all()
    assert 0.3 < flagged["full"].mean() < 0.7
    assert flagged["fast"].mean() > 0.8


def test_a_bead_alone_has_no_flag(zlut: ZLUT) -> None:
    rng = np.random.default_rng(31)
    x_nm, y_nm, z_nm = rng.uniform(-30, 30, N), rng.uniform(-30, 30, N), rng.uniform(-3200, -2800, N)
    frames = bead_images.expose(_alone(x_nm, y_nm, z_nm), PHOTONS_E, np.random.default_rng(131))
    with Tracker(ROI, zlut, NOISE, "fast") as tracker:
        assert not tracker.track(frames, [[0, 0]]).flags.any()


def _track(light: FloatArray, zlut: ZLUT, method: str) -> npt.NDArray[np.bool_]:
    """Which images of a bead are flagged as overlapped."""
    frames = bead_images.expose(light, PHOTONS_E, np.random.default_rng(140))
    with Tracker(ROI, zlut, NOISE, method) as tracker:
        return tracker.track(frames, [[0, 0]]).has(TrackFlag.OVERLAPPED)[:, 0]


def _places(n: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    rng = np.random.default_rng(40)
    return rng.uniform(-30, 30, n), rng.uniform(-30, 30, n), rng.uniform(-3100, -2900, n)


def _dust(share: float) -> FloatArray:
    """Light (y, x) that is left beside dust 3 px wide, 11 px from the bead."""
    across = np.arange(ROI) - (ROI - 1) / 2
    return np.asarray(1 - share * np.exp(-((across - 10) ** 2 + (across[:, None] - 3) ** 2) / 18))


@pytest.mark.parametrize("clean", [20, 60])
def test_dust_that_comes_at_once_is_found_soon(zlut: ZLUT, clean: int) -> None:
    """Each image leaves over hardly more than noise may, but all of them do."""
    light = _alone(*_places(clean + 150))
    light[clean:] *= _dust(0.15)
    assert _track(light, zlut, "full")[clean:].mean() > 0.95
    flagged = _track(light, zlut, "fast")
    assert not flagged[:clean].any()
    assert flagged[clean + 50 :].all()


def test_what_comes_after_a_lost_bead_is_on_trial(zlut: ZLUT) -> None:
    """A bead that is overlapped in some of its images takes the place of a clean one."""
    light = np.concatenate([_alone(*_places(20)), np.ones((2, ROI, ROI)), _neighbour(*_places(20))])
    assert not _track(light, zlut, "full")[22:].all()
    flagged = _track(light, zlut, "fast")
    assert not flagged[:22].any()
    assert flagged[26:].all()


def test_a_third_of_the_verdicts_is_enough(zlut: ZLUT) -> None:
    x_nm, y_nm, z_nm = _places(200)
    faint = 0.45 * (bead_images.clean(x_nm + 135 * ROI, y_nm, z_nm, ROI) - 1)
    light = np.maximum(_alone(x_nm, y_nm, z_nm) + faint, 0)
    assert 0.2 < _track(light, zlut, "full").mean() < 0.4
    assert _track(light, zlut, "fast").mean() > 0.8
