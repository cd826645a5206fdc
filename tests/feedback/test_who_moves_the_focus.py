"""Who ends the Z-lock on the real line: a sweep that begins, not one that is refused; a focus opened anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from magscope_app.calibration import SweepPlan
from magscope_app.messages import MoveMotor, ReconnectMotor, StopProtocol, SubmitProtocol
from magscope_app.messages.locks import SwitchZLock
from tests.calibration.script import ScriptedLine

PROTOCOL = "def stay(microscope):\n    microscope.note('stays')\n    microscope.wait(120)\n"
PLAN = SweepPlan(-240, 240, 60, 2, force_pn=None)


class Story:
    """Sweeps that are refused, one that is made, and a focus that is opened anew."""

    def __init__(self, line: ScriptedLine) -> None:
        self.line = line
        self.begun = 0

    def hold(self) -> Iterator[None]:
        self.line.send(SwitchZLock(True, (0, 1)))
        yield from self.line.until(lambda: self.line.lock("z_lock").begun > self.begun)
        yield from self.line.until(lambda: self.line.lock("z_lock").stage == "on")
        self.begun = self.line.lock("z_lock").begun

    def refused(self, plan: SweepPlan, why: str) -> Iterator[None]:
        yield from self.line.sweep(plan)
        assert why in self.line.ended[0].error
        assert not [text for text in self.line.log if "let go" in text], self.line.log

    def let_go(self, why: str) -> Iterator[None]:
        yield from self.line.until_logged("Z-lock has let go: ")
        told = [text for text in self.line.log if "let go" in text]
        assert told == [f"Z-lock has let go: {why}"]
        self.line.log.clear()

    def script(self) -> Iterator[None]:
        line = self.line
        yield from line.until_logged("beads found")
        yield from self.hold()
        yield from self.refused(SweepPlan(-120, 120, 60, 1, bead_ids=(99,)), "there is no bead 99")
        line.send(SubmitProtocol("stays:stay"))
        yield from self.refused(PLAN, "the protocol stays:stay is running")
        line.send(StopProtocol("stays:stay"))
        # Known only where the focus is.
        line.send(SwitchZLock(False))
        yield from line.until(lambda: line.lock("z_lock").stage == "off")
        line.send(MoveMotor("focus", 250.0))
        yield from line.until(lambda: abs(line.position("focus") - 250.0) < 2)
        yield from self.hold()
        yield from self.refused(SweepPlan(0, 40_000, 400, 1, force_pn=None), "limits")
        yield from line.sweep(PLAN)
        assert not line.ended[0].error, line.ended
        yield from self.let_go("a Z-LUT sweep moves the focus")
        assert abs(line.position("focus") - 250.0) < 30
        for _ in range(3):
            yield from self.hold()
            line.send(ReconnectMotor("focus"))
            yield from self.let_go("the focus was closed and opened anew")


@pytest.mark.slow
def test_a_sweep_and_a_focus_opened_anew_end_the_lock_with_the_true_reason(tmp_path: Path) -> None:
    (tmp_path / "stays.py").write_text(PROTOCOL)
    line = ScriptedLine(
        tmp_path / "out", lambda made: Story(made).script(), [f"drivers.path=['{tmp_path.as_posix()}']"]
    )
    result = line.run()
    assert result.exit_code == 0, (result.error, line.log)
