"""What ends the Z-lock from outside: axes, commands, other Z-LUTs. The loop itself, on real buffers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from magscope_app.calibration.messages import UseZLUTs, ZLUTsUsed
from magscope_app.config import load_config
from magscope_app.devices import FrameFormat
from magscope_app.messages import (
    Bead,
    BeadsChanged,
    CommandRefused,
    FrameTimes,
    Message,
    MotorChanged,
    MotorStatus,
    StopMotors,
    VideoReady,
)
from magscope_app.messages.locks import (
    CorrectFocus,
    MoveRois,
    ReleaseFocus,
    ShiftZLock,
    SwitchDrift,
    SwitchXYLock,
    SwitchZLock,
)
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
        (
            BeadsChanged((Bead(0, 300.5, 80.5, "reference"), Bead(1, 100.5, 80.5, "tethered")), 2, 64),
            "the ROI of bead 0 was moved by 200 px, it may hold another bead now",
        ),
        (BeadsChanged(BEADS, 2, 32), "the ROIs have 32 px now and had 64, which changes z"),
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


def _list(version: int, *x_px: float) -> BeadsChanged:
    """Return a list of references with ROIs of 32 px; moved by more than 2 px they may be of other beads."""
    beads = tuple(Bead(bead_id, at_px, 80.5, "reference") for bead_id, at_px in enumerate(x_px))
    return BeadsChanged(beads, version, 32)


def test_a_roi_that_is_moved_a_little_or_by_the_xy_lock_ends_nothing(rig: Rig) -> None:
    rig.send(_list(2, 100.5, 300.5))
    rig.send(SwitchZLock(True, (0,)))
    rig.until(lambda: rig.state().stage == "on")
    # By a pixel; and the ROI of a bead that is not held, by more.
    rig.send(_list(3, 101.5, 300.5), _list(4, 101.5, 200.5))
    rig.focus_nm = rig.correction().position
    assert rig.state().stage == "on"
    # The bead is 12 px off.
    rig.send(_list(5, 112.5, 300.5))
    rig.until(lambda: rig.state().let_go)
    rig.send(SwitchZLock(True, (0,)))
    rig.until(lambda: rig.state().stage == "on")
    rig.send(VideoReady(FrameFormat(512, 288, 8)), SwitchXYLock(True))
    rig.until(lambda: bool(rig.all(MoveRois)))
    [move] = rig.all(MoveRois)[-1].moves
    assert (move.bead_id, move.x_px) == (0, 108.5)
    rig.send(_list(6, 108.5, 300.5))
    rig.focus_nm = rig.correction().position
    assert rig.state().stage == "on"


@pytest.mark.parametrize(
    ("beads", "roi_px"),
    [((Bead(0, 300.5, 80.5, "reference"), Bead(1, 100.5, 80.5, "tethered")), 64), (BEADS, 32)],
)
def test_drift_is_not_measured_with_other_beads_or_rois(
    beads: tuple[Bead, ...], roi_px: int, rig: Rig
) -> None:
    rig.send(SwitchDrift(True))
    rig.until(lambda: rig.state("drift").stage == "on")
    rig.send(BeadsChanged(beads, 2, roi_px))
    rig.until(lambda: rig.state("drift").let_go)
    assert "have ROIs that were moved or resized" in rig.state("drift").reason


def test_the_exposure_that_is_told_counts(rig: Rig) -> None:
    """Frames that were exposed before the last correction had arrived make no other one."""
    rig.send(FrameTimes(0.3, 0.3))
    rig.hold()
    first = rig.correction()
    rig.focus_nm = first.position
    second = rig.correction()
    assert second.t_ns - 0.3e9 >= first.sent_ns
