"""How loudly the strip says what is wrong: each level, from the messages of real processes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from gui.models.state import State
from gui.models.status_fields import StatusFacts, StatusField, status_fields
from magscope_app.messages import Counters, ProcessState, SystemStatus
from tests.gui.rig import Rig


def field_of(key: str, status: SystemStatus, **facts: float) -> StatusField:
    known = {"age_s": 0.0, "expected_fps": 100.0} | facts
    made = StatusFacts(status=status, beads_seen=0, motors_moving=0, motors=3, **known)  # type: ignore[arg-type]  # all numbers
    return next(field for field in status_fields(made) if field.key == key)


@pytest.mark.parametrize(
    ("key", "changed", "tone"),
    [
        ("fps", {"fps": 95.1}, "calm"),
        ("fps", {"fps": 94.9}, "warn"),
        ("fps", {"fps": 94.9, "counters": Counters(frames_acquired=200)}, "calm"),
        ("disk", {"free_disk_bytes": 20_100_000_000}, "calm"),
        ("disk", {"free_disk_bytes": 19_900_000_000}, "warn"),
        ("disk", {"free_disk_bytes": 5_100_000_000}, "warn"),
        ("disk", {"free_disk_bytes": 4_900_000_000}, "alarm"),
        ("disk", {"free_disk_bytes": 0}, "alarm"),
        ("disk", {"free_disk_bytes": None}, "dim"),
        ("buffer", {"buffer_level": 0.49}, "calm"),
        ("buffer", {"buffer_level": 0.5}, "warn"),
        ("buffer", {"buffer_level": 0.74}, "warn"),
        ("buffer", {"buffer_level": 0.75}, "alarm"),
    ],
)
def test_both_levels_of_what_may_go_wrong(rig: Rig, key: str, changed: dict[str, object], tone: str) -> None:
    status = rig.status(**({"counters": Counters(frames_acquired=1000)} | changed))
    assert field_of(key, status).tone == tone


@pytest.mark.parametrize(("minutes", "tone"), [(31.0, "calm"), (29.0, "warn"), (5.1, "warn"), (4.9, "alarm")])
def test_both_levels_of_the_time_that_a_disk_lasts(rig: Rig, minutes: float, tone: str) -> None:
    assert field_of("disk", rig.status(free_disk_bytes=10**12), disk_minutes=minutes).tone == tone


def test_a_camera_that_is_silent_alarms(rig: Rig) -> None:
    """Once it is so for longer than some of its own frames; the first one may take longer."""

    def tone(asked_fps: float, silent_s: float, acquired: int = 1000) -> str:
        status = rig.status(fps=0.0, counters=Counters(frames_acquired=acquired))
        return field_of("fps", status, expected_fps=asked_fps, silent_s=silent_s).tone

    assert (tone(100.0, 0.9), tone(100.0, 1.1)) == ("warn", "alarm")
    assert (tone(0.5, 4.9), tone(0.5, 5.1)) == ("warn", "alarm")
    assert (tone(100.0, 4.9, 0), tone(100.0, 5.1, 0)) == ("calm", "alarm")
    assert (tone(0.1, 24.0, 0), tone(0.1, 26.0, 0)) == ("calm", "alarm")


def test_silence_counts_from_the_first_status_without_frames(rig: Rig) -> None:
    now_ns = 0
    state = State(clock=lambda: now_ns)
    for t_s, changed, silent_s in (
        (0, {"fps": 0.0, "acquiring": False}, 0.0),
        (5, {"fps": 0.0}, 0.0),
        (7, {"fps": 0.0}, 2.0),
        (8, {}, 0.0),
        (9, {"fps": 0.0}, 0.0),
        (12, {"fps": 0.0}, 3.0),
    ):
        now_ns = t_s * 1_000_000_000
        state.apply(rig.status(**changed))
        assert state.silent_s == silent_s


def test_what_was_loud_stays_so_while_nothing_is_heard(rig: Rig) -> None:
    """A recording goes on without the supervisor, and what is lost is lost."""
    status = rig.status(
        recording=Path("data"),
        recording_seconds=25.0,
        counters=Counters(frames_acquired=5000, lost_ring=1222),
        free_disk_bytes=4_900_000_000,
        processes=(ProcessState("tracking", "dead"),),
    )
    tones = {key: field_of(key, status, age_s=4.0).tone for key in ("recording", "lost", "disk", "processes")}
    assert tones == {"recording": "record", "lost": "alarm", "disk": "alarm", "processes": "alarm"}
    for key in ("recording", "lost"):
        new, old = field_of(key, status), field_of(key, status, age_s=4.0)
        assert old == dataclasses.replace(new, help=old.help)
        assert old.help.startswith("No news from the supervisor for 4.0 s")
        assert new.help in old.help
    assert field_of("fps", status, age_s=4.0).tone == "alarm"
    assert field_of("buffer", status).tone == "calm"
    assert field_of("buffer", status, age_s=4.0).tone == "dim"
