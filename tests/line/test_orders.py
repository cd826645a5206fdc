"""A recording that is ordered and not confirmed yet: what is told meanwhile, and the end of the run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from magscope_app.config import load_config
from magscope_app.messages import (
    AddNote,
    Receipt,
    RenameRecording,
    StartRecording,
    StopRecording,
    SystemStatus,
)
from magscope_app.processes.options import Listeners, RunOptions
from magscope_app.processes.supervisor import Supervisor
from magscope_app.storage import open_dataset
from tests.line.feeding import fed_recorder
from tests.line.running import SMALL
from tests.line.test_recording_desk import FULL, Desk, notes

SETTINGS = [setting for setting in SMALL if setting != "--set"]


def test_what_is_told_before_a_recording_is_confirmed_is_kept(tmp_path: Path) -> None:
    with fed_recorder() as rig:
        desk = Desk(rig, tmp_path / "first")
        desk.end()
        desk.finished.clear()
        # Belongs to no recording.
        desk.note("between")
        desk.start(rig.wanted(tmp_path / "second", FULL))
        assert desk.running is None
        desk.note("first")
        desk.tell(StopRecording())
        desk.hear_until(lambda: bool(desk.finished))
        assert not desk.ordered
    assert notes(desk.finished[0].path) == ["first"]


def test_what_is_told_for_a_recording_that_is_refused_is_dropped(tmp_path: Path) -> None:
    with fed_recorder() as rig:
        desk = Desk(rig, tmp_path / "first")
        desk.end()
        desk.finished.clear()
        (tmp_path / "file").touch()
        desk.start(rig.wanted(tmp_path / "file", FULL))
        desk.note("dropped")
        desk.hear_until(lambda: bool(desk.refusals))
        assert not desk.on_refused()
        assert not desk.ordered
        # Another recorder is told nothing of it.
        desk.begin(tmp_path / "second")
        desk.lose_recorder()
        desk.restart_recorder()
        path = desk.end()
    assert notes(path) == []


def test_what_was_told_to_no_recording_does_not_reach_the_next(tmp_path: Path) -> None:
    with fed_recorder() as rig:
        desk = Desk(rig, tmp_path / "first")
        desk.end()
        desk.finished.clear()
        desk.tell(RenameRecording("stale"))
        desk.lose_recorder()
        desk.start(rig.wanted(tmp_path / "second", FULL))
        desk.note("first")
        desk.restart_recorder()
        desk.hear_until(lambda: desk.running is not None)
        path = desk.end()
    assert path.name.endswith("fed")
    assert notes(path) == ["first"]


def test_what_is_confirmed_is_not_asked_for_again(tmp_path: Path) -> None:
    with fed_recorder() as rig:
        desk = Desk(rig, tmp_path)
        desk.note("only")
        heard = time.monotonic() + 1.0
        receipts = 0
        while time.monotonic() < heard:
            for message in rig.messages():
                if isinstance(message, Receipt):
                    receipts += 1
                    desk.on_news(message)
            time.sleep(0.005)
        assert receipts == 1


class Commanded(Supervisor):
    """A run without a window that is ended by what it is commanded with at the first frame."""

    def __init__(self, folder: Path) -> None:
        loaded = load_config("demo.toml", [*SETTINGS, "recording.mode='Track and Video (Full)'"])
        super().__init__(loaded, RunOptions(headless=True, duration_s=30.0), Listeners(print, self._look))
        self._folder = folder
        self._done = False

    def _look(self, status: SystemStatus) -> None:
        ready = "recording" in self._line.ready
        if self._done or not status.counters.frames_acquired or not ready:
            return
        self._done = True
        wrong: Any = "nonsense"
        self.command(StartRecording(self._folder, "wrong", wrong))
        self.command(StartRecording(self._folder, "short"))
        self.command(RenameRecording("bad/name"))
        self.command(StartRecording(self._folder, "second"))
        self.command(AddNote("at once"))
        self.stop()


@pytest.mark.slow
def test_a_recording_ordered_just_before_the_end_is_finished(tmp_path: Path) -> None:
    began = time.monotonic()
    result = Commanded(tmp_path).run()
    assert result.error == ""
    (finished,) = result.recordings
    assert finished.exit_status == "completed"
    (path,) = tmp_path.iterdir()
    assert path == finished.path
    assert path.name.endswith("short")
    assert open_dataset(path).exit_status == "completed"
    assert notes(path) == ["at once"]
    events = [event for event in open_dataset(path).events if event["kind"].startswith("command")]
    assert [event["kind"] for event in events] == ["command", "command refused"] * 2
    assert [event["name"] for event in events[::2]] == ["bad/name", "second"]
    assert "holds /" in events[1]["text"]
    assert "running already" in events[3]["text"]
    assert time.monotonic() - began < 60
