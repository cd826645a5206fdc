"""What ends the Z-lock from outside: axes, commands, other Z-LUTs. The loop itself, on real buffers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from magscope_app.calibration.messages import UseZLUTs, ZLUTsUsed
from magscope_app.config import load_config
from magscope_app.messages import (
    BeadsChanged,
    CommandRefused,
    FrameTimes,
    Message,
    MotorChanged,
    MotorStatus,
    StopMotors,
)
from magscope_app.messages.locks import CorrectFocus, ReleaseFocus, ShiftZLock, SwitchDrift, SwitchZLock
from magscope_app.processes.calibration_file import load_calibration
from magscope_app.tracking import ZLUT, ZLUTSet
from tests.feedback.rig import BEADS, Rig


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (MotorChanged(MotorStatus("focus", "error", "focus did not reach 5 nm")), "focus did not reach 5 nm"),
        (MotorChanged(MotorStatus("focus", "lost", "focus does not answer")), "focus does not answer"),
        (StopMotors(), "all axes were stopped"),
        (ReleaseFocus("a Z-LUT sweep moves the focus"), "a Z-LUT sweep moves the focus"),
        (BeadsChanged(BEADS[1:], 2, 64), "bead 0 was taken off the list"),
        (UseZLUTs(Path("other.npz")), "z is to be measured with other.npz from now on"),
    ],
)
def test_it_lets_go_and_sends_nothing_more(rig: Rig, message: Message, said: str) -> None:
    rig.hold()
    rig.focus_nm = rig.correction().position
    rig.send(message)
    rig.until(lambda: rig.state().let_go)
    assert rig.state().reason == said
    sent = len(rig.all(CorrectFocus))
    for _ in range(30):
        rig.feed()
    assert len(rig.all(CorrectFocus)) == sent
    assert rig.state().let_go


def test_a_correction_that_is_refused_ends_it(rig: Rig) -> None:
    """One of an earlier lock does not: nobody may take it for one of this."""
    rig.hold()
    early = rig.correction()
    rig.send(SwitchZLock(False))
    rig.until(lambda: rig.state().stage == "off")
    rig.hold()
    rig.send(CommandRefused("motors", "an old story", early.token))
    order = rig.correction()
    assert rig.state().stage == "on"
    rig.send(CommandRefused("motors", "focus: 20500 nm is beyond its limits", order.token))
    rig.until(lambda: rig.state().let_go)
    assert rig.state().reason == "focus: 20500 nm is beyond its limits"


def test_another_axis_does_not_matter(rig: Rig) -> None:
    rig.hold()
    rig.send(MotorChanged(MotorStatus("magnet", "error", "magnet did not reach 5 mm")))
    rig.focus_nm = rig.correction().position
    assert rig.state().stage == "on"


def _cut(low_nm: float, high_nm: float) -> ZLUTSet:
    zlut = load_config("demo.toml").config.tracking.zlut
    assert zlut is not None
    loaded = load_calibration(zlut)
    assert isinstance(loaded, ZLUT)
    kept = (loaded.z_nm >= low_nm) & (loaded.z_nm <= high_nm)
    made = ZLUT.from_profiles(loaded.profiles[kept], loaded.z_nm[kept], roi_px=64, nm_per_px=100.0)
    return ZLUTSet({0: made})


def test_other_zluts_have_other_ranges(rig: Rig, tmp_path: Path) -> None:
    """The ends of the Z-LUTs in use count, not those of the config; a refused file changes nothing."""
    _cut(0.0, 1000.0).save(tmp_path / "short.npz")

    def shift_refused() -> Callable[[], bool]:
        rig.heard = [message for message in rig.heard if not isinstance(message, CommandRefused)]
        rig.send(ShiftZLock(2000.0, 7))
        return lambda: bool(rig.all(CommandRefused))

    rig.send(SwitchDrift(True))
    rig.until(lambda: rig.state("drift").stage == "on")
    rig.send(UseZLUTs(tmp_path / "no.npz"), CommandRefused("tracking", "no.npz does not exist"))
    rig.hold()
    rig.until(lambda: rig.state("drift").stage == "on")
    rig.send(UseZLUTs(tmp_path / "short.npz"))
    rig.until(lambda: rig.state().let_go)
    # Another z: 100 nm less, which is no drift.
    rig.z_nm -= 100.0
    rig.send(ZLUTsUsed(tmp_path / "short.npz", 50))
    for _ in range(40):
        rig.feed()
    rig.until(lambda: rig.state("drift").stage == "on")
    assert rig.state("drift").error_nm < 1
    rig.hold()
    rig.until(shift_refused())
    assert "near the end of its Z-LUT (100 to 900 nm)" in rig.all(CommandRefused)[-1].text


def test_the_exposure_that_is_told_counts(rig: Rig) -> None:
    """Frames that were exposed before the last correction had arrived make no other one."""
    rig.send(FrameTimes(0.3, 0.3))
    rig.hold()
    first = rig.correction()
    rig.focus_nm = first.position
    second = rig.correction()
    assert second.t_ns - 0.3e9 >= first.sent_ns
