"""The end of a run, with the locks on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from magscope_app.messages import StartRecording
from magscope_app.storage import open_dataset
from tests.calibration.script import ScriptedLine


def test_at_the_end_of_a_run_the_focus_is_released_in_order(tmp_path: Path) -> None:
    """Nobody has interfered: nothing says so, neither to the user nor in the dataset."""

    def script(line: ScriptedLine) -> Iterator[None]:
        yield from line.until_logged("beads found")
        line.send(StartRecording(None, "end", "Track"))
        yield from line.until(lambda: line.lock("z_lock").stage == "on")

    line = ScriptedLine(
        tmp_path, script, ["z_lock.on=true", "z_lock.beads=[0, 1]", "drift.on=true", "drift.beads=[0, 1]"]
    )
    result = line.run()
    assert result.exit_code == 0, line.log
    assert not [text for text in line.log if "let go" in text], line.log
    events = open_dataset(result.recordings[0].path).events
    states = [(event["stage"], event["reason"]) for event in events if event.get("lock") == "z_lock"]
    assert states[-2:] == [("on", ""), ("off", "")]
