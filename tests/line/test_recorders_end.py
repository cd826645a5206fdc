"""The end of a recording: what is still to be tracked is waited for, unless somebody is in a hurry."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from magscope_app.datatypes import ReaderMode, VideoReader
from magscope_app.messages import Event, LogEntry, RecordingFinished, RenameRecording, StopRecording
from magscope_app.processes.draining import Drain
from magscope_app.storage import open_dataset
from tests.line.feeding import fed_recorder

FULL = "Track and Video (Full)"
SLOW = """
import time
def slow(coordinates, data, metadata):
    time.sleep(0.06)
    return coordinates, data, metadata
"""


def _let_go(tracker: VideoReader, count: int) -> None:
    """Be done with the next frames, as a tracking process is that has written their rows."""
    batch = tracker.acquire(count)
    assert batch is not None
    batch.release()


@pytest.mark.slow
def test_a_tracker_that_is_late_is_waited_for(tmp_path: Path) -> None:
    with fed_recorder() as rig, rig.video.reader("tracking", ReaderMode.LOSSLESS) as tracker:
        rig.record(tmp_path, FULL)
        rig.feed(30, tracked=False)
        rig.children.send("recording", StopRecording())
        for first_id in (0, 10, 20):
            # Longer all together than a recorder waits for a tracker that does nothing.
            time.sleep(1.8)
            rig.track(first_id, 10)
            _let_go(tracker, 10)
        finished = rig.hear(RecordingFinished)
    assert (finished.exit_status, finished.error) == ("completed", "")
    assert finished.counters.frames_recorded == finished.counters.frames_tracked == 30


@pytest.mark.parametrize("hurry", [False, True])
def test_only_who_is_in_a_hurry_does_not_wait_for_the_tracker(hurry: bool, tmp_path: Path) -> None:
    """To say twice that it is over is no hurry."""
    with fed_recorder() as rig, rig.video.reader("tracking", ReaderMode.LOSSLESS) as tracker:
        rig.record(tmp_path, FULL)
        rig.feed(20)
        _let_go(tracker, 20)
        rig.feed(10, tracked=False)
        for said in (False, hurry):
            rig.children.send("recording", StopRecording(hurry=said))
        # Longer than the hurried wait, shorter than a tracker is given that says nothing.
        time.sleep(2.0)
        rig.track(20, 10)
        _let_go(tracker, 10)
        counters = rig.hear(RecordingFinished).counters
    tracked = 20 if hurry else 30
    assert (counters.frames_tracked, counters.lost_tracking) == (tracked, 30 - tracked)
    assert (counters.frames_recorded, counters.lost_recording) == (tracked, 0)


def test_what_comes_while_images_are_stored_is_kept_and_later_it_is_refused_aloud(tmp_path: Path) -> None:
    def note(text: str) -> Event:
        return Event("note", 3, time.perf_counter_ns(), {"text": text})

    (tmp_path / "slow_storing.py").write_text(SLOW, encoding="utf-8")
    own = (f"drivers.path=['{tmp_path.as_posix()}']", "recording.process_fn=slow_storing:slow")
    with fed_recorder(*own) as rig:
        path = rig.record(tmp_path / "out", FULL)
        rig.feed(40)
        rig.children.send("recording", StopRecording())
        # Everything is read by now, and images are being stored.
        time.sleep(1.2)
        for message in (note("in time"), RenameRecording("new")):
            rig.children.send("recording", message)
        finished = rig.hear(RecordingFinished)
        rig.children.send("recording", note("late"))
        said = rig.hear(LogEntry, lambda entry: "late" in entry.text)
    assert finished.path == path.with_name(path.name.removesuffix("fed") + "new")
    assert finished.counters.frames_recorded == 40
    events = open_dataset(finished.path).events
    assert [event["text"] for event in events if event["kind"] == "note"] == ["in time"]
    assert "had ended before a note could be kept" in said.text


def test_a_drain_that_goes_on_and_on_is_ended() -> None:
    with fed_recorder() as rig:
        drain = Drain(rig.video, 10, lambda: False)
        deadline, reached = time.monotonic() + 10.0, 0
        while drain.goes_on(reached):
            assert time.monotonic() < deadline
            reached += 1
            time.sleep(0.01)
        assert reached > 1
