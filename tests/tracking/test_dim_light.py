"""Noise does not decide which frames have a position, and nothing but a bead has one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from magscope_app.tracking import ZLUT, CameraNoise, Tracker, TrackFlag, Tracks
from tests.benchmarks import bead_images

FloatArray = npt.NDArray[np.float64]
Z_NM = np.arange(-4500.0, -1499.0, 50.0)
#: Of the light that bead_images draws around the background so much is left, as of a small bead.
CONTRAST = 0.2
FULL_SCALE_E = 300.0
BITS = 16
METHODS = ("qi", "full", "fast")

pytestmark = pytest.mark.timeout(500)


def _light(xyz_nm: FloatArray, roi_px: int, radius_nm: float = bead_images.RADIUS_NM) -> FloatArray:
    return bead_images.clean(xyz_nm[:, 0], xyz_nm[:, 1], xyz_nm[:, 2], roi_px, radius_nm)


def _faint(xyz_nm: FloatArray, roi_px: int) -> FloatArray:
    return 1 + CONTRAST * (_light(xyz_nm, roi_px) - 1)


def _lut(roi_px: int) -> ZLUT:
    rng = np.random.default_rng(1)
    z_nm = np.repeat(Z_NM, 6)
    light = _faint(np.column_stack([rng.uniform(-50, 50, (len(z_nm), 2)), z_nm]), roi_px)
    images = bead_images.expose(light, 2e4, rng, BITS)
    return ZLUT.from_sweep(images.reshape(len(Z_NM), 6, roi_px, roi_px), Z_NM)


@pytest.fixture(scope="module")
def lut_64() -> ZLUT:
    return _lut(64)


def _places(n: int, low_nm: float = -4300.0, high_nm: float = -1700.0) -> FloatArray:
    rng = np.random.default_rng(2)
    return np.column_stack([rng.uniform(-150, 150, (n, 2)), rng.uniform(low_nm, high_nm, n)])


def _track(light: FloatArray, zlut: ZLUT, method: str, electrons: float = FULL_SCALE_E) -> Tracks:
    images = bead_images.expose(light, electrons, np.random.default_rng(3), BITS)
    with Tracker(light.shape[-1], zlut, bead_images.camera_noise(electrons, BITS), method) as tracker:
        return tracker.track(images, [[0, 0]])


def _pulls(tracks: Tracks, places: FloatArray, roi_px: int) -> FloatArray:
    """Errors in x, y and z over their σ, (n, 3)."""
    nm, middle = bead_images.NM_PER_PX, (roi_px - 1) / 2
    x, y, z = (values[:, 0] for values in (tracks.x_px, tracks.y_px, tracks.z_nm))
    errors = np.column_stack([(x - middle) * nm, (y - middle) * nm, z]) - places
    sigmas = (tracks.sigma_x_px * nm, tracks.sigma_y_px * nm, tracks.sigma_z_nm)
    return np.asarray(errors / np.concatenate(sigmas, axis=1))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("roi_px", [64, pytest.param(128, marks=pytest.mark.slow)])
def test_no_good_frame_is_lost(lut_64: ZLUT, method: str, roi_px: int) -> None:
    """120 electrons per pixel, contrast of a few per cent, and ROIs twice as large as the bead."""
    zlut = lut_64 if roi_px == 64 else _lut(roi_px)
    places = _places(150)
    tracks = _track(_faint(places, roi_px), zlut, method)
    assert not tracks.has(TrackFlag.LOST).any()
    pulls = _pulls(tracks, places, roi_px)
    assert np.nanmax(np.abs(pulls)) < 5
    assert (np.sqrt(np.nanmean(pulls**2, axis=0)) < (1.7 if method == "qi" else 1.25)).all()
    if method != "qi":
        assert not tracks.flags.any()
        assert tracks.quality.min() >= 0.97


@pytest.mark.parametrize("method", METHODS)
def test_beyond_the_lut_x_and_y_stay(lut_64: ZLUT, method: str) -> None:
    places = np.concatenate([_places(40, -5700.0, -4700.0), _places(40, -1300.0, -500.0)])
    tracks = _track(_faint(places, 64), lut_64, method)
    assert np.isnan(tracks.z_nm).all()
    assert tracks.has(TrackFlag.OUT_OF_LUT).all()
    assert not tracks.has(TrackFlag.LOST).any()
    pulls = _pulls(tracks, places, 64)[:, :2]
    assert np.isfinite(tracks.x_px).all()
    assert np.nanmax(np.abs(pulls)) < 5


@pytest.mark.parametrize("electrons", [30.0, FULL_SCALE_E, 1e4])
def test_where_no_bead_is_all_is_lost(lut_64: ZLUT, electrons: float) -> None:
    rng = np.random.default_rng(4)
    step = np.ones((60, 64, 64))
    for image in step:
        image[:, : rng.integers(20, 45)] = rng.uniform(0.5, 0.97)
    half = _places(60)
    half[:, 0] = 3200 + rng.uniform(-100, 300, 60)
    for light in (np.ones((200, 64, 64)), step, _light(half, 64)):
        for method in METHODS:
            tracks = _track(light, lut_64, method, electrons)
            assert tracks.has(TrackFlag.LOST).all()
            assert np.isnan(tracks.x_px).all()


@pytest.mark.parametrize("electrons", [30.0, FULL_SCALE_E, 3e3])
def test_another_bead_gets_no_wrong_z(lut_64: ZLUT, electrons: float) -> None:
    places = _places(60)
    for light in (
        _light(places, 64, radius_nm=1150.0),
        1 + CONTRAST * (_light(places, 64, radius_nm=1150.0) - 1),
    ):
        for method in ("full", "fast"):
            tracks = _track(light, lut_64, method, electrons)
            assert not np.nanmax(np.abs(_pulls(tracks, places, 64)[:, 2]), initial=0) > 5


@pytest.mark.parametrize("method", ["full", "fast"])
@pytest.mark.parametrize("level", [0, 100])
@pytest.mark.parametrize("noise", [CameraNoise(0.0255, 0.0, 3.0), None])
def test_a_hot_pixel_is_no_bead(lut_64: ZLUT, method: str, level: int, noise: CameraNoise | None) -> None:
    frame = np.full((1, 70, 90), level, np.uint8)
    frame[0, 31, 42] = 255
    with Tracker(64, lut_64, noise, method) as tracker:
        tracks = tracker.track(frame, [[10, 0]])
    assert tracks.has(TrackFlag.LOST).all()
    assert np.isnan(tracks.z_nm).all()
    assert np.isnan(tracks.x_px).all()


@pytest.mark.parametrize("method", ["full", "fast"])
def test_of_few_pixels_no_wrong_z(method: str) -> None:
    """In 16 px a bead shows so little of its rings that another z may fit as well."""
    places = _places(400)
    rng = np.random.default_rng(5)
    zlut = ZLUT.from_sweep(bead_images.sweep(Z_NM, 6, 16, 1e4, rng), Z_NM)
    images = bead_images.expose(_light(places, 16), 1e4, rng)
    with Tracker(16, zlut, bead_images.camera_noise(1e4), method) as tracker:
        tracks = tracker.track(images, [[0, 0]])
    assert not np.nanmax(np.abs(_pulls(tracks, places, 16)[:, 2])) > 5
