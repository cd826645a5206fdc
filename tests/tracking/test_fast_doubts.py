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
