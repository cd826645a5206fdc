"""The method "fast": as right as "full", honest where it is not, and the same whatever serves it."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from magscope_app.tracking import ZLUT, CameraNoise, Tracker, TrackFlag, Tracks, ZLUTSet
from tests.benchmarks import bead_images

ROI = 48
MIDDLE = 0.5 * (ROI - 1)
PHOTONS_E = 5000.0
NOISE = bead_images.camera_noise(PHOTONS_E)
Z_NM = np.arange(-3600.0, -2399.0, 50.0)
FloatArray = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def zlut() -> ZLUT:
    return ZLUT.from_sweep(bead_images.sweep(Z_NM, 4, ROI, PHOTONS_E, np.random.default_rng(1)), Z_NM)


def _places(n: int, spread_px: float, seed: int, low: float = -3450.0, high: float = -2550.0) -> FloatArray:
    """Places (n, 3) of a bead: x, y px from the middle, z nm."""
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.uniform(-spread_px, spread_px, (n, 2)), rng.uniform(low, high, n)])


def _frames(places: FloatArray, seed: int = 2, bits: int = 8, roi: int = ROI) -> bead_images.Images:
    rng = np.random.default_rng(seed)
    x_nm, y_nm = (places[:, :2] * bead_images.NM_PER_PX).T
    return bead_images.bead_images(x_nm, y_nm, places[:, 2], roi, PHOTONS_E, rng, bits)[0]


def _beside(frames: bead_images.Images, n: int) -> bead_images.Images:
    """Return frames with n copies side by side."""
    return frames[:, :, np.arange(n * ROI) % ROI]


def _errors(tracks: Tracks, places: FloatArray, bead: int = 0) -> FloatArray:
    """Errors (n, 3) in nm."""
    x, y = ((v[:, bead] - MIDDLE) * bead_images.NM_PER_PX for v in (tracks.x_px, tracks.y_px))
    found = np.column_stack([x, y, tracks.z_nm[:, bead]])
    return np.asarray(found - places * (bead_images.NM_PER_PX, bead_images.NM_PER_PX, 1.0))


def _sigmas(tracks: Tracks) -> FloatArray:
    nm = bead_images.NM_PER_PX
    return np.column_stack(
        [tracks.sigma_x_px[:, 0] * nm, tracks.sigma_y_px[:, 0] * nm, tracks.sigma_z_nm[:, 0]]
    )


def test_as_right_as_full_with_honest_sigmas(zlut: ZLUT) -> None:
    places = _places(60, 0.7, 3)
    frames = _frames(places)
    fast = Tracker(ROI, zlut, NOISE, "fast").track(frames, [[0, 0]])
    full = Tracker(ROI, zlut, NOISE, "full").track(frames, [[0, 0]])
    assert not fast.flags.any()
    sigma = _sigmas(fast)
    apart = (_errors(fast, places) - _errors(full, places)) / sigma
    assert np.abs(apart.mean(axis=0)).max() < 0.1
    assert np.sqrt((apart**2).mean(axis=0)).max() < 0.35
    scatter = np.sqrt(((_errors(fast, places) / sigma) ** 2).mean(axis=0))
    assert (scatter > 0.75).all()
    assert (scatter < 1.35).all()
    assert np.abs(_sigmas(fast) / _sigmas(full) - 1).max() < 0.2
    assert fast.quality == pytest.approx(full.quality, abs=0.01)


def test_where_the_search_starts_hardly_matters(zlut: ZLUT) -> None:
    places = _places(24, 0.5, 4)
    frames = _frames(places)
    tracker = Tracker(ROI, zlut, NOISE, "fast")
    forth = tracker.track(frames, [[0, 0]])
    back = tracker.track(frames[::-1], [[0, 0]])
    apart = (_errors(forth, places) - _errors(back, places[::-1])[::-1]) / _sigmas(forth)
    assert np.sqrt((apart**2).mean(axis=0)).max() < 0.15


def test_uint16_is_tracked_as_uint8(zlut: ZLUT) -> None:
    places = _places(12, 0.5, 5)
    frames = _frames(places)
    narrow = Tracker(ROI, zlut, NOISE, "fast").track(frames, [[0, 0]])
    wide = Tracker(ROI, zlut, NOISE, "fast").track(frames.astype(np.uint16), [[0, 0]])
    # Twelve bits do not fill uint16, sixteen do: both must not overflow.
    level = replace(NOISE, gain_dn_per_e=NOISE.gain_dn_per_e * 200, saturation_dn=65535)
    sweep = bead_images.sweep(Z_NM, 4, ROI, PHOTONS_E, np.random.default_rng(1)).astype(np.uint16) * 200
    lut = ZLUT.from_sweep(sweep.astype(np.uint16), Z_NM)
    high = Tracker(ROI, lut, level, "fast").track(frames.astype(np.uint16) * 200, [[0, 0]])
    assert narrow.z_nm == pytest.approx(wide.z_nm, abs=1e-6)
    assert (np.abs(_errors(high, places)) < (3.0, 3.0, 15.0)).all()


@pytest.mark.parametrize("distance_px", [4.0, 8.0, 12.0])
def test_far_off_and_at_unknown_z_right_or_nan(zlut: ZLUT, distance_px: float) -> None:
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    z_nm = np.linspace(-3700, -2300, 12)
    places = np.column_stack([distance_px * np.cos(angles), distance_px * np.sin(angles), z_nm])
    frames = _beside(_frames(places), 2)
    tracker = Tracker(ROI, zlut, NOISE, "fast")
    tracks = tracker.track(frames, [[0, 0], [ROI, 0]])
    errors = np.abs(_errors(tracks, places))
    assert np.nanmax(errors[:, :2], initial=0) < 10
    assert np.nanmax(errors[:, 2], initial=0) < 40
    inside = (places[:, 2] > Z_NM[1]) & (places[:, 2] < Z_NM[-2])
    assert np.isfinite(errors[inside]).all()
    assert tracks.has(TrackFlag.OUT_OF_LUT)[~inside & np.isnan(tracks.z_nm[:, 0]), 0].all()


def test_a_jump_is_caught(zlut: ZLUT) -> None:
    places = np.repeat(_places(6, 0.5, 6), 3, axis=0)
    places[1::3] += (0.0, 0.0, 10.0)
    places[2::3, 2] = -6000.0 - places[2::3, 2]
    places[2::3, 0] += np.linspace(-9, 9, 6)
    frames = _frames(places)
    tracks = Tracker(ROI, zlut, NOISE, "fast").track(frames, [[0, 0]])
    errors = np.abs(_errors(tracks, places))
    assert np.isfinite(errors).all()
    assert (errors < (6.0, 6.0, 30.0)).all()


def test_what_replaces_the_bead_is_not_believed(zlut: ZLUT) -> None:
    """After good frames: a bead of another size, a second bead beside it, the bead far beyond the Z-LUT."""
    seen = _places(10, 0.3, 14, -3200.0, -2800.0)
    x_nm, y_nm, z_nm = (seen * (bead_images.NM_PER_PX, bead_images.NM_PER_PX, 1.0)).T
    alone = bead_images.clean(x_nm, y_nm, z_nm, ROI)
    other = bead_images.clean(x_nm, y_nm, z_nm, ROI, radius_nm=1150.0)
    beside = np.maximum(alone + bead_images.clean(x_nm + 4500.0, y_nm, z_nm, ROI) - 1, 0)
    away = bead_images.clean(x_nm, y_nm, np.linspace(-1400.0, -800.0, len(seen)), ROI)
    for light in (other, beside, away):
        turns = np.stack([alone, light], axis=1).reshape(-1, ROI, ROI)
        frames = bead_images.expose(turns, PHOTONS_E, np.random.default_rng(15))
        tracks = Tracker(ROI, zlut, NOISE, "fast").track(frames, [[0, 0]])
        assert not tracks.flags[::2].any()
        assert tracks.flags[1::2].all()
        assert np.isnan(tracks.sigma_z_nm[1::2]).all()
        assert (np.abs(_errors(tracks, np.repeat(seen, 2, axis=0))[::2]) < (6.0, 6.0, 30.0)).all()


def test_a_neighbour_that_comes_is_noticed_by_what_is_left_over() -> None:
    """In bright light, where the bead still explains 0.996 of the signal."""
    light_e = 40_000.0
    sweep = bead_images.sweep(Z_NM, 4, ROI, light_e, np.random.default_rng(1), 16)
    zlut = ZLUT.from_sweep(sweep, Z_NM)
    x_nm, y_nm, z_nm = (_places(30, 0.3, 14, -3200.0, -2800.0) * (100.0, 100.0, 1.0)).T
    light = bead_images.clean(x_nm, y_nm, z_nm, ROI)
    beside = bead_images.clean(x_nm[10:] + 1.2 * ROI * 100.0, y_nm[10:], z_nm[10:], ROI)
    light[10:] = np.maximum(light[10:] + beside - 1, 0)
    frames = bead_images.expose(light, light_e, np.random.default_rng(15), 16)
    with Tracker(ROI, zlut, bead_images.camera_noise(light_e, 16), "fast") as tracker:
        overlapped = tracker.track(frames, [[0, 0]]).has(TrackFlag.OVERLAPPED)[:, 0]
    assert not overlapped[:10].any()
    assert overlapped[10:].mean() > 0.8


def test_what_creeps_in_is_found(zlut: ZLUT) -> None:
    """Dirt that grows over 600 frames: each of them leaves over hardly more than the one before."""
    x_nm, y_nm, z_nm = (_places(600, 0.3, 16, -3100.0, -2900.0) * (100.0, 100.0, 1.0)).T
    across = np.arange(ROI) - MIDDLE
    dirt = np.exp(-((across - 4.5) ** 2 + (across[:, None] - 0.5) ** 2) / 8)
    grown = np.minimum(np.linspace(0, 0.12, 600), 0.06)[:, None, None]
    light = np.maximum(bead_images.clean(x_nm, y_nm, z_nm, ROI) - grown * dirt, 0)
    images = bead_images.expose(light, PHOTONS_E, np.random.default_rng(17))
    with Tracker(ROI, zlut, NOISE, "full") as tracker:
        assert tracker.track(images[400:], [[0, 0]]).flags.all()
    with Tracker(ROI, zlut, NOISE, "fast") as tracker:
        crept = tracker.track(images, [[0, 0]]).flags[:, 0]
    assert not crept[:100].any()
    assert crept[500:].all()


@pytest.mark.parametrize("distance_rois", [1.0, 1.2])
def test_a_neighbour_that_left_is_forgotten(distance_rois: float) -> None:
    light_e = 40_000.0
    sweep = bead_images.sweep(Z_NM, 4, ROI, light_e, np.random.default_rng(1), 16)
    zlut = ZLUT.from_sweep(sweep, Z_NM)
    x_nm, y_nm, z_nm = (_places(90, 0.3, 18, -3200.0, -2800.0) * (100.0, 100.0, 1.0)).T
    light = bead_images.clean(x_nm, y_nm, z_nm, ROI)
    beside = bead_images.clean(x_nm[5:8] + distance_rois * ROI * 100.0, y_nm[5:8], z_nm[5:8], ROI)
    light[5:8] = np.maximum(light[5:8] + beside - 1, 0)
    frames = bead_images.expose(light, light_e, np.random.default_rng(19), 16)
    tracks = Tracker(ROI, zlut, bead_images.camera_noise(light_e, 16), "fast").track(frames, [[0, 0]])
    overlapped = tracks.has(TrackFlag.OVERLAPPED)[:, 0]
    assert overlapped[5:8].any()
    assert not overlapped[:5].any()
    assert not overlapped[75:].any()
    assert np.isfinite(tracks.sigma_z_nm[75:]).all()


def test_a_moved_roi_keeps_its_bead(zlut: ZLUT) -> None:
    """Live, with no time for full fits: a bead that is known needs none."""
    edge = ROI + 6
    frame = np.tile(_frames(_places(1, 0.4, 20), roi=edge).astype(np.uint8), (1, 10, 20))
    rois = np.array([[edge * column + 3, edge * row + 3] for row in range(10) for column in range(20)])
    time_left = [True]
    with Tracker(ROI, zlut, NOISE, "fast", build="beside", has_time=lambda once: time_left[0]) as tracker:
        before = tracker.track(frame, rois)
        time_left[0] = False
        for move in ((-1, 0), (1, 2), (0, 0)):
            after = tracker.track(frame, rois + move)
            np.testing.assert_allclose(after.z_nm, before.z_nm, rtol=0, atol=0.5 * before.sigma_z_nm.min())
            assert not after.flags.any()
        assert tracker.n_makeshift == 0


def test_what_serves_for_want_of_time_has_no_sigma(zlut: ZLUT) -> None:
    frames = _beside(_frames(_places(2, 0.4, 21)), 300)
    rois = [[ROI * k, 0] for k in range(300)]
    with Tracker(ROI, zlut, NOISE, "fast", build="beside") as tracker:
        tracks = tracker.track(frames, rois)
        fallen_back = tracks.has(TrackFlag.FALL_BACK)
        assert tracker.n_makeshift > 0
    assert fallen_back.any()
    assert np.isfinite(tracks.z_nm[fallen_back]).all()
    assert np.isnan(tracks.sigma_z_nm[fallen_back]).all()


def test_roi_at_the_frame_border(zlut: ZLUT) -> None:
    places = np.array([[dx, dy, -3000.0] for dx in (-2.6, 0.0, 2.4) for dy in (-2.2, 0.3, 2.7)])
    frames = _frames(places)
    for _ in range(2):
        tracks = Tracker(ROI, zlut, NOISE, "fast").track(frames, [[0, 0]])
        assert (np.abs(_errors(tracks, places)) < (5.0, 5.0, 25.0)).all()
    # With room around the ROI the window follows the bead.
    wide = _frames(places, roi=ROI + 24)
    moved = Tracker(ROI, zlut, NOISE, "fast").track(wide, [[12, 12]])
    shift = np.array([12.0, 12.0, 0.0])
    assert (np.abs(_errors(moved, places + shift)) < (4.0, 4.0, 20.0)).all()


def test_a_full_pool_is_no_cliff(zlut: ZLUT) -> None:
    places = _places(30, 0.9, 7)
    frames = _frames(places)
    small = Tracker(ROI, zlut, NOISE, "fast", reference_mb=0.15)
    for _ in range(2):
        tracks = small.track(frames, [[0, 0]])
        assert (np.abs(_errors(tracks, places)) < (5.0, 5.0, 25.0)).all()
    made = small.n_references
    small.track(frames, [[0, 0]])
    assert small.n_references == made  # none is made again and again


def test_threads_and_batches_change_nothing(zlut: ZLUT) -> None:
    places = _places(12, 0.6, 8)
    frames = np.empty((12, ROI, 8 * ROI), np.uint8)
    for k in range(8):
        frames[:, :, k * ROI : (k + 1) * ROI] = _frames(places, k)
    rois = [[ROI * k, 0] for k in range(8)]
    luts = ZLUTSet({bead: replace(zlut) for bead in (0, 1, 2)}, default=zlut)
    ids = np.arange(8)
    with (
        Tracker(ROI, luts, NOISE, "fast") as one,
        Tracker(ROI, luts, NOISE, "fast", threads=2) as two,
    ):
        alone, shared = (tracker.track(frames, rois, bead_ids=ids) for tracker in (one, two))
        again = Tracker(ROI, luts, NOISE, "fast")
        parts = [again.track(frames[k : k + 3], rois, bead_ids=ids) for k in range(0, 12, 3)]
    assert np.array_equal(alone.x_px, shared.x_px)
    assert np.array_equal(alone.z_nm, shared.z_nm)
    assert np.array_equal(alone.z_nm, np.concatenate([part.z_nm for part in parts]))


def test_references_made_beside_the_line(zlut: ZLUT) -> None:
    places = _places(10, 0.4, 9)
    frames = _frames(places)
    with Tracker(ROI, zlut, NOISE, "fast", build="beside") as tracker:
        deadline = time.monotonic() + 20.0
        made = 0
        while time.monotonic() < deadline:
            tracks = tracker.track(frames, [[0, 0]])
            assert (np.abs(_errors(tracks, places)) < (5.0, 5.0, 25.0)).all()
            previous, made = made, tracker.n_references
            if made and made == previous and not tracker.n_references_waiting:
                break
        assert made > 3
    plain = Tracker(ROI, zlut, NOISE, "fast").track(frames, [[0, 0]])
    apart = (_errors(tracks, places) - _errors(plain, places)) / _sigmas(plain)
    assert np.sqrt((apart**2).mean(axis=0)).max() < 0.1


def test_where_there_is_time_the_results_do_not_depend_on_it(zlut: ZLUT) -> None:
    """Beside the line, but with time for what is needed once: the same to the last bit as made at once."""
    places = _places(24, 0.6, 16)
    frames = _beside(_frames(places), 2)
    rois = [[0, 0], [ROI, 0]]
    plain = Tracker(ROI, zlut, NOISE, "fast")
    expected = plain.track(frames, rois)
    asked: list[bool] = []

    def has_time(once: bool) -> bool:
        asked.append(once)
        return once

    with Tracker(ROI, zlut, NOISE, "fast", build="beside", has_time=has_time) as tracker:
        parts = [tracker.track(frames[at : at + 7], rois) for at in range(0, len(frames), 7)]
        # What is looked at in between, as for a live profile, leaves no trace.
        tracker.track(frames[:1], rois[1:], bead_ids=[1], profiles=True)
        parts.append(tracker.track(frames, rois))
        assert tracker.n_makeshift == 0
    again = plain.track(frames, rois)
    for name in ("x_px", "y_px", "z_nm", "sigma_z_nm", "quality"):
        found = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(found, np.concatenate([getattr(expected, name), getattr(again, name)]))
    assert True in asked


def test_makeshift_results_are_counted(zlut: ZLUT) -> None:
    # References made meanwhile are used from the next call on: in this one full fits use up their time.
    frames = np.concatenate([_frames(_places(6, 0.4, 17))] * 60)
    with Tracker(ROI, zlut, NOISE, "fast", build="beside") as tracker:
        tracker.track(frames, [[0, 0]])
        assert 0 < tracker.n_makeshift <= len(frames)


def test_beads_with_the_same_lut_share_references(zlut: ZLUT) -> None:
    frames = _beside(_frames(_places(3, 0.3, 10)), 4)
    rois = [[ROI * k, 0] for k in range(4)]
    shared, own = (
        Tracker(ROI, luts, NOISE, "fast")
        for luts in (ZLUTSet({}, default=zlut), ZLUTSet({bead: replace(zlut) for bead in range(4)}))
    )
    for tracker in (shared, own):
        tracker.track(frames, rois, bead_ids=np.arange(4))
    assert own.n_references > 3 * shared.n_references > 0


def test_without_lut_as_qi(zlut: ZLUT) -> None:
    frames = _beside(_frames(_places(3, 0.5, 11)), 2)
    rois = [[0, 0], [ROI, 0]]
    tracker = Tracker(ROI, ZLUTSet({5: zlut}), NOISE, "fast")
    tracks = tracker.track(frames, rois, bead_ids=[4, 5], profiles=True)
    plain = Tracker(ROI, None, NOISE).track(frames, rois, profiles=True)
    assert np.array_equal(tracks.x_px[:, 0], plain.x_px[:, 0])
    assert tracks.has(TrackFlag.NO_ZLUT).tolist() == [[True, False]] * 3
    assert np.isfinite(tracks.z_nm[:, 1]).all()
    assert tracks.profiles is not None
    assert plain.profiles is not None
    assert np.array_equal(tracks.profiles, plain.profiles, equal_nan=True)
    assert np.array_equal(Tracker(ROI, method="fast").track(frames, rois).x_px, plain.x_px)


def test_empty_roi_and_unknown_noise(zlut: ZLUT) -> None:
    rng = np.random.default_rng(12)
    bead = _frames(_places(2, 0.5, 12))
    empty = bead_images.expose(np.ones((2, ROI, ROI)), PHOTONS_E, rng)
    frames = np.stack([*bead, *empty, *bead]).astype(np.uint8)
    tracks = Tracker(ROI, zlut, method="fast").track(frames, [[0, 0]])
    assert np.isnan(tracks.z_nm[2:4]).all()
    assert tracks.has(TrackFlag.LOST)[2:4].all()
    assert np.isfinite(tracks.z_nm[[0, 1, 4, 5]]).all()
    assert np.isnan(tracks.sigma_z_nm).all()


def test_bad_arguments(zlut: ZLUT) -> None:
    with pytest.raises(ValueError, match="build must be now or beside"):
        Tracker(ROI, zlut, method="fast", build="later")  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ValueError, match="reference_mb > 0"):
        Tracker(ROI, zlut, method="fast", reference_mb=0.0)


def test_saturated_pixels(zlut: ZLUT) -> None:
    places = _places(8, 0.4, 13)
    frames = _frames(places)
    hot = frames.copy()
    hot[:, 9, 11] = 255
    tracker = Tracker(ROI, zlut, NOISE, "fast")
    tracker.track(frames, [[0, 0]])
    tracks = tracker.track(hot, [[0, 0]])
    assert tracks.has(TrackFlag.SATURATED).all()
    assert (np.abs(_errors(tracks, places)) < (5.0, 5.0, 25.0)).all()
    dark = CameraNoise(NOISE.gain_dn_per_e, saturation_dn=int(np.percentile(frames, 99.5)))
    clipped = np.minimum(frames, dark.saturation_dn or 0).astype(np.uint8)
    cut = Tracker(ROI, zlut, dark, "fast").track(clipped, [[0, 0]])
    assert cut.has(TrackFlag.SATURATED).all()
    assert (np.abs(_errors(cut, places)) < (6.0, 6.0, 30.0)).all()
