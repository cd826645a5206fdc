"""What the supervisor tells a recorder outlives it: names, notes, the end, other images."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from magscope_app.messages import (
    CommandRefused,
    CorrectionFile,
    CorrectionsUsed,
    Event,
    RenameRecording,
    StartRecording,
    StopRecording,
)
from magscope_app.processes.recording_desk import RecordingDesk, RecordingNews
from magscope_app.processes.replaying import replay_config
from magscope_app.processes.status_board import StatusBoard
from magscope_app.storage import open_dataset
from magscope_app.storage.video_book import read_book
from tests.line.feeding import Rig, fed_recorder
from tests.line.test_recorder import MINE

FULL = "Track and Video (Full)"
_PATIENCE_S = 30.0


class Desk(RecordingDesk):
    """The supervisor's desk, at which a test sits."""

    def __init__(self, rig: Rig, folder: Path, mode: str = FULL) -> None:
        super().__init__(rig.children, StatusBoard(rig.anchor, folder))
        self.rig = rig
        self.refusals: list[str] = []
        self.begin(folder, mode)

    def begin(self, folder: Path, mode: str = FULL) -> None:
        self.start(self.rig.wanted(folder, mode))
        self.hear_until(lambda: self.running is not None)

    @property
    def path(self) -> Path:
        assert self.running is not None
        return self.running

    @property
    def recorded(self) -> int:
        return self._board.recorded.frames_recorded

    def hear(self) -> None:
        for message in self.rig.messages():
            if isinstance(message, RecordingNews):
                self.on_news(message)
            elif isinstance(message, CommandRefused):
                self.refusals.append(message.text)

    def hear_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, "what was waited for did not come"
            self.hear()
            time.sleep(0.005)

    def note(self, text: str) -> None:
        self.keep(Event("note", 3, time.perf_counter_ns(), {"text": text}))

    def lose_recorder(self) -> None:
        """Kill it; what it had said is heard, as the supervisor does it."""
        self.rig.kill()
        self.hold()

    def restart_recorder(self) -> None:
        self.rig.start()
        self.resume()

    def end(self) -> Path:
        self.tell(StopRecording())
        self.hear_until(lambda: bool(self.finished))
        assert self.finished[0].error == ""
        return self.finished[0].path


def notes(path: Path) -> list[str]:
    return [event["text"] for event in open_dataset(path).events if event["kind"] == "note"]


@pytest.mark.parametrize("handled", [False, True], ids=["before it heard", "after it heard"])
def test_what_was_told_outlives_a_recorder_that_is_killed(tmp_path: Path, handled: bool) -> None:
    with fed_recorder() as rig:
        desk = Desk(rig, tmp_path)
        rig.feed(20)
        path = desk.path
        desk.tell(RenameRecording("new"))
        desk.note("first")
        if handled:
            # The desk does not hear that, as if the recorder had died before it could say so.
            deadline = time.monotonic() + _PATIENCE_S
            while notes(path) != ["first"]:
                assert time.monotonic() < deadline
                time.sleep(0.005)
        desk.lose_recorder()
        desk.note("second")
        desk.restart_recorder()
        desk.note("third")
        rig.feed(10)
        assert desk.end() == path.with_name(path.name.removesuffix("fed") + "new")
    assert notes(desk.finished[0].path) == ["first", "second", "third"]
    assert open_dataset(desk.finished[0].path).description["name"] == "new"


def test_a_recorder_that_is_killed_before_its_end_is_ended_by_the_next(tmp_path: Path) -> None:
    with fed_recorder() as rig:
        desk = Desk(rig, tmp_path)
        rig.feed(20)
        desk.tell(StopRecording(exit_status="interrupted"))
        desk.lose_recorder()
        desk.restart_recorder()
        desk.hear_until(lambda: bool(desk.finished))
        assert desk.finished[0].exit_status == "interrupted"
        assert desk.running is None


@pytest.mark.parametrize("returns", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_recorder_that_is_killed_when_its_dataset_has_its_name_leaves_it_whole(
    tmp_path: Path, returns: bool
) -> None:
    """Nobody was told of the end, nor of the folder's new name."""
    with fed_recorder() as rig:
        desk = Desk(rig, tmp_path)
        rig.feed(20)
        renamed = desk.path.with_name(desk.path.name.removesuffix("fed") + "new")
        desk.tell(RenameRecording("new"))
        desk.tell(StopRecording())
        deadline = time.monotonic() + _PATIENCE_S
        while not renamed.exists():
            assert time.monotonic() < deadline
            time.sleep(0.005)
        desk.lose_recorder()
        if returns:
            desk.restart_recorder()
            desk.hear_until(lambda: bool(desk.finished))
            finished = desk.finished[0]
        else:
            given_up = desk.give_up("it is gone", rig.video)
            assert given_up is not None
            finished = given_up
    assert (finished.path, finished.exit_status, finished.error) == (renamed, "completed", "")
    assert (finished.counters.frames_recorded, finished.counters.frames_lost) == (20, 0)
    dataset = open_dataset(renamed)
    assert (dataset.exit_status, dataset.ledger) == ("completed", [])
    assert dataset.frames()["frame_id"].tolist() == dataset.video_frame_ids.tolist() == list(range(20))


def test_a_recorder_that_does_not_come_back_leaves_what_it_was_told(tmp_path: Path) -> None:
    with fed_recorder() as rig:
        desk = Desk(rig, tmp_path)
        rig.feed(20)
        path = desk.path
        desk.tell(RenameRecording("new"))
        desk.note("only")
        desk.lose_recorder()
        finished = desk.give_up("it is gone", rig.video)
        assert finished is not None
        assert finished.path == path.with_name(path.name.removesuffix("fed") + "new")
        assert str(finished.path) in finished.error
    assert notes(finished.path) == ["only"]
    assert open_dataset(finished.path).exit_status == "failed"


def test_what_a_killed_recorder_has_written_is_counted_and_one_bad_name_costs_no_note(tmp_path: Path) -> None:
    with fed_recorder() as rig:
        desk = Desk(rig, tmp_path)
        path = desk.path
        # The desk does not hear how far it is, as at the end of a recording.
        rig.feed(30)
        rig.await_recorded(29)
        desk.lose_recorder()
        desk.tell(RenameRecording("a/b"))
        desk.note("only")
        finished = desk.give_up("it is gone", rig.video)
        assert finished is not None
    readable = len(open_dataset(path).frames())
    assert finished.counters.frames_recorded == readable >= 29
    assert finished.counters.frames_acquired == 30
    assert notes(path) == ["only"]


@pytest.mark.parametrize("own", [True, False], ids=["own storage", "no beads yet"])
def test_images_that_no_index_shows_stay_recorded(tmp_path: Path, own: bool) -> None:
    """Also those whose rows had not come yet when the recorder was killed."""
    (tmp_path / "kept_storages.py").write_text(MINE, encoding="utf-8")
    mine = (f"drivers.path=['{tmp_path.as_posix()}']", "recording.storage=kept_storages:Arrays")
    n_beads = 2 if own else 0
    with fed_recorder(*(mine if own else ())) as rig:
        desk = Desk(rig, tmp_path / "out", FULL if own else "Track and Video (ROIs)")
        rig.feed(20, n_beads=n_beads)
        desk.hear_until(lambda: desk.recorded >= 19)
        rig.feed(20, tracked=False)
        desk.hear_until(lambda: sum(map(len, read_book(desk.path))) == 40)
        desk.lose_recorder()
        rig.track(20, 20, n_beads)
        desk.restart_recorder()
        rig.feed(10, n_beads=n_beads)
        path = desk.end()
    assert open_dataset(path).ledger == []
    counters = open_dataset(path).counters
    assert (counters["frames_acquired"], counters["frames_lost"]) == (50, 0)
    assert counters["frames_left_out"] == (0 if own else 50)


def test_what_cannot_be_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with fed_recorder() as rig:
        desk = Desk(rig, tmp_path)
        assert "running already" in str(desk.why_not(StartRecording(tmp_path), returning=False))
        assert "holds /" in str(desk.command(RenameRecording("bad/name")))
        assert "is empty" in str(desk.command(RenameRecording("")))
        desk.end()
        wrong: Any = "nonsense"
        said = desk.why_not(StartRecording(tmp_path, mode=wrong), returning=False)
        assert str(said).startswith("there is no recording mode 'nonsense'; choose one of Track, ")
        wrong = 3
        assert "wrong name (3)" in str(desk.why_not(StartRecording(tmp_path, wrong), returning=False))
        assert desk.why_not(StartRecording(tmp_path, "name", "Video (ROIs)"), returning=False) is None


def test_a_dataset_that_cannot_be_gone_on_with_is_given_up(tmp_path: Path) -> None:
    with fed_recorder() as rig:
        desk = Desk(rig, tmp_path)
        rig.feed(20)
        desk.lose_recorder()
        (desk.path / "dataset.json").rename(tmp_path / "elsewhere.json")
        desk.restart_recorder()
        desk.hear_until(lambda: bool(desk.refusals))
        assert "is no dataset" in desk.refusals[0]
        assert desk.on_refused()
        finished = desk.give_up(desk.refusals[0], rig.video)
        assert finished is not None
        assert finished.exit_status == "failed"
        desk.on_news(finished)
        # The process is there, and takes another order.
        shutil.rmtree(finished.path)
        desk.begin(tmp_path / "next")
        assert not desk.on_refused()


def test_the_dataset_has_the_images_that_rois_were_corrected_with(tmp_path: Path) -> None:
    def used(level: float, frame_id: int = 0) -> CorrectionsUsed:
        file = io.BytesIO()
        np.save(file, np.full((24, 40), level))
        return CorrectionsUsed((CorrectionFile("dark_frame", "dark.npy", file.getvalue()),), frame_id)

    with fed_recorder() as rig:
        desk = Desk(rig, tmp_path / "without")
        desk.end()
        desk.finished.clear()
        desk.on_news(used(3.0))
        desk.begin(tmp_path / "with")
        rig.feed(20)
        desk.on_news(used(4.0, 12))
        desk.lose_recorder()
        desk.restart_recorder()
        rig.feed(10)
        # A tracking process that came back with the same image is no news.
        desk.on_news(used(4.0, 25))
        path = desk.end()
    dataset = open_dataset(path)
    assert dataset.corrections == {"dark_frame": path / "corrections" / "dark_frame.npy"}
    assert np.load(dataset.corrections["dark_frame"])[0, 0] == 3.0
    (change,) = [event for event in dataset.events if event["kind"] == "corrections"]
    assert (change["frame_id"], change["dark_frame"]) == (12, "dark_frame_002.npy")
    assert np.load(path / "corrections" / change["dark_frame"])[0, 0] == 4.0
    dataset.description["config"] = {
        "camera": {"noise": {"dark_frame": "gone.npy"}},
        "beads": {"roi_px": 8},
        "tracking": {},
    }
    config, said = replay_config(dataset)
    assert config["camera"]["noise"] == {"dark_frame": str(dataset.corrections["dark_frame"])}
    assert "the images that ROIs are corrected with changed at frame 12: those of before are used" in said
