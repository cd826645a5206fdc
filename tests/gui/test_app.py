"""The GUI process itself, the chooser, and what is said where Qt cannot start."""

from __future__ import annotations

import logging
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication, QDialog, QFileDialog, QLineEdit, QMessageBox

from gui import chooser, dialogs
from gui.application import ErrorReport
from gui.libraries import missing_packages, sentence
from magscope_app.datatypes import TRACKS_COLUMNS, Session
from magscope_app.messages import ProcessReady, Shutdown
from magscope_app.processes.child import ChildStart, child_main
from magscope_app.processes.handles import make_handles, telemetry_name
from magscope_app.processes.link import Link
from magscope_app.processes.segments import LOCK_SHAPES, Segments
from tests.gui.hands import find
from tests.gui.rig import config

_SHAPES = {"tracks": (1000, len(TRACKS_COLUMNS)), telemetry_name("focus"): (100, 5), **LOCK_SHAPES}


class Child:
    """The GUI process as the supervisor starts it."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._shared = Session.create()
        handles = make_handles(context, config(), self._shared, time.perf_counter_ns(), _SHAPES)
        self._segments = Segments(handles, _SHAPES)
        near, far = context.Pipe()
        self.link = Link(near, "test")
        start = ChildStart("gui", "gui.app:run", far, handles)
        self.process = context.Process(target=child_main, args=(start,))
        self.process.start()
        far.close()

    def wait_ready(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.link.receive(0.2) == ProcessReady("gui"):
                return
        raise AssertionError("the window did not open")

    def close(self) -> None:
        self.link.close()
        self.process.join(10)
        self.process.close()
        self._segments.close()
        self._shared.close()
        # The locks are named semaphores, gone when nothing refers to them any more.
        del self._segments, self.process


@pytest.fixture
def child() -> Iterator[Child]:
    made = Child()
    yield made
    made.close()


@pytest.mark.parametrize(("end", "exit_code"), [("shutdown", 0), ("supervisor gone", 0)])
def test_the_process_says_when_it_is_ready_and_ends_when_told_or_orphaned(
    child: Child, end: str, exit_code: int
) -> None:
    child.wait_ready()
    if end == "shutdown":
        child.link.send(Shutdown())
    else:
        child.link.close()
    child.process.join(5)
    assert child.process.exitcode == exit_code


def test_a_missing_library_is_named_with_its_package() -> None:
    assert missing_packages("win32") == ()
    said = sentence(("libegl1", "libxcb-cursor0"))
    assert said.endswith("sudo apt install libegl1 libxcb-cursor0")
    assert "no module" in sentence((), "no module named PyQt6")


def test_what_a_run_says_is_kept_for_somebody_without_a_console(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(arguments: Sequence[str]) -> int:
        print("a status line")
        print(f"{arguments[1]}: there is no such file; give a TOML file", file=sys.stderr)
        return 2

    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    code, text = chooser.run_kept(run, ["run", "x.toml"])
    monkeypatch.undo()
    assert (code, text) == (2, "x.toml: there is no such file; give a TOML file")


class Answer:
    """Somebody who answers the dialog that comes up."""

    def __init__(self, application: QApplication, act: Callable[[QDialog], None]) -> None:
        self._application = application
        self._act = act
        self._timer = QTimer()
        self._timer.timeout.connect(self._look)
        self._timer.start(50)

    def _look(self) -> None:
        dialog = self._application.activeModalWidget()
        if isinstance(dialog, QDialog):
            self._timer.stop()
            self._act(dialog)


@pytest.mark.timeout(20)
def test_the_chooser_returns_the_file_that_is_chosen(qapp: QApplication, tmp_path: Path) -> None:
    chosen = tmp_path / "mine.toml"
    chosen.write_text("[camera]\n")
    seen: list[Path] = []

    def choose(dialog: QDialog) -> None:
        seen.append(Path(cast("QFileDialog", dialog).directory().absolutePath()))
        find(dialog, QLineEdit, "fileNameEdit").setText(str(chosen))
        dialog.accept()
        if dialog.isVisible():
            dialog.reject()

    answer = Answer(qapp, choose)
    assert dialogs.choose_config(tmp_path) == chosen
    assert seen == [tmp_path]
    del answer


@pytest.mark.timeout(20)
def test_closing_the_chooser_runs_nothing(qapp: QApplication) -> None:
    answer = Answer(qapp, lambda dialog: dialog.reject())
    assert chooser.main() == 0
    del answer


@pytest.mark.timeout(20)
def test_an_error_is_shown_in_a_window(qapp: QApplication) -> None:
    seen: list[str] = []

    def read(dialog: QDialog) -> None:
        seen.append(cast("QMessageBox", dialog).text())
        dialog.accept()

    answer = Answer(qapp, read)
    dialogs.show_error("mine.toml: optics.magnification is missing; give a number")
    assert seen == ["mine.toml: optics.magnification is missing; give a number"]
    del answer


def test_an_error_nobody_caught_is_logged_once_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    report = ErrorReport()
    with caplog.at_level(logging.ERROR, logger="magscope_app.gui"):
        for _ in range(3):
            try:
                raise RuntimeError("a panel broke")
            except RuntimeError as error:
                report.take(RuntimeError, error, None)
    assert [record.getMessage().count("a panel broke") > 0 for record in caplog.records] == [True]
