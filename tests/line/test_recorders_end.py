"""The end of a recording: what is still to be tracked is waited for, unless somebody is in a hurry."""

from __future__ import annotations

import time
from pathlib import Path

from magscope_app.datatypes import ReaderMode
from magscope_app.messages import RecordingFinished, StopRecording
from tests.line.feeding import fed_recorder

FULL = "Track and Video (Full)"


def test_a_tracker_that_is_late_is_waited_for(tmp_path: Path) -> None:
    with fed_recorder() as rig, rig.video.reader("tracking", ReaderMode.LOSSLESS) as tracker:
        rig.record(tmp_path, FULL)
        rig.feed(30, tracked=False)
        rig.children.send("recording", StopRecording())
        for first_id in (0, 10, 20):
            # Longer all together than a recorder waits for a tracker that does nothing.
            time.sleep(1.8)
            rig.track(first_id, 10)
            batch = tracker.acquire(10)
            assert batch is not None
            batch.release()
        finished = rig.hear(RecordingFinished)
    assert (finished.exit_status, finished.error) == ("completed", "")
    assert finished.counters.frames_recorded == finished.counters.frames_tracked == 30


def test_who_is_in_a_hurry_does_not_wait_for_the_tracker(tmp_path: Path) -> None:
    with fed_recorder() as rig, rig.video.reader("tracking", ReaderMode.LOSSLESS):
        rig.record(tmp_path, FULL)
        rig.feed(20)
        rig.feed(10, tracked=False)
        began = time.monotonic()
        for hurry in (False, True):
            rig.children.send("recording", StopRecording(hurry=hurry))
        finished = rig.hear(RecordingFinished)
        took_s = time.monotonic() - began
    counters = finished.counters
    assert (counters.frames_tracked, counters.lost_tracking, counters.lost_recording) == (20, 10, 0)
    assert counters.frames_recorded == 20
    # Not the time that a tracker is given which says nothing.
    assert took_s < 3.5
