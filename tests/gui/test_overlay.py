"""What lies over the image, as it is seen on the screen."""

from __future__ import annotations

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage, QPainter, QPixmap
from PyQt6.QtWidgets import QApplication

from gui.widgets.labels import Labels
from gui.widgets.overlay import REFERENCE, SELECTED, TETHERED
from gui.window import MainWindow
from tests.gui.hands import CONTROL, click_image, drag_image, look, press, seen, until
from tests.gui.rig import Rig


@pytest.fixture
def running(window: MainWindow, rig: Rig, qapp: QApplication) -> MainWindow:
    rig.open_devices()
    rig.add_beads((100.0, 80.0), (200.0, 150.0))
    rig.frame()
    rig.rows(5)
    look(window, qapp)
    return window


def has(image: QImage, x: float, y: float, colour: str) -> bool:
    """Return whether a colour is within a pixel of a place."""
    near = [(round(x) + dx, round(y) + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    return any(image.pixelColor(*place).name() == colour for place in near)


def edge(window: MainWindow, bead_id: int) -> tuple[float, float]:
    """Return the middle of the right edge of a box on the view."""
    boxes = window.image.view.overlay.boxes
    _, x1, y0, y1 = boxes.rois[boxes.ids.tolist().index(bead_id)]
    return window.image.view.viewport_now.to_view(x1 - 0.5, (y0 + y1 - 1) / 2)


def test_boxes_ids_and_centres_are_where_the_beads_are(running: MainWindow) -> None:
    view = running.image.view
    image = seen(view)
    assert has(image, *edge(running, 0), SELECTED)
    assert has(image, *edge(running, 1), TETHERED)
    newest = running.session.history.latest()
    for x_nm, y_nm in newest[:, 2:4]:
        assert has(image, *view.viewport_now.to_view(x_nm / 100, y_nm / 100), SELECTED)
    x0, _, y0, _ = view.overlay.boxes.rois[1]
    left, top = (round(place) for place in view.viewport_now.to_view(x0 - 0.5, y0 - 0.5))
    label = {image.pixelColor(left + dx, top + dy).name() for dx in range(2, 12) for dy in range(2, 16)}
    beside = {image.pixelColor(left + dx, top - dy).name() for dx in range(2, 12) for dy in range(4, 16)}
    assert len(label - beside) > 3, "the number stands in the corner of the box"


def test_what_is_drawn_follows_every_change(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    click_image(running, 200.0, 150.0)
    look(running, qapp)
    assert has(seen(running.image.view), *edge(running, 1), SELECTED)
    press(running.image.view, Qt.Key.Key_R)
    rig.heard()
    click_image(running, 100.0, 80.0)
    look(running, qapp)
    assert has(seen(running.image.view), *edge(running, 1), REFERENCE)
    before = edge(running, 0)
    drag_image(running, (100.0, 80.0), (140.0, 90.0))
    until(running, qapp, lambda: not rig.heard() and edge(running, 0) != before)
    image = seen(running.image.view)
    assert has(image, *edge(running, 0), SELECTED)
    assert not has(image, *before, SELECTED)
    running.image.view.zoom(2)
    look(running, qapp)
    assert has(seen(running.image.view), *edge(running, 0), SELECTED)
    click_image(running, 200.0, 150.0, CONTROL)
    look(running, qapp)
    assert has(seen(running.image.view), *edge(running, 1), SELECTED)


@pytest.mark.parametrize("count", [0, 1, 3000])
def test_every_text_has_a_place_of_its_own(qapp: QApplication, count: int) -> None:
    canvas = QPixmap(10, 10)
    painter = QPainter(canvas)
    labels = Labels()
    labels.begin(painter, 1.5)
    first = labels.places([("7", "#ffffff")])
    places = labels.places([(str(number), "#ffffff") for number in range(count)])
    again = labels.places([("7", "#ffffff"), ("7", "#ff0000")])
    painter.end()
    assert places.shape == (count, 4)
    assert len(np.unique(places[:, :2], axis=0)) == count
    assert (places[:, 2:] > 0).all()
    assert (places[:, :2] + places[:, 2:] <= labels.picture.width()).all()
    assert again[0].tolist() != again[1].tolist()
    assert first.shape == (1, 4)
