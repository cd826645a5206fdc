"""What bead finding leaves out beside beads, and what light does not change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from magscope_app.tracking import find_beads, template_of
from tests.tracking import simulator

FloatArray = npt.NDArray[np.float64]
Frame = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
ROI = 64
WIDTH, HEIGHT = 420, 360
_PLACES = np.array([[60.0, 60.3], [200.2, 70.0], [340.0, 60.0], [70.4, 200.0], [350.0, 210.1]])
#: Where there is no bead.
_FREE = (210, 270)
_Y, _X = np.mgrid[:HEIGHT, :WIDTH]
_DX, _DY = _X - _FREE[0], _Y - _FREE[1]
_BLOT = 0.5 * np.exp(-(_DX**2 + _DY**2) / 50)


def _clean(
    places: FloatArray = _PLACES,
    contrasts: Sequence[float] = (1.0,) * len(_PLACES),
    defocus_nm: float = 5000.0,
) -> FloatArray:
    """Light of beads that are up to 1 µm nearer to the focus than `defocus_nm`; background 1."""
    clean = np.ones((HEIGHT, WIDTH))
    heights = np.linspace(0, 1000, len(places))
    for place, contrast, z in zip(places, contrasts, heights, strict=True):
        profile = simulator.radial_profiles(defocus_nm - z)[0]
        clean += contrast * (simulator.render(place[0], place[1], profile, WIDTH, HEIGHT) - 1)
    return clean


def _image(clean: FloatArray, seed: int = 0) -> Frame:
    return simulator.camera(clean, np.random.default_rng(seed))


def _are_the_beads(found: FloatArray, places: FloatArray) -> bool:
    distances = np.hypot(*(found[:, None, :2] - places[None]).T)
    return len(found) == len(places) and bool((distances.min(axis=1) < 0.3).all())


@pytest.mark.parametrize("per_roi", [0.06, 0.15])
def test_beads_on_a_light_ramp(per_roi: float) -> None:
    light = 1 + per_roi / ROI * (0.8 * (_X - WIDTH / 2) - 0.6 * (_Y - HEIGHT / 2))
    assert _are_the_beads(find_beads(_image(_clean() * light), ROI), _PLACES)


def test_beads_in_light_that_falls_off_towards_the_corners() -> None:
    light = 1.2 - 0.5 * np.hypot(_X - 210, _Y - 180) / 250
    assert _are_the_beads(find_beads(_image(_clean() * light), ROI), _PLACES)


_DEBRIS = {
    **{f"square of {2 * r - 1} px": (np.abs(_DX) < r) & (np.abs(_DY) < r) for r in (3, 5, 8, 10)},
    **{f"diamond of {2 * r - 1} px": np.abs(_DX) + np.abs(_DY) < r for r in (5, 8, 12)},
    "disc": np.hypot(_DX, _DY) < 8,
    "line": np.abs(_DX - _DY) < 2,
}


@pytest.mark.parametrize("name", [*_DEBRIS, "blot"])
def test_debris_without_rings_beside_beads(name: str) -> None:
    clean = _clean()
    clean = clean - _BLOT if name == "blot" else np.where(_DEBRIS[name], 0.4, clean)
    places = _PLACES
    if name == "line":  # it spoils the bead that it crosses
        places = np.delete(_PLACES, 3, axis=0)
        clean = np.where(np.abs(_DX - _DY + 60) < 2, 0.4, _clean())
    found = find_beads(_image(clean), ROI)
    assert not (np.hypot(found[:, 0] - _FREE[0], found[:, 1] - _FREE[1]) < 20).any()
    assert _are_the_beads(found, places)


@pytest.mark.parametrize("name", [name for name in _DEBRIS if name not in ("disc", "line")])
def test_debris_in_a_frame_without_beads(name: str) -> None:
    assert len(find_beads(_image(np.where(_DEBRIS[name], 0.4, 1.0)), ROI)) == 0


@pytest.mark.parametrize("noisy", [False, True])
def test_hot_pixels_are_no_beads(noisy: bool) -> None:
    frame = _image(np.ones((HEIGHT, WIDTH))) if noisy else np.zeros((HEIGHT, WIDTH), np.uint8)
    frame[100, 100] = 255
    frame[200:203, 300:303] = 255
    assert len(find_beads(frame, ROI)) == 0


def test_beads_in_focus_have_no_rings_and_are_found() -> None:
    """Where they are a fifth of all, where they are alone, and where such a one was clicked."""
    clean = _clean(_PLACES[:1], (1.0,), 0.0)
    assert _are_the_beads(find_beads(_image(clean), ROI), _PLACES[:1])
    mixed = _image(clean + _clean(_PLACES[1:], (1.0,) * 4) - 1)
    assert _are_the_beads(find_beads(mixed, ROI), _PLACES)
    template = template_of(mixed, 60, 60, ROI)
    further = np.concatenate([_PLACES, [[_FREE[0], _FREE[1]]]])
    crowded = _image(clean + _clean(further[1:], (1.0,) * 5) - 1)
    assert _are_the_beads(find_beads(crowded, ROI), further[1:])
    assert _are_the_beads(find_beads(crowded, ROI, template), further)


def test_faint_ones_are_left_out() -> None:
    """A tenth of the typical variance without a template, a quarter of the clicked bead's with one."""
    frame = _image(_clean(contrasts=(1.0, 1.0, 1.0, 0.4, 0.22)))
    assert _are_the_beads(find_beads(frame, ROI), _PLACES[:4])
    assert _are_the_beads(find_beads(frame, ROI, template_of(frame, 60, 60, ROI)), _PLACES[:3])


def test_dirt_in_one_sector() -> None:
    """It is little of the light, and rings explain more of it than the threshold asks for."""
    dirt = 0.65 * np.exp(-((_X - 80) ** 2 + (_Y - 60) ** 2) / 12)
    found = find_beads(_image(_clean() - dirt), ROI)
    assert _are_the_beads(found, _PLACES[1:])


def test_beads_whose_roi_ends_with_the_frame() -> None:
    """A pixel further out they are left out."""
    inside = np.array([[31.6, 100.0], [WIDTH - 32.6, 200.0], [150.0, 31.6], [260.0, HEIGHT - 32.6]])
    assert _are_the_beads(find_beads(_image(_clean(inside, (1.0,) * 4)), ROI), inside)
    outside = inside + np.array([[-0.9, 0], [0.9, 0], [0, -0.9], [0, 0.9]])
    assert len(find_beads(_image(_clean(outside, (1.0,) * 4)), ROI)) == 0
