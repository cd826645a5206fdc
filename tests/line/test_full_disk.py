"""What is counted as recorded is in the files, also where these took no more."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from magscope_app.messages import RecordingFinished
from magscope_app.storage import open_dataset
from tests.line.feeding import fed_recorder


@pytest.mark.skipif(sys.platform == "win32", reason="a folder with open files cannot be moved")
def test_rows_that_never_reached_the_file_are_lost_by_the_recording(tmp_path: Path) -> None:
    with fed_recorder() as rig:
        path = rig.record(tmp_path, "Track")
        rig.feed(30)
        rig.await_recorded(29)
        # Nobody knows how much room there is where the folder was.
        path.rename(tmp_path / "moved")
        rig.feed(40)
        finished = rig.hear(RecordingFinished)
        readable = len(open_dataset(tmp_path / "moved").frames())
    counters = asdict(finished.counters)
    assert finished.exit_status == "failed"
    assert readable == counters["frames_recorded"]
    assert 29 <= readable < counters["frames_tracked"]
    assert counters["lost_recording"] == counters["frames_tracked"] - readable
    assert counters["lost_tracking"] == 0
    assert finished.error == f"the folder {path} was deleted or moved: start another recording"
