"""A bead that leaves its ROI, and one whose rings the camera clips: what is said of them."""

from __future__ import annotations

import numpy as np
import pytest

from magscope_app.tracking import ZLUT, CameraNoise, Tracker, TrackFlag
from tests.benchmarks import bead_images

ROI, PHOTONS_E = 48, 5000.0
NOISE = bead_images.camera_noise(PHOTONS_E)
Z_NM = np.arange(-3600.0, -2399.0, 50.0)


@pytest.fixture(scope="module")
def zlut() -> ZLUT:
    return ZLUT.from_sweep(bead_images.sweep(Z_NM, 4, ROI, PHOTONS_E, np.random.default_rng(1)), Z_NM)


@pytest.mark.parametrize("method", ["full", "fast", "qi"])
def test_a_bead_that_leaves_its_roi_is_lost_at_the_edge(zlut: ZLUT, method: str) -> None:
    off_nm = np.repeat([0.0, 1800.0, 2100.0, 2400.0, 2700.0], 6)
    x_nm = off_nm * np.tile([1, -1], 15)
    z_nm = np.tile(np.linspace(-3300, -2700, 6), 5)
    rng = np.random.default_rng(2)
    frames = bead_images.expose(bead_images.clean(x_nm, 0.2 * x_nm, z_nm, ROI), PHOTONS_E, rng)
    with Tracker(ROI, zlut, NOISE, method) as tracker:
        flags = tracker.track(frames, [[0, 0]]).flags[:, 0]
    assert not flags[off_nm == 0].any()
    assert (flags[off_nm > 0] == TrackFlag.LOST | TrackFlag.AT_EDGE).all()


def test_what_is_lost_elsewhere_is_not_at_the_edge(zlut: ZLUT) -> None:
    """An empty ROI, and two beads in one."""
    rng = np.random.default_rng(3)
    empty = np.ones((40, ROI, ROI))
    z_nm = np.linspace(-3300.0, -2700.0, 20)
    one = np.ones(20)
    two = bead_images.clean(-500 * one, 0 * one, z_nm, ROI)
    two += bead_images.clean(900 * one, 300 * one, z_nm, ROI)
    for light in (empty, np.maximum(two - 1, 0)):
        frames = bead_images.expose(light, PHOTONS_E, rng)
        for noise in (NOISE, None):
            with Tracker(ROI, zlut, noise, "qi") as tracker:
                tracks = tracker.track(frames, [[0, 0]])
            assert not tracks.has(TrackFlag.AT_EDGE).any()
    assert tracks.shape == (20, 1)


def test_qi_gives_no_z_where_rings_are_clipped(zlut: ZLUT) -> None:
    rng = np.random.default_rng(4)
    z_nm = rng.uniform(-3400, -2600, 60)
    light = bead_images.clean(rng.uniform(-100, 100, 60), rng.uniform(-100, 100, 60), z_nm, ROI)
    gain = bead_images.camera_noise(PHOTONS_E).gain_dn_per_e
    for brighter in (1.0, 1.3, 1.5, 1.7, 1.9, 2.1):
        frames = bead_images.expose(light * brighter, PHOTONS_E, rng)
        clipped = (frames == 255).mean(axis=(1, 2))
        with Tracker(ROI, zlut, CameraNoise(gain), "qi") as tracker:
            tracks = tracker.track(frames, [[0, 0]])
        assert np.isnan(tracks.z_nm[clipped > 0.01]).all()
        assert np.isnan(tracks.sigma_z_nm[clipped > 0]).all()
        assert np.isfinite(tracks.z_nm[clipped == 0]).all()
        known = np.isfinite(tracks.z_nm[:, 0])
        assert np.abs(tracks.z_nm[known, 0] - z_nm[known]).max(initial=0) < 30
        assert np.isfinite(tracks.x_px).all()
    assert (clipped > 0.01).all()
    # The fits leave clipped pixels out, and "qi" still tells them where to start.
    with Tracker(ROI, zlut, CameraNoise(gain), "full") as tracker:
        frames = bead_images.expose(light * 1.9, PHOTONS_E, rng)
        tracks = tracker.track(frames, [[0, 0]])
    fitted = ~tracks.has(TrackFlag.FALL_BACK)[:, 0]
    assert fitted.any()
    assert np.abs(tracks.z_nm[fitted, 0] - z_nm[fitted]).max() < 60
