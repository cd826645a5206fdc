"""Accuracy and behaviour of Tracker, with the method "qi"."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magscope_app.tracking import ZLUT, CameraNoise, Tracker, TrackFlag, Tracks, ZLUTSet
from tests.tracking import simulator

ROI = 64
NM = simulator.NM_PER_PX
FloatArray = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def zlut() -> ZLUT:
    z_nm = np.arange(-2300.0, 2301.0, 100.0)
    return ZLUT.from_sweep(simulator.sweep_images(ROI, z_nm, 10, np.random.default_rng(1)), z_nm)


def _positions(n: int, spread_px: float, seed: int = 2) -> FloatArray:
    rng = np.random.default_rng(seed)
    xy = (ROI - 1) / 2 + rng.uniform(-spread_px, spread_px, (n, 2))
    return np.column_stack([xy, rng.uniform(-2000, 2000, n)])


def _errors(tracks: Tracks, truth: FloatArray) -> FloatArray:
    """Errors (n, 3) in nm."""
    x, y, z = (values[:, 0] for values in (tracks.x_px, tracks.y_px, tracks.z_nm))
    return np.column_stack([(x - truth[:, 0]) * NM, (y - truth[:, 1]) * NM, z - truth[:, 2]])


def _rms(values: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(np.mean(values**2, axis=0)))


def test_accuracy_at_5000_electrons(zlut: ZLUT) -> None:
    truth = _positions(250, 2.0)
    images = simulator.bead_images(truth, ROI, np.random.default_rng(3))
    errors = _errors(Tracker(ROI, zlut, method="qi").track(images, [[0, 0]]), truth)
    assert (_rms(errors) <= (3.0, 3.0, 15.0)).all()
    assert np.abs(errors.mean(axis=0)).max() < 1.5


def test_bias_without_noise(zlut: ZLUT) -> None:
    truth = _positions(150, 2.0)
    images = simulator.bead_images(truth, ROI, np.random.default_rng(3), electrons=1e9, full_scale=65535)
    errors = _errors(Tracker(ROI, zlut, method="qi").track(images, [[0, 0]]), truth)
    assert (_rms(errors) <= (0.2, 0.2, 4.0)).all()


def test_sigma_is_the_scatter(zlut: ZLUT) -> None:
    truth = _positions(300, 1.0)
    images = simulator.bead_images(truth, ROI, np.random.default_rng(4), electrons=2000.0)
    tracks = Tracker(ROI, zlut, CameraNoise(gain_dn_per_e=255 / 2000), "qi").track(images, [[0, 0]])
    sigma = np.column_stack(
        [tracks.sigma_x_px[:, 0] * NM, tracks.sigma_y_px[:, 0] * NM, tracks.sigma_z_nm[:, 0]]
    )
    ratio = _rms(_errors(tracks, truth) / sigma)
    assert (ratio > 0.8).all()
    assert (ratio < 1.5).all()


@pytest.mark.parametrize("roi_px", [16, 33, 100, 256])
def test_other_roi_sizes(roi_px: int) -> None:
    middle = (roi_px - 1) / 2
    truth = np.array([[middle + 0.4, middle - 0.3, -2500.0]])
    images = simulator.bead_images(truth, roi_px, np.random.default_rng(5))
    tracks = Tracker(roi_px).track(images, [[0, 0]], profiles=True)
    assert np.hypot(tracks.x_px - truth[0, 0], tracks.y_px - truth[0, 1]).max() < 0.15
    assert tracks.profiles is not None
    assert tracks.profiles.shape == (1, 1, roi_px // 2)


@pytest.mark.parametrize("distance", [6.0, 12.0, 20.0, 28.0])
def test_far_from_the_middle_right_or_nan(zlut: ZLUT, distance: float) -> None:
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    middle = (ROI - 1) / 2
    truth = np.column_stack(
        [middle + distance * np.cos(angles), middle + distance * np.sin(angles), np.linspace(-1800, 1800, 40)]
    )
    tracks = Tracker(ROI, zlut, method="qi").track(
        simulator.bead_images(truth, ROI, np.random.default_rng(6)), [[0, 0]]
    )
    errors = np.abs(_errors(tracks, truth))
    assert np.nanmax(errors[:, :2], initial=0) < 60
    assert np.nanmax(errors[:, 2], initial=0) < 150
    if distance <= 12:
        assert np.isfinite(errors).all()
    else:
        assert tracks.has(TrackFlag.AT_EDGE | TrackFlag.LOST)[np.isnan(tracks.z_nm)].all()


def test_position_is_in_the_frame_and_profile_is_of_the_bead(zlut: ZLUT) -> None:
    rng = np.random.default_rng(7)
    frames = simulator.camera(np.ones((3, 150, 220)), rng)
    bead = simulator.bead_images(np.array([[31.2, 32.6, 300.0]]), ROI, rng)[0]
    frames[1, 80:144, 150:214] = bead
    frames[2, 86:150, 156:220] = bead
    tracks = Tracker(ROI, zlut, method="qi").track(frames, [[150, 80], [156, 86], [0, 0]], profiles=True)
    assert tracks.shape == (3, 3)
    assert tracks.x_px[1, 0] == pytest.approx(181.2, abs=0.06)
    assert tracks.y_px[1, 0] == pytest.approx(112.6, abs=0.06)
    assert tracks.x_px[2, 1] == pytest.approx(187.2, abs=0.06)
    assert tracks.z_nm[2, 1] == pytest.approx(300, abs=40)
    assert tracks.profiles is not None
    centre = bead[32:34, 31:32].mean()
    assert tracks.profiles[1, 0, 0] == pytest.approx(centre, abs=8)
    assert (tracks.has(TrackFlag.LOST)[:, 2]).all()
    for values in (tracks.x_px, tracks.y_px, tracks.z_nm, tracks.sigma_x_px):
        assert np.isnan(values[:, 2]).all()


def test_empty_rois_are_lost_not_guessed() -> None:
    frames = simulator.camera(np.ones((300, 20, 40)), np.random.default_rng(8))
    small = Tracker(16).track(frames, [[20, 2]])
    large = Tracker(ROI).track(simulator.camera(np.ones((100, ROI, 80)), np.random.default_rng(9)), [[3, 0]])
    for tracks in (small, large):
        assert tracks.has(TrackFlag.LOST).all()
        assert np.isnan(tracks.x_px).all()
        assert np.nanmax(tracks.quality) < 0.5
    flat = Tracker(ROI).track(np.full((1, ROI, ROI), 77, np.uint8), [[0, 0]])
    assert flat.has(TrackFlag.LOST).all()
    assert flat.quality[0, 0] == 0


def test_bead_beyond_the_lut_has_no_z(zlut: ZLUT) -> None:
    part = ZLUT(zlut.z_nm[15:30], zlut.profiles[15:30])
    truth = np.array([[31.5, 31.5, z] for z in (part.z_nm[0] - 90, part.z_nm[-1] + 90, part.z_nm[7])])
    images = simulator.bead_images(truth, ROI, np.random.default_rng(10), electrons=20000.0)
    tracks = Tracker(ROI, part, method="qi").track(images, [[0, 0]])
    assert np.isnan(tracks.z_nm[:2]).all()
    assert tracks.has(TrackFlag.OUT_OF_LUT)[:, 0].tolist() == [True, True, False]
    assert tracks.z_nm[2, 0] == pytest.approx(truth[2, 2], abs=20)
    assert np.isfinite(tracks.x_px).all()


def test_profile_of_something_else_has_no_z(zlut: ZLUT) -> None:
    image = simulator.bead_images(np.array([[31.5, 31.5, 0.0]]), ROI, np.random.default_rng(11))
    negative = ZLUT(zlut.z_nm[20:27], -zlut.profiles[20:27])
    tracks = Tracker(ROI, negative, method="qi").track(image, [[0, 0]])
    assert tracks.has(TrackFlag.POOR_MATCH).all()
    assert np.isnan(tracks.z_nm).all()
    assert tracks.quality[0, 0] < 0.3


def test_saturation_is_flagged(zlut: ZLUT) -> None:
    image = simulator.bead_images(np.array([[31.5, 31.5, 0.0]]), ROI, np.random.default_rng(12))
    assert not Tracker(ROI, zlut, method="qi").track(image, [[0, 0]]).flags.any()
    highest = int(image.max())
    noise = CameraNoise(gain_dn_per_e=0.05, saturation_dn=highest)
    assert Tracker(ROI, zlut, noise, "qi").track(image, [[0, 0]]).has(TrackFlag.SATURATED).all()
    image[0, 5, 5] = 255
    assert Tracker(ROI, zlut, method="qi").track(image, [[0, 0]]).has(TrackFlag.SATURATED).all()
    # A ceiling that the pixels cannot reach is that of their type.
    twelve = CameraNoise(gain_dn_per_e=0.05, saturation_dn=4095)
    tracks = Tracker(ROI, zlut, twelve, "qi").track(image, [[0, 0]])
    assert tracks.has(TrackFlag.SATURATED).all()
    # Clipped circles bend the profile by more than noise: z has no honest uncertainty.
    assert np.isfinite(tracks.z_nm).all()
    assert np.isnan(tracks.sigma_z_nm).all()


def test_no_lut_no_z_but_profiles() -> None:
    images = simulator.bead_images(np.array([[31.5, 31.5, 0.0]]), ROI, np.random.default_rng(13))
    plain = Tracker(ROI).track(images, [[0, 0]])
    assert plain.profiles is None
    assert plain.has(TrackFlag.NO_ZLUT).all()
    assert np.isnan(plain.z_nm).all()
    assert np.isnan(plain.sigma_x_px).all()
    assert np.isfinite(plain.x_px).all()


def test_a_lut_for_each_bead(zlut: ZLUT) -> None:
    shifted = ZLUT(zlut.z_nm[4:-2] + 5000, zlut.profiles[4:-2, :20])
    image = simulator.bead_images(np.array([[31.5, 31.5, 150.0]]), ROI, np.random.default_rng(14))
    frame = np.tile(image.astype(np.uint8), (1, 1, 3))
    rois = [[0, 0], [64, 0], [128, 0]]
    tracker = Tracker(ROI, ZLUTSet({7: shifted, 3: zlut}), method="qi")
    z = tracker.track(frame, rois, bead_ids=[3, 7, 8])
    assert z.z_nm[0, :2] == pytest.approx([150, 5150], abs=40)
    assert z.has(TrackFlag.NO_ZLUT).tolist() == [[False, False, True]]
    assert np.isnan(z.z_nm[0, 2])
    other = Tracker(ROI, ZLUTSet({7: shifted}, default=zlut), method="qi").track(
        frame, rois, bead_ids=np.array([0, 7, 8])
    )
    assert other.z_nm[0] == pytest.approx([150, 5150, 150], abs=40)
    with pytest.raises(ValueError, match="bead_ids are needed"):
        tracker.track(frame, rois)
    with pytest.raises(ValueError, match="one id per ROI"):
        tracker.track(frame, rois, bead_ids=[3])


def test_uneven_planes_without_noise() -> None:
    rng = np.random.default_rng(15)
    z_nm = np.cumsum(rng.choice([30.0, 60.0, 120.0], 40))
    z_nm -= z_nm.mean()
    truth = np.column_stack([np.full((80, 2), 31.6), rng.uniform(z_nm[1], z_nm[-2], 80)])
    sweep = np.column_stack([np.full((40, 2), 31.6), z_nm])
    images, planes = (
        simulator.bead_images(xyz, ROI, rng, electrons=1e9, full_scale=65535).astype(np.uint16)
        for xyz in (truth, sweep)
    )
    errors = _errors(
        Tracker(ROI, ZLUT.from_sweep(planes[:, None], z_nm), method="qi").track(images, [[0, 0]]), truth
    )
    assert _rms(errors)[2] < 0.08


def test_frames_that_lie_otherwise_in_memory(zlut: ZLUT) -> None:
    truth = np.array([[31.6, 31.2, 300.0], [31.1, 31.9, -500.0]])
    images = simulator.bead_images(truth, ROI, np.random.default_rng(16)).astype(np.uint8)
    frames = np.zeros((2, ROI + 6, 2 * ROI), np.uint8)
    frames[:, 6:, ::2] = images
    for method in ("qi", "fast"):
        expected = Tracker(ROI, zlut, method=method).track(images, [[0, 0]])
        found = Tracker(ROI, zlut, method=method).track(frames[:, 6:, ::2], [[0, 0]])
        assert np.array_equal(found.z_nm, expected.z_nm)
        turned = np.asfortranarray(images)
        assert np.array_equal(Tracker(ROI, zlut, method=method).track(turned, [[0, 0]]).z_nm, expected.z_nm)


@settings(max_examples=25, deadline=None)
@given(dx=st.floats(-3, 3), dy=st.floats(-3, 3), z=st.floats(-2000, 2000))
def test_shape_of_memory_and_threads_change_nothing(dx: float, dy: float, z: float) -> None:
    images = simulator.bead_images(np.array([[31.5 + dx, 31.5 + dy, z]]), ROI, np.random.default_rng(17))
    frames = np.tile(images.astype(np.uint8), (5, 1, 10))
    frames.flags.writeable = False
    rois = [[64 * i, 0] for i in range(10)]
    with Tracker(ROI, threads=3) as tracker:
        threaded = tracker.track(frames, rois)
    plain = Tracker(ROI).track(frames.astype(np.uint16), rois)
    assert np.allclose(threaded.x_px - 64 * np.arange(10), threaded.x_px[0, 0], rtol=0, atol=1e-9)
    assert np.array_equal(threaded.x_px, plain.x_px)
    assert np.array_equal(threaded.y_px, plain.y_px)
    assert abs(plain.x_px[0, 0] - 31.5 - dx) < 0.15
    assert abs(plain.y_px[0, 0] - 31.5 - dy) < 0.15
