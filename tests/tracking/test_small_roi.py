"""ROIs smaller than the bead's rings: right, or flagged, never a wrong number that looks like a right one."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pytest

from magscope_app.tracking import ZLUT, CameraNoise, Tracker, TrackFlag, Tracks
from tests.benchmarks import accuracy_cases as cases
from tests.benchmarks import bead_images

ROI = 32
PHOTONS_E = 1e4
NOISE = bead_images.camera_noise(PHOTONS_E)
Z_NM = np.arange(-4500.0, -1499.0, 50.0)
FloatArray = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def zlut() -> ZLUT:
    """The rings of this bead are 60 px wide."""
    return ZLUT.from_sweep(bead_images.sweep(Z_NM, 6, ROI, PHOTONS_E, np.random.default_rng(1)), Z_NM)


def _track(light: FloatArray, zlut: ZLUT, method: str) -> Tracks:
    images = bead_images.expose(light, PHOTONS_E, np.random.default_rng(3))
    with Tracker(ROI, zlut, NOISE, method) as tracker:
        return tracker.track(images, [[0, 0]])


def _errors(tracks: Tracks, truth: FloatArray) -> FloatArray:
    middle, nm = (ROI - 1) / 2, bead_images.NM_PER_PX
    x, y, z = (values[:, 0] for values in (tracks.x_px, tracks.y_px, tracks.z_nm))
    return np.column_stack([(x - middle) * nm, (y - middle) * nm, z]) - truth


def _sigmas(tracks: Tracks) -> FloatArray:
    nm = bead_images.NM_PER_PX
    return np.column_stack(
        [tracks.sigma_x_px[:, 0] * nm, tracks.sigma_y_px[:, 0] * nm, tracks.sigma_z_nm[:, 0]]
    )


@pytest.mark.parametrize(("method", "most"), [("qi", 1.7), ("full", 1.25), ("fast", 1.25)])
def test_cut_rings_are_enough(zlut: ZLUT, method: str, most: float) -> None:
    truth = cases.positions(120, np.random.default_rng(2))
    tracks = _track(cases.own_light(truth, ROI), zlut, method)
    assert not tracks.flags.any()
    errors = _errors(tracks, truth)
    assert np.abs(errors).max() < 40
    seen = np.sqrt(np.mean((errors / _sigmas(tracks)) ** 2, axis=0))
    assert ((seen > 0.75) & (seen < most)).all()


@pytest.mark.parametrize("method", ["qi", "full", "fast"])
def test_a_neighbour_leaves_no_wrong_number_without_a_flag(zlut: ZLUT, method: str) -> None:
    truth = cases.positions(120, np.random.default_rng(4))
    light = cases.own_light(truth, ROI)
    tracks = _track(cases.with_neighbour(light, truth, ROI, cases.own_light), zlut, method)
    assert tracks.flags.all()
    assert np.isnan(tracks.z_nm[tracks.has(TrackFlag.POOR_MATCH)]).all()
    assert np.isnan(tracks.sigma_z_nm).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all NaN is allowed
        assert not np.nanmax(np.abs(_errors(tracks, truth)[:, 2]), initial=0) > 150


@pytest.mark.parametrize("method", ["full", "fast"])
def test_lost_outlives_no_frame(zlut: ZLUT, method: str) -> None:
    truth = cases.positions(30, np.random.default_rng(5))
    light = cases.own_light(truth, ROI)
    light[::3] = 1.0
    tracks = _track(light, zlut, method)
    assert tracks.has(TrackFlag.LOST)[::3].all()
    assert np.isnan(tracks.x_px[::3]).all()
    here = np.arange(30) % 3 > 0
    assert not tracks.flags[here].any()
    assert np.isfinite(tracks.z_nm[here]).all()


@pytest.mark.parametrize("distance_px", [1.0, 2.0, 3.0])
def test_of_too_few_circles_no_z(distance_px: float) -> None:
    """A bead beside the middle of a ROI of 16 px: its circles resemble those of another z."""
    roi = 16
    zlut = ZLUT.from_sweep(bead_images.sweep(Z_NM, 6, roi, PHOTONS_E, np.random.default_rng(6)), Z_NM)
    truth = cases.positions(120, np.random.default_rng(7))
    angles = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    truth[:, :2] += 100 * distance_px * np.column_stack([np.cos(angles), np.sin(angles)])
    images = bead_images.expose(cases.own_light(truth, roi), PHOTONS_E, np.random.default_rng(8))
    with Tracker(roi, zlut, NOISE, "qi") as tracker:
        tracks = tracker.track(images, [[0, 0]])
    clean = tracks.flags[:, 0] == 0
    assert np.isnan(tracks.z_nm[~clean]).all()
    pulls = (tracks.z_nm[clean, 0] - truth[clean, 2]) / tracks.sigma_z_nm[clean, 0]
    assert np.abs(pulls).max(initial=0) < 5


@pytest.mark.parametrize("noise", [NOISE, None])
@pytest.mark.parametrize("with_lut", [False, True])
def test_a_bead_off_the_middle_is_right_or_lost(
    zlut: ZLUT, noise: CameraNoise | None, with_lut: bool
) -> None:
    """Cut rings give the search plausible places up to 0.4 µm beside the bead."""
    rng = np.random.default_rng(9)
    truth = np.column_stack([rng.uniform(-500, 500, (200, 2)), rng.uniform(-4200, -1800, 200)])
    images = bead_images.expose(cases.own_light(truth, ROI), PHOTONS_E, rng)
    with Tracker(ROI, zlut if with_lut else None, noise, "qi") as tracker:
        tracks = tracker.track(images, [[0, 0]])
    lost = tracks.has(TrackFlag.LOST)[:, 0]
    assert lost.mean() < 0.05
    assert np.isnan(tracks.x_px[lost]).all()
    errors = _errors(tracks, truth)[~lost, :2]
    assert np.abs(errors).max() < 10
    if noise is not None:
        assert np.abs(errors / _sigmas(tracks)[~lost, :2]).max() < 6
