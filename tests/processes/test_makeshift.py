"""Frames whose positions are makeshift are told, each of them once."""

from __future__ import annotations

from typing import Any

from magscope_app.processes.makeshift import Makeshift


def test_what_is_over_is_told_once_and_what_goes_on_once_a_second() -> None:
    told: list[tuple[int, dict[str, Any]]] = []
    now_s = 0.0
    makeshift = Makeshift(lambda frame_id, fields: told.append((frame_id, fields)), lambda: now_s)
    for first_id, count in ((0, 3), (5, 2), (10, 0), (15, 0), (20, 1)):
        makeshift.batch(first_id, first_id + 4, count)
    assert [(frame_id, fields["last_id"], fields["count"]) for frame_id, fields in told] == [(0, 9, 5)]
    assert "frames 0 to 9: 5 positions" in told[0][1]["text"]
    now_s = 1.5
    makeshift.batch(25, 29, 1)
    makeshift.batch(30, 34, 0)
    assert [(frame_id, fields["last_id"], fields["count"]) for frame_id, fields in told[1:]] == [(20, 29, 2)]
