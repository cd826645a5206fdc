"""The GUI process's work in a test: the real window, driven by mouse and keyboard from inside."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np

from magscope_app.processes.handles import Handles
from magscope_app.processes.link import Link

#: Where the driver writes what it has seen.
REPORT = "MAGSCOPE_TEST_WINDOW_REPORT"
_STEP_TIMEOUT_S = 15.0

Condition = Callable[[], bool]


def run(link: Link, handles: Handles) -> int:
    """Open the real window and drive it; the target of the GUI process in `test_window`."""
    return _opened(link, handles, _Driver)


def run_and_look(link: Link, handles: Handles) -> int:
    """Open the real window; one that was opened again says what it shows."""
    return _opened(link, handles, _Looker if handles.restarted else lambda window, handles: None)


def _opened(link: Link, handles: Handles, drive: Callable[[Any, Handles], object]) -> int:
    import gui.app
    import gui.application as application_module

    original = application_module.open_window
    drivers: list[object] = []

    def open_and_drive(application: Any, session: Any, folder: Any = None) -> Any:
        window = original(application, session, folder)
        drivers.append(drive(window, handles))
        return window

    application_module.open_window = open_and_drive
    return gui.app.run(link, handles)


class _Looker:
    """Writes down what a window shows as soon as it knows of a recording."""

    def __init__(self, window: Any, handles: Handles) -> None:
        from PyQt6.QtCore import QTimer

        self._window = window
        self._timer = QTimer(window)
        self._timer.timeout.connect(self._look)
        self._timer.start(100)

    def _look(self) -> None:
        from PyQt6.QtWidgets import QComboBox, QLineEdit

        from tests.gui.hands import find, text_of

        name, folder = (
            find(self._window, QLineEdit, f"recording.{key}").text() for key in ("name", "folder")
        )
        state = self._window.session.state
        if state.recording is None or name == "demo" or not self._window.notice.isVisible():
            return
        self._timer.stop()
        self._window.notice.grab().save(str(Path(os.environ[REPORT]).with_suffix(".png")))
        seen = {
            "notice": text_of(self._window, "notice.text"),
            "next": [folder, name, find(self._window, QComboBox, "recording.mode").currentText()],
            "log": [line.text for line in state.log],
        }
        Path(os.environ[REPORT]).write_text(json.dumps(seen), encoding="utf-8")


class _Driver:
    """Takes the next step of a scenario as soon as what it waits for has come true."""

    def __init__(self, window: Any, handles: Handles) -> None:
        from PyQt6.QtCore import QTimer

        self._window = window
        self._rois = handles.rois()
        self._seen: dict[str, Any] = {}
        self._steps = self._scenario()
        self._condition: tuple[str, Condition] = ("the window opens", lambda: True)
        self._deadline = time.monotonic() + _STEP_TIMEOUT_S
        self._timer = QTimer(window)
        self._timer.timeout.connect(self._turn)
        self._timer.start(20)

    def _turn(self) -> None:
        what, condition = self._condition
        if condition():
            try:
                self._condition = next(self._steps)
            except StopIteration:
                self._timer.stop()
                return
            except (AssertionError, AttributeError) as error:
                self._seen["error"] = f"after {what}: {error}"
                self._end()
                return
            self._deadline = time.monotonic() + _STEP_TIMEOUT_S
        elif time.monotonic() > self._deadline:
            self._seen["error"] = f"gave up waiting until {what}"
            self._window.grab().save(str(Path(os.environ[REPORT]).with_suffix(".png")))
            self._end()

    def _scenario(self) -> Generator[tuple[str, Condition], None, None]:
        from PyQt6.QtCore import Qt
        from PyQt6.QtWidgets import QLineEdit, QWidget

        from tests.gui.hands import SHIFT, click, click_image, find, press, retype, text_of

        window = self._window
        traces = window.panels["traces"]
        yield "4 beads are found", lambda: text_of(window, "status.beads.value") == "4"
        x0, x1, y0, y1 = self._rois.get_beads()[1][3]
        place = (x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2
        click_image(window, *place)
        press(window.image.view, Qt.Key.Key_Delete)
        yield "one of them is gone", lambda: text_of(window, "status.beads.value") == "3"
        yield "it can be undone", lambda: window.menus.actions["undo"].isEnabled()
        press(window.image.view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        yield "it is back by undo", lambda: text_of(window, "status.beads.value") == "4"
        press(window.image.view, Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
        yield "it is gone by redo", lambda: text_of(window, "status.beads.value") == "3"
        retype(find(window, QLineEdit, "image.roi"), "48")
        yield "the ROIs are smaller", lambda: all(b - a == 48 for a, b, _, _ in self._rois.get_beads()[1])
        window.menus.actions["find_beads"].trigger()
        yield "it is found again", lambda: text_of(window, "status.beads.value") == "4"
        click_image(window, *place)
        press(window.image.view, Qt.Key.Key_Delete)
        yield "it is gone again", lambda: text_of(window, "status.beads.value") == "3"
        press(window.image.view, Qt.Key.Key_B)
        yield "it is found in the preview", lambda: len(window.image.finder.candidates) == 1
        press(window.image.view, Qt.Key.Key_Escape)
        click_image(window, *place, SHIFT)
        yield "it is back", lambda: text_of(window, "status.beads.value") == "4"
        yield "its trace is drawn", lambda: int(np.isfinite(traces.points("x")[1]).sum()) > 20
        self._seen["title"] = text_of(window, "traces.title")
        press(window.image.view, Qt.Key.Key_Space)
        yield "it records", lambda: text_of(window, "status.recording.value") not in ("off", "finishing", "–")
        name, note = find(window, QLineEdit, "recording.name"), find(window, QLineEdit, "recording.note")
        yield "notes can be written", lambda: note.isEnabled()
        retype(note, "magnet was touched")
        retype(name, "renamed")
        window.show_panel("camera")
        yield "the settings are there", lambda: bool(window.findChild(QWidget, "camera.exposure_ms"))
        retype(find(window, QWidget, "camera.exposure_ms"), "4")
        retype(find(window, QWidget, "camera.gain_dn_per_e"), "0.0125")
        window.show_panel("calibration")
        folder = Path(os.environ[REPORT]).parent
        retype(find(window, QLineEdit, "calibration.file"), str(folder / "z1.npz"))
        click(find(window, QWidget, "calibration.load"))
        yield "the other Z-LUT is used", lambda: window.session.zluts.path == folder / "z1.npz"
        until = time.monotonic() + 1.0
        yield "a second has passed", lambda: time.monotonic() > until
        press(window.image.view, Qt.Key.Key_Space, Qt.KeyboardModifier.ControlModifier)
        yield "the recording has ended", lambda: text_of(window, "status.recording.value") == "off"
        window.files.write_config(folder / "saved.toml")
        yield "the state is saved", (folder / "saved.toml").exists
        self._end()

    def _end(self) -> None:
        self._timer.stop()
        Path(os.environ[REPORT]).write_text(json.dumps(self._seen), encoding="utf-8")
        self._rois.close()
        self._window.close()
