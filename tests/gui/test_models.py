"""What the window shows, computed without a window."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gui.models.bead_table import bead_lines
from gui.models.boxes import Boxes
from gui.models.envelope import envelope, steady_range
from gui.models.gestures import AddAt, Choose, Gestures, MoveBy, Pan
from gui.models.picture import Levels, auto_levels, colour_table, full_levels, render
from gui.models.quantities import bytes_text, count_text, duration_text, log_ticks, number_text
from gui.models.selection import Selection
from gui.models.setting_label import setting_label
from gui.models.viewport import Viewport
from gui.theme import DARK, LIGHT, Theme, contrast
from magscope_app.devices.setting import Setting, SettingKind
from magscope_app.messages import Bead
from magscope_app.tracking import TrackFlag

BOXES = Boxes(np.array([3, 7]), np.array([[10.0, 42.0, 20.0, 52.0], [30.0, 62.0, 20.0, 52.0]]), 1)


@given(
    scale=st.floats(0.05, 30),
    left=st.floats(-50, 500),
    top=st.floats(-50, 500),
    x=st.floats(0, 900),
    y=st.floats(0, 700),
)
def test_what_is_under_a_point_is_shown_at_that_point(
    scale: float, left: float, top: float, x: float, y: float
) -> None:
    viewport = Viewport(scale, left, top)
    assert viewport.to_view(*viewport.to_image(x, y)) == pytest.approx((x, y), abs=1e-6)


@given(factor=st.floats(0.2, 5), x=st.floats(0, 900), y=st.floats(0, 700))
def test_zooming_keeps_the_point_under_the_mouse(factor: float, x: float, y: float) -> None:
    before = Viewport.fitting((320, 240), (900, 700))
    after = before.zoomed(factor, x, y, smallest=0.01)
    assert after.to_image(x, y) == pytest.approx(before.to_image(x, y), abs=1e-6)


def test_a_fitted_image_touches_two_edges_and_pixel_centres_are_integers() -> None:
    viewport = Viewport.fitting((320, 240), (640, 700))
    assert viewport.scale == 2.0
    assert viewport.to_view(-0.5, -0.5) == pytest.approx((0.0, 110.0))
    assert viewport.to_view(319.5, 239.5) == pytest.approx((640.0, 590.0))


def test_an_image_cannot_be_lost_by_panning() -> None:
    view = 640, 480
    far = Viewport.fitting((320, 240), view).panned(1e6, -1e6).within((320, 240), view)
    x_px, y_px = far.to_image(320, 240)
    assert -0.5 <= x_px <= 319.5
    assert -0.5 <= y_px <= 239.5


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_screen_shows_each_pixel_where_the_viewport_says(dtype: type) -> None:
    image: npt.NDArray[Any] = np.arange(60 * 40).reshape(40, 60).astype(dtype)
    table = colour_table(full_levels(8 * np.dtype(dtype).itemsize), image.dtype, "grey", 8)
    viewport, view = Viewport(3.0, 10.0, 5.0), (90, 70)
    patch = render(image, table, viewport, view)
    assert patch is not None
    assert (patch.x, patch.y) == (0, 0)
    assert patch.pixels.shape == (70, 90)
    x_px, y_px = viewport.to_image(45.5, 30.5)
    assert patch.pixels[30, 45] == table[image[round(y_px), round(x_px)]]


def test_an_image_smaller_than_the_view_leaves_a_margin() -> None:
    image = np.zeros((20, 30), np.uint8)
    table = colour_table(Levels(0, 255), image.dtype, "grey", 8)
    patch = render(image, table, Viewport.fitting((30, 20), (100, 200)), (100, 200))
    assert patch is not None
    assert patch.pixels.shape[0] in (66, 67)
    assert patch.pixels.shape[1] == 100
    assert patch.x == 0
    assert patch.y == pytest.approx((200 - 67) / 2, abs=1)
    assert render(image, table, Viewport(1.0, 500.0, 0.0), (100, 200)) is None


def test_levels_follow_the_contrast_but_not_every_flicker() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(90, 110, (200, 300)).astype(np.uint16)
    levels = auto_levels(image)
    assert 88 <= levels.low <= 92
    assert 108 <= levels.high <= 112
    assert auto_levels(image + np.uint16(1), levels) is levels
    assert auto_levels(image * np.uint16(2), levels) != levels
    assert auto_levels(np.full((50, 60), 7, np.uint8)).high > 7


def test_a_click_selects_adds_or_does_nothing() -> None:
    gestures = Gestures()
    gestures.press((5, 5), (20, 30), BOXES, Selection(), adds=False)
    assert gestures.release() == Choose(3)
    gestures.press((5, 5), (200, 30), BOXES, Selection.of((3,)), adds=False)
    assert gestures.release() is None
    gestures.press((5, 5), (200, 30), BOXES, Selection.of((3,)), adds=True)
    assert gestures.release() == AddAt(200, 30)
    gestures.press((5, 5), (20, 30), BOXES, Selection(), adds=True)
    assert gestures.release() == Choose(3)


def test_where_boxes_overlap_the_selected_one_or_the_nearest_counts() -> None:
    assert BOXES.at(33, 36) == 3
    assert BOXES.at(39, 36) == 7
    assert BOXES.at(33, 36, preferred=7) == 7
    assert BOXES.at(9.4, 30) is None
    assert BOXES.centre(3) == (25.5, 35.5)


def test_only_the_selected_box_can_be_dragged() -> None:
    gestures = Gestures(threshold=6)
    gestures.press((100, 100), (20, 30), BOXES, Selection.of((3,)), adds=False)
    assert gestures.move((103, 100), (20.3, 30)) is None
    assert gestures.dragged is None
    gestures.move((150, 80), (25, 28))
    assert gestures.release() == MoveBy(frozenset({3}), 5, -2)
    gestures.press((100, 100), (20, 30), BOXES, Selection.of((7,)), adds=False)
    assert gestures.move((150, 80), (25, 28)) == Pan(50, -20)
    assert gestures.release() is None


@given(n=st.integers(2, 3000), bin_s=st.floats(0.005, 1.0), seed=st.integers(0, 100))
def test_an_envelope_has_few_points_and_loses_no_extreme(n: int, bin_s: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    t_s = np.arange(n, dtype=np.float64) / 100
    values = rng.normal(size=n)
    values[rng.random(n) < 0.2] = np.nan
    x, y = envelope(t_s, values, bin_s)
    assert len(x) == len(y) <= max(2 * (t_s[-1] / bin_s + 2), 1)
    if np.isfinite(values).any():
        assert np.nanmin(y) == np.nanmin(values)
        assert np.nanmax(y) == np.nanmax(values)


def test_an_axis_stays_until_the_trace_leaves_it_or_gets_much_smaller() -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 10, 2000)
    first = steady_range(noise, None, 1.0)
    assert first is not None
    assert first[0] < noise.min() * 0.8
    assert steady_range(noise * 0.8, first, 1.0) == first
    grown = steady_range(noise * 2, first, 1.0)
    assert grown is not None
    assert grown[1] > first[1]
    shrunk = steady_range(noise * 0.2, first, 1.0)
    assert shrunk is not None
    assert shrunk[1] < first[1] / 2
    assert steady_range(np.full(9, np.nan), first, 1.0) == first


def test_numbers_are_written_as_a_person_reads_them() -> None:
    assert bytes_text(999) == "999 B"
    assert bytes_text(1_500_000) == "1.5 MB"
    assert bytes_text(812e9) == "812 GB"
    assert bytes_text(3.2e12) == "3.2 TB"
    assert duration_text(3661.9) == "01:01:01"
    assert count_text(1234567) == "1\u2009234\u2009567"
    assert number_text(float("nan"), 1) == "–"


@pytest.mark.parametrize(
    ("name", "unit", "label"),
    [
        ("exposure_ms", "ms", "exposure (ms)"),
        ("gain_dn_per_e", "DN/e", "gain (DN/e)"),
        ("read_noise_e", "e", "read noise (e)"),
        ("fps", "Hz", "fps (Hz)"),
        ("contrast", "", "contrast"),
    ],
)
def test_a_setting_names_its_unit_once(name: str, unit: str, label: str) -> None:
    assert setting_label(Setting(name, SettingKind.FLOAT, 1.0, unit)) == label


def test_a_bead_without_rows_is_in_the_table_all_the_same() -> None:
    lines = bead_lines({4: Bead(4, 1.0, 2.0), 9: Bead(9, 3.0, 4.0, "reference")}, newest_row()[None])
    assert lines[0].texts == ("4", "tether", "12.345", "2.000", "–", "–", "0.910", "–", "✓ tracked")
    assert lines[1].texts == ("9", "ref", "–", "–", "–", "–", "–", "–", "… waits")


def newest_row(flags: int = 0) -> np.typing.NDArray[np.float64]:
    return np.array([5, 5e7, 12345.0, 2000.0, np.nan, 4, 0, 0, 1, 1, np.nan, 0.91, 0, flags])


@pytest.mark.parametrize(
    ("flags", "state"),
    [
        (TrackFlag.LOST | TrackFlag.AT_EDGE, "✕ lost"),
        (TrackFlag.OUT_OF_LUT | TrackFlag.SATURATED, "△ range"),
        (TrackFlag.OVERLAPPED, "△ overlap"),
        (TrackFlag.NO_ZLUT, "△ no LUT"),
        (TrackFlag.FALL_BACK, "△ no fit"),
    ],
)
def test_the_table_says_the_worst_that_is_known_of_a_bead(flags: TrackFlag, state: str) -> None:
    (line,) = bead_lines({4: Bead(4, 1.0, 2.0)}, newest_row(flags)[None])
    assert line.texts[-1] == state
    (sound,) = bead_lines({4: Bead(4, 1.0, 2.0)}, newest_row()[None])
    assert line.keys[-1] < sound.keys[-1], "the worst comes first"


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_every_text_can_be_read(theme: Theme) -> None:
    pairs = [
        (pair.text, pair.background)
        for pair in (theme.accent, theme.calm, theme.warn, theme.alarm, theme.record)
    ]
    pairs += [
        (text, ground)
        for text in (theme.text, theme.dim)
        for ground in (theme.window, theme.base, theme.raised)
    ]
    pairs += [(theme.dim, theme.calm.background), (theme.good, theme.window)]
    pairs += [(line, theme.base) for line in (theme.x, theme.y, theme.z)]
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert {pair: contrast(*pair) for pair in pairs if contrast(*pair) < 4.5} == {}


def test_a_logarithmic_axis_has_few_numbers_and_they_are_round() -> None:
    shown = [text for place, text in log_ticks(-1.0, 0.9) if -1.0 <= place <= 0.9]
    assert shown == ["0.1", "0.2", "0.5", "1", "2", "5"]
    assert [text for place, text in log_ticks(-2.0, 3.0) if -2.0 <= place <= 3.0][:3] == ["0.01", "0.1", "1"]
