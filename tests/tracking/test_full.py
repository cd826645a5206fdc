"""The method "full": at the bound, honest about its uncertainty, and right or silent."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from magscope_app.tracking import ZLUT, CameraNoise, Tracker, TrackFlag, Tracks, ZLUTSet
from tests.benchmarks import bead_images

ROI = 64
LOW, HIGH = -4000.0, -2000.0
FloatArray = npt.NDArray[np.float64]

#: Without a cache, on a busy computer, the first test compiles for minutes.
pytestmark = pytest.mark.timeout(500)


@pytest.fixture(scope="module")
def zlut() -> ZLUT:
    z_nm = np.arange(LOW - 250, HIGH + 251, 50.0)
    return ZLUT.from_sweep(bead_images.sweep(z_nm, 12, ROI, 1e4, np.random.default_rng(1)), z_nm)


def _positions(n: int, spread_nm: float, seed: int = 2) -> FloatArray:
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.uniform(-spread_nm, spread_nm, (n, 2)), rng.uniform(LOW, HIGH, n)])


def _light(xyz: FloatArray, roi_px: int = ROI, radius_nm: float = bead_images.RADIUS_NM) -> FloatArray:
    return bead_images.clean(xyz[:, 0], xyz[:, 1], xyz[:, 2], roi_px, radius_nm)


def _track(
    light: FloatArray, zlut: ZLUT, electrons: float = 1e4, bits: int = 8, known: bool = True
) -> Tracks:
    images = bead_images.expose(light, electrons, np.random.default_rng(3), bits)
    noise = bead_images.camera_noise(electrons, bits) if known else None
    return Tracker(light.shape[-1], zlut, noise, method="full").track(images, [[0, 0]])


def _errors(tracks: Tracks, truth: FloatArray, roi_px: int = ROI) -> FloatArray:
    """Errors (n, 3) in nm."""
    middle, nm = (roi_px - 1) / 2, bead_images.NM_PER_PX
    x, y, z = (values[:, 0] for values in (tracks.x_px, tracks.y_px, tracks.z_nm))
    return np.column_stack([(x - middle) * nm, (y - middle) * nm, z]) - truth


def _sigmas(tracks: Tracks) -> FloatArray:
    nm = bead_images.NM_PER_PX
    return np.column_stack(
        [tracks.sigma_x_px[:, 0] * nm, tracks.sigma_y_px[:, 0] * nm, tracks.sigma_z_nm[:, 0]]
    )


def _rms(values: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(np.mean(values**2, axis=0)))


@pytest.mark.parametrize(("electrons", "bits"), [(1e3, 8), (1e4, 8), (1e4, 16)])
def test_at_the_bound_with_honest_sigmas(zlut: ZLUT, electrons: float, bits: int) -> None:
    if bits == 16:
        planes = bead_images.sweep(zlut.z_nm, 12, ROI, electrons, np.random.default_rng(4), bits)
        zlut = ZLUT.from_sweep(planes, zlut.z_nm)
    truth = _positions(400, 150.0)
    tracks = _track(_light(truth), zlut, electrons, bits)
    errors = _errors(tracks, truth)
    bounds = bead_images.bounds(truth[::8], ROI, electrons, bits)
    # 400 samples scatter by 3.5 %: three of these above the goals of 1.05 and 1.15.
    assert (_rms(errors) / _rms(bounds) < (1.16, 1.16, 1.26)).all()
    assert (np.abs(_rms(errors / _sigmas(tracks)) - 1) < 0.13).all()
    assert not tracks.flags.any()
    assert tracks.quality.min() > 0.99


def test_no_bias_without_noise() -> None:
    z_nm = np.arange(LOW - 250, HIGH + 251, 50.0)
    sweep = bead_images.sweep(z_nm, 4, ROI, np.inf, np.random.default_rng(5), 16)
    truth = _positions(100, 200.0)
    errors = _errors(_track(_light(truth), ZLUT.from_sweep(sweep, z_nm), np.inf, 16, known=False), truth)
    assert (_rms(errors) <= (0.03, 0.03, 0.1)).all()


def test_brightness_and_background_do_not_matter(zlut: ZLUT) -> None:
    truth = _positions(60, 100.0)
    ramp = 0.1 * np.linspace(-1, 1, ROI)[None, None, :] + 0.15
    for light in (0.8 * _light(truth), 1.2 * _light(truth), _light(truth) + ramp):
        errors = _errors(_track(light, zlut), truth)
        assert np.abs(errors.mean(axis=0)).max() < 0.8
        assert (_rms(errors) < (0.6, 0.6, 2.0)).all()


@pytest.mark.parametrize("distance_nm", [1200.0, 2000.0, 2700.0])
def test_far_from_the_middle_right_or_nan(zlut: ZLUT, distance_nm: float) -> None:
    truth = _positions(60, 0.0)
    angles = np.linspace(0, 2 * np.pi, 60)
    truth[:, :2] = distance_nm * np.column_stack([np.cos(angles), np.sin(angles)])
    tracks = _track(_light(truth), zlut)
    errors = np.abs(_errors(tracks, truth))
    assert np.nanmax(errors[:, :2], initial=0) < 3
    assert np.nanmax(errors[:, 2], initial=0) < 15
    lost = np.isnan(errors).any(axis=1)
    assert tracks.has(TrackFlag.AT_EDGE | TrackFlag.LOST)[lost, 0].all()
    if distance_nm <= 2000:
        assert not lost.any()


def test_a_second_bead_is_told(zlut: ZLUT) -> None:
    truth = _positions(30, 50.0)
    for distance_nm in (6400.0, 2500.0):
        other = truth + np.array([distance_nm, 0.0, 0.0])
        tracks = _track(np.maximum(_light(truth) + _light(other) - 1, 0), zlut)
        assert tracks.flags.all()
        assert np.isnan(tracks.sigma_z_nm).all()
        if distance_nm < ROI * bead_images.NM_PER_PX / 2:
            assert np.isnan(tracks.z_nm).all()
        else:
            assert tracks.has(TrackFlag.OVERLAPPED | TrackFlag.FALL_BACK).all()
            assert tracks.has(TrackFlag.OVERLAPPED).mean() > 0.7
            assert np.abs(_errors(tracks, truth)[:, :2]).max() < 30
    assert not _track(_light(truth), zlut).flags.any()


def test_beyond_the_lut_there_is_no_z(zlut: ZLUT) -> None:
    truth = _positions(40, 100.0)
    truth[:, 2] = np.concatenate([np.linspace(-5500, LOW - 320, 20), np.linspace(HIGH + 320, -800, 20)])
    tracks = _track(_light(truth), zlut)
    assert np.isnan(tracks.z_nm).all()
    assert np.isnan(tracks.sigma_z_nm).all()
    assert tracks.has(TrackFlag.OUT_OF_LUT | TrackFlag.POOR_MATCH).all()
    assert np.nanmax(np.abs(_errors(tracks, truth)[:, :2])) < 5


@pytest.mark.parametrize("method", ["qi", "full", "fast"])
def test_beyond_the_lut_a_neighbour_leaves_no_small_sigma(zlut: ZLUT, method: str) -> None:
    rng = np.random.default_rng(8)
    truth = _positions(150, 100.0)
    truth[:, 2] = rng.uniform(LOW - 950, LOW - 400, 150)
    angles, distances = rng.uniform(0, 2 * np.pi, 150), rng.uniform(0.8, 1.2, 150) * ROI * 100.0
    other = truth + np.column_stack([distances * np.cos(angles), distances * np.sin(angles), 0 * angles])
    for light, alone in ((_light(truth), True), (np.maximum(_light(truth) + _light(other) - 1, 0), False)):
        images = bead_images.expose(light, 1e4, np.random.default_rng(9))
        with Tracker(ROI, zlut, bead_images.camera_noise(1e4), method) as tracker:
            tracks = tracker.track(images, [[0, 0]])
        assert tracks.has(TrackFlag.OUT_OF_LUT).all()
        assert np.isfinite(tracks.x_px).all()
        pulls = (_errors(tracks, truth) / _sigmas(tracks))[:, :2]
        assert np.nanmax(np.abs(pulls)) < 6
        assert np.isfinite(pulls).all() == alone


def test_another_bead_falls_back(zlut: ZLUT) -> None:
    truth = _positions(30, 50.0)
    light = _light(truth, radius_nm=1150.0)
    tracks = _track(light, zlut)
    assert tracks.has(TrackFlag.FALL_BACK | TrackFlag.OUT_OF_LUT).all()
    assert tracks.quality.max() < 0.97
    assert np.abs(_errors(tracks, truth)[:, :2]).max() < 5
    assert not tracks.has(TrackFlag.LOST).any()


def test_empty_and_saturated_rois(zlut: ZLUT) -> None:
    empty = _track(np.ones((20, ROI, ROI)), zlut)
    assert empty.has(TrackFlag.LOST).all()
    assert np.isnan(empty.x_px).all()
    truth = _positions(100, 100.0)
    tracks = _track(1.7 * _light(truth), zlut)
    assert tracks.has(TrackFlag.SATURATED).any()
    errors = _errors(tracks, truth)
    assert (_rms(errors / _sigmas(tracks)) < 1.35).all()


@pytest.mark.parametrize("roi_px", [16, 33, 100, 256])
def test_other_roi_sizes_with_a_table_of_profiles(zlut: ZLUT, roi_px: int) -> None:
    table = ZLUT(zlut.z_nm, zlut.profiles)
    truth = _positions(6, 100.0)
    tracks = _track(_light(truth, roi_px), table if roi_px > 16 else zlut)
    assert np.nanmax(np.abs(_errors(tracks, truth, roi_px)[:, :2])) < 10
    if roi_px > 16:
        assert np.nanmax(np.abs(_errors(tracks, truth, roi_px)[:, 2])) < 30


def test_a_lut_for_each_bead_threads_and_no_noise(zlut: ZLUT) -> None:
    higher = ZLUT(zlut.z_nm + 5000, zlut.profiles, counts=zlut.counts, shape=zlut.shape)
    truth = _positions(1, 40.0)
    image = bead_images.expose(_light(truth), 1e4, np.random.default_rng(6))
    frames = np.tile(image.astype(np.uint16), (12, 1, 4))
    frames.flags.writeable = False
    rois = [[0, 0], [64, 0], [128, 0], [192, 0]]
    zluts = ZLUTSet({5: zlut, 6: higher})
    with Tracker(ROI, zluts, CameraNoise(0.0255), method="full", threads=2) as tracker:
        tracks = tracker.track(frames, rois, bead_ids=[5, 6, 7, 5])
    assert np.allclose(tracks.z_nm[:, 1], tracks.z_nm[:, 0] + 5000, atol=1e-6)
    assert np.allclose(tracks.z_nm[:, 3], tracks.z_nm[:, 0], rtol=0, atol=1e-6)
    assert np.isnan(tracks.z_nm[:, 2]).all()
    assert tracks.has(TrackFlag.NO_ZLUT)[:, 2].all()
    plain = Tracker(ROI, zlut, method="full").track(image, [[0, 0]])
    assert abs(plain.z_nm[0, 0] - truth[0, 2]) < 6
    assert np.isnan(plain.sigma_z_nm).all()
