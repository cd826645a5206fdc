"""One run after the other: which of them "continue the last session" brings back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication, QLineEdit

from gui.application import open_window
from gui.models.last_session import load_last_session
from gui.window import MainWindow
from magscope_app.calibration.messages import ZLUTsUsed
from magscope_app.config import Config
from magscope_app.messages import BeadsChanged, CameraSettings
from tests.gui.hands import find, look, press, retype, text_of, until
from tests.gui.rig import SETTINGS, Rig, config
from tests.gui.test_frame import end

CENTRES = [(60.0 + 20.0 * (index % 8), 60.0 + 20.0 * (index // 8)) for index in range(37)]
Done = Callable[[MainWindow, Rig, QApplication], None]


@contextmanager
def run(qapp: QApplication, folder: Path, settings: Config | None = None) -> Iterator[tuple[MainWindow, Rig]]:
    """A run with a window, which has read what is kept; at its end the window is closed."""
    rig = Rig(settings)
    window = open_window(qapp, rig.session, folder)
    try:
        window.timer.stop()
        rig.open_devices()
        until(window, qapp, lambda: window.files.has_read)
        rig.heard()
        yield window, rig
    finally:
        end(window, qapp)
        rig.close()


def of_beads(qapp: QApplication, folder: Path, zlut: Path) -> None:
    """A run with 37 beads and a Z-LUT."""
    with run(qapp, folder) as (window, rig):
        rig.add_beads(*CENTRES)
        rig.send(ZLUTsUsed(zlut))
        until(window, qapp, lambda: len(window.session.state.beads) == 37)


def kept_beads(folder: Path) -> int:
    """Return how many beads a further run would be offered."""
    kept = load_last_session(folder / "last-session.json", run=-1).before
    assert kept is not None
    return len(kept.beads)


def test_a_start_by_mistake_does_not_take_the_place_of_the_last_session(
    qapp: QApplication, tmp_path: Path
) -> None:
    zlut = tmp_path / "monday.npz"
    zlut.write_bytes(b"")
    of_beads(qapp, tmp_path, zlut)
    for _ in range(2):
        with run(qapp, tmp_path) as (window, _rig):
            window.keep()
    with run(qapp, tmp_path) as (window, rig):
        look(window, qapp)
        action = window.menus.actions["continue_session"]
        assert action.text().startswith("Continue the last session (37 beads, monday.npz, 20")
        assert window.desk.titles["continue_session"] == "Continue the last session"
        action.trigger()
        rig.heard()
        until(window, qapp, lambda: len(window.session.state.beads) == 37)
    # What was brought back is kept as this run's own.
    assert json.loads((tmp_path / "last-session.json").read_text())["run"] == rig.session.run
    assert kept_beads(tmp_path) == 37


def test_beads_that_a_config_brings_are_nothing_that_was_done(qapp: QApplication, tmp_path: Path) -> None:
    of_beads(qapp, tmp_path, tmp_path / "none.npz")
    finds = config()
    finds = finds.model_copy(update={"beads": finds.beads.model_copy(update={"find": True})})
    with run(qapp, tmp_path, finds) as (window, rig):
        rig.add_beads((100.0, 80.0), (200.0, 150.0))
        until(window, qapp, lambda: len(window.session.state.beads) == 2)
    assert kept_beads(tmp_path) == 37
    with run(qapp, tmp_path, finds) as (window, rig):
        rig.add_beads((100.0, 80.0), (200.0, 150.0))
        until(window, qapp, lambda: len(window.session.state.beads) == 2)
        window.session.select_all()
        press(window, Qt.Key.Key_R)
        rig.heard()
        until(window, qapp, lambda: bool(window.session.beads.edits.undo_label))
    assert kept_beads(tmp_path) == 2


def _adds_a_bead(window: MainWindow, rig: Rig, qapp: QApplication) -> None:
    rig.add_beads((100.0, 80.0))
    until(window, qapp, lambda: len(window.session.state.beads) == 1)


def _sets_the_camera(window: MainWindow, rig: Rig, qapp: QApplication) -> None:
    rig.send(CameraSettings((replace(SETTINGS[0], value=7.0), *SETTINGS[1:])))
    look(window, qapp)


def _takes_a_zlut(window: MainWindow, rig: Rig, qapp: QApplication) -> None:
    rig.send(ZLUTsUsed(Path("other.npz")))
    look(window, qapp)


def _names_the_recording(window: MainWindow, _rig: Rig, qapp: QApplication) -> None:
    window.show_panel("recording")
    look(window, qapp)
    retype(find(window, QLineEdit, "recording.name"), "mine")


def _records(window: MainWindow, rig: Rig, qapp: QApplication) -> None:
    rig.send(rig.status(recording=Path("mine"), recording_seconds=1.0))
    look(window, qapp)
    window.keep()
    rig.send(rig.status())
    look(window, qapp)


@pytest.mark.parametrize(
    "done", [_adds_a_bead, _sets_the_camera, _takes_a_zlut, _names_the_recording, _records]
)
def test_a_run_in_which_something_was_done_is_the_last_session(
    done: Done, qapp: QApplication, tmp_path: Path
) -> None:
    of_beads(qapp, tmp_path, tmp_path / "none.npz")
    with run(qapp, tmp_path) as (window, rig):
        done(window, rig, qapp)
    assert kept_beads(tmp_path) < 37


def test_a_run_that_was_kept_once_goes_on_being_kept(qapp: QApplication, tmp_path: Path) -> None:
    of_beads(qapp, tmp_path, tmp_path / "none.npz")
    with run(qapp, tmp_path) as (window, rig):
        _adds_a_bead(window, rig, qapp)
        window.keep()
        # Somebody else has emptied the list: there is no edit of this window.
        rig.send(BeadsChanged((), 99, 32))
        until(window, qapp, lambda: not window.session.state.beads)
    assert kept_beads(tmp_path) == 0


def test_the_first_run_is_kept_whatever_was_done(qapp: QApplication, tmp_path: Path) -> None:
    with run(qapp, tmp_path) as (window, _rig):
        look(window, qapp)
        assert window.menus.actions["continue_session"].text() == "Continue the last session"
        window.menus.actions["continue_session"].trigger()
        look(window, qapp)
        assert "there is no last session yet" in text_of(window, "notice.text")
    assert kept_beads(tmp_path) == 0


def test_a_last_session_that_cannot_be_read_is_told_at_the_start(qapp: QApplication, tmp_path: Path) -> None:
    of_beads(qapp, tmp_path, tmp_path / "none.npz")
    path = tmp_path / "last-session.json"
    whole = path.read_text()
    path.write_text(whole[:-50])
    with run(qapp, tmp_path) as (window, _rig):
        look(window, qapp)
        assert "last-session.refused.json" in text_of(window, "notice.text")
        window.menus.actions["continue_session"].trigger()
        look(window, qapp)
        assert "last-session.refused.json" in text_of(window, "notice.text")
    assert kept_beads(tmp_path) == 0
    assert (tmp_path / "last-session.refused.json").read_text() == whole[:-50]
