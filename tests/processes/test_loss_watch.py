"""Lost frames are said in the log: at once, with the place, and not again and again."""

from __future__ import annotations

from magscope_app.messages import Counters
from magscope_app.processes.loss_watch import LossWatch


def test_losses_are_said_at_once_and_then_together_every_ten_seconds() -> None:
    said: list[str] = []
    watch = LossWatch(said.append)
    watch.look(Counters(frames_acquired=100), 0.5)
    assert said == []
    watch.look(Counters(frames_acquired=200, lost_ring=1), 1.0)
    assert said == ["1 frame was lost: 1 because the buffer was full"]
    for tenth in range(1, 120):
        watch.look(Counters(frames_acquired=200, lost_ring=1 + tenth, lost_upstream=3), 1.0 + tenth / 10)
    assert len(said) == 2
    assert (
        said[1] == "103 more frames were lost: 3 by the camera or its driver, 100 because the buffer was full"
    )


def test_a_new_recording_counts_its_losses_anew() -> None:
    said: list[str] = []
    watch = LossWatch(said.append)
    for time_s, lost in ((0.0, 5), (20.0, 5), (40.0, 0), (60.0, 2)):
        watch.look(Counters(lost_recording=lost), time_s)
    assert [text.partition(" ")[0] for text in said] == ["5", "2"]


def test_a_loss_that_is_over_is_said_whole_within_four_seconds() -> None:
    said: list[str] = []
    watch = LossWatch(said.append)
    for quarter in range(60):
        at_s = quarter / 4
        watch.look(Counters(lost_tracking=round(100 * min(max(0.0, at_s - 1), 5))), at_s)
        if at_s == 10:
            assert sum(int(text.partition(" ")[0]) for text in said) == 500
    assert len(said) == 2
