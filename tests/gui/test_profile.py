"""The radial profile beside its Z-LUT: which plane is drawn, and what is said where none can be."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PyQt6.QtWidgets import QApplication

from gui.models.best_plane import best_plane
from gui.panels.profile import ProfilePanel
from gui.window import MainWindow
from magscope_app.tracking import ZLUT
from tests.gui.hands import look, text_of, until
from tests.gui.rig import Rig

N_RADII = 24


def rings(z_nm: float) -> npt.NDArray[np.float64]:
    """Return a profile whose rings move outwards with z."""
    radii = np.arange(N_RADII, dtype=np.float64)
    return np.asarray(120 + 60 * np.cos(radii / (1.5 + z_nm / 2000)) * np.exp(-radii / 12), np.float64)


@pytest.fixture
def zlut() -> ZLUT:
    z_nm = np.arange(0.0, 2000.0, 100.0)
    return ZLUT(z_nm, np.array([rings(z) for z in z_nm]))


@pytest.mark.parametrize("n_known", [N_RADII, 17, 6])
def test_the_plane_is_found_from_the_radii_that_are_there(zlut: ZLUT, n_known: int) -> None:
    profile = 1.4 * rings(700.0) + 30
    profile[n_known:] = np.nan
    best = best_plane(zlut, profile)
    assert best is not None
    assert (best.index, best.z_nm) == (7, 700.0)
    assert best.correlation == pytest.approx(1.0)
    np.testing.assert_allclose(best.profile, 1.4 * rings(700.0) + 30, rtol=1e-6)


def test_a_hole_in_the_profile_is_left_out(zlut: ZLUT) -> None:
    profile = rings(1200.0)
    profile[[0, 9, 10]] = np.nan
    best = best_plane(zlut, profile)
    assert best is not None
    assert best.z_nm == 1200.0


@pytest.mark.parametrize("profile", [np.full(N_RADII, np.nan), np.full(N_RADII, 7.0), rings(0.0)[:5]])
def test_no_plane_is_named_where_nothing_can_be_compared(
    zlut: ZLUT, profile: npt.NDArray[np.float64]
) -> None:
    assert best_plane(zlut, profile) is None


def test_the_panel_draws_the_plane_and_says_truly_what_is_missing(
    window: MainWindow, rig: Rig, qapp: QApplication, zlut: ZLUT, tmp_path: Path
) -> None:
    rig.open_devices()
    rig.add_beads((100.0, 80.0))
    rig.rows(10)
    profile = rings(700.0)
    profile[15:] = np.nan
    rig.profile(0, profile)
    window.show_panel("profile")
    look(window, qapp)
    assert "no Z-LUT" in text_of(window, "profile.text")
    zlut.save(tmp_path / "zlut.npz")
    window.session.zluts.use(tmp_path / "zlut.npz")
    until(window, qapp, lambda: "plane 8 of 20" in text_of(window, "profile.text"))
    panel = window.panels["profile"]
    assert isinstance(panel, ProfilePanel)
    radii, plane = panel.plane_points()
    np.testing.assert_allclose(plane[:15], profile[:15], rtol=1e-6)
    assert len(radii) == N_RADII
    window.show_panel("lut")
    look(window, qapp)
    assert text_of(window, "lut.text").endswith("z = 300 nm")
    window.session.history.newest_t_s -= 4.0
    look(window, qapp)
    assert re.search(r"z = 300 nm – \d\.\d s old$", text_of(window, "lut.text"))
    window.show_panel("profile")
    rig.profile(0, rings(700.0)[:4])
    look(window, qapp)
    assert "known at 4 radii, too few to compare" in text_of(window, "profile.text")
    rig.profile(0, np.full(N_RADII, 50.0))
    look(window, qapp)
    assert "no rings to compare" in text_of(window, "profile.text")
    rig.profile(0, 100.0 + (np.arange(N_RADII) % 2))
    look(window, qapp)
    assert "fits no plane of its Z-LUT; the best correlation is -0.0" in text_of(window, "profile.text")
    assert len(panel.plane_points()[0]) == 0
