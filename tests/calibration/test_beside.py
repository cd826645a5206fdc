"""A sweep beside everything else that runs: force, locks, a recording; Ctrl-C; processes that are killed."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from magscope_app.calibration import SweepPlan
from magscope_app.calibration.messages import CancelSweep, SaveZLUTs
from magscope_app.config import load_config
from magscope_app.messages import Fault, MoveMotor, StartRecording
from magscope_app.messages.locks import ShiftZLock, SwitchDrift, SwitchZLock
from magscope_app.storage import Dataset, open_dataset
from tests.calibration.script import ScriptedLine

PLAN = SweepPlan(-240, 240, 60, 2, force_pn=10.0)
SLOW = replace(PLAN, frames=6)
#: Where the focus and the magnets stand before the sweeps, and the magnets at 10 pN.
FOCUS_NM, HEIGHT_MM, STRAIGHT_MM = 150.0, 4.0, 1.6 * np.log(4.0)
STEPS = ("locked", "force", "let go", "used", "cancelled", "killed", "failed", "interrupted")


class Beside:
    """What is done while a sweep runs, and what must come of it."""

    def __init__(self, line: ScriptedLine, out: Path, zlut: Path) -> None:
        self.line = line
        self.out = out
        self.zlut = zlut
        self.seen: list[str] = []

    def script(self) -> Iterator[None]:
        for step in (self.lock, self.sweep, self.use, self.cancel, self.kill, self.fail, self.interrupt):
            yield from step()

    def require_back(self) -> None:
        assert self.line.position("focus") == pytest.approx(FOCUS_NM, abs=5)
        assert self.line.position("magnet") == pytest.approx(HEIGHT_MM, abs=0.01)

    def hold(self) -> Iterator[None]:
        begun = self.line.lock("z_lock").begun
        self.line.send(SwitchZLock(True, (0, 1)))
        yield from self.line.until(lambda: self.line.lock("z_lock").begun > begun)
        yield from self.line.until(lambda: self.line.lock("z_lock").stage == "on")

    def lock(self) -> Iterator[None]:
        line = self.line
        yield from line.until_logged("beads found")
        # Somebody writes something else into the file of the Z-LUTs that beads are tracked with.
        self.zlut.write_bytes(b"another")
        line.send(MoveMotor("focus", FOCUS_NM, 1))
        yield from line.until(lambda: abs(line.position("focus") - FOCUS_NM) < 2)
        line.send(StartRecording(None, "beside", "Track"))
        line.send(SwitchDrift(True, (0, 1, 2, 3)))
        yield from self.hold()
        yield from line.until(lambda: line.lock("drift").stage == "on")
        self.seen.append("locked")

    def sweep(self) -> Iterator[None]:
        """The Z-lock lets go and keeps off; the force is set, and taken back."""
        line = self.line
        line.begin(SLOW)
        yield from line.until_moving(1)
        assert line.position("magnet") == pytest.approx(STRAIGHT_MM, abs=0.01)
        self.seen.append("force")
        yield from line.until(lambda: line.lock("z_lock").let_go)
        assert line.lock("z_lock").text == "Z-lock has let go: a Z-LUT sweep moves the focus"
        line.send(SwitchZLock(True, (0, 1)))
        yield from line.until_logged("a Z-LUT sweep moves the focus; hold it when the sweep has ended")
        assert line.lock("z_lock").stage == "off"
        yield from line.until_ended()
        assert not line.ended[0].error, line.ended
        self.require_back()
        self.seen.append("let go")

    def use(self) -> Iterator[None]:
        """Other Z-LUTs while the Z-lock holds: it lets go, and can hold by the new ones, in their range."""
        line = self.line
        yield from self.hold()
        line.send(SaveZLUTs(self.out, (0, 1, 2, 3), use=True))
        yield from line.until_logged("beads are tracked with")
        yield from line.until(lambda: line.lock("z_lock").let_go)
        assert "z is to be measured with z.npz" in line.lock("z_lock").reason
        yield from self.hold()
        line.send(ShiftZLock(150.0))
        # Around -0.88 · 150 nm, as heights begin at the coverslip and not where the focus stood.
        yield from line.until_logged("near the end of its Z-LUT (-24")
        line.send(SwitchZLock(False))
        yield from line.until(lambda: line.lock("drift").stage == "on")
        self.seen.append("used")

    def cancel(self) -> Iterator[None]:
        self.line.begin(SLOW)
        yield from self.line.until_moving(1)
        self.line.send(CancelSweep())
        yield from self.line.until_ended()
        assert self.line.ended[0].cancelled
        self.require_back()
        self.seen.append("cancelled")

    def fail(self) -> Iterator[None]:
        """The focus runs against something above its start."""
        self.line.send(Fault("focus", "limit_switch", at_position=FOCUS_NM + 30.0))
        yield from self.line.sweep(PLAN)
        assert "the sweep was given up at plane 6 of 9" in self.line.ended[0].error
        self.require_back()
        self.seen.append("failed")

    def kill(self) -> Iterator[None]:
        """What the process leaves is removed; the next one sweeps again."""
        line = self.line
        before = line.kept()
        line.begin(replace(SLOW, force_pn=None))
        yield from line.until_moving(2)
        assert any(name.startswith(".unfinished-") for name in line.kept())
        psutil.Process(line.worker("experiment")).kill()
        yield from line.until_ended()
        assert "the experiment process ended unexpectedly" in line.ended[0].error
        assert "nothing was kept, and the focus was not brought back" in line.ended[0].error
        assert any("a sweep left in" in text for text in line.log), line.log
        assert line.kept() == before
        line.send(MoveMotor("focus", FOCUS_NM, 2))
        yield from line.until(lambda: abs(line.position("focus") - FOCUS_NM) < 2)
        yield from line.sweep(replace(PLAN, force_pn=None))
        assert not line.ended[0].error, line.ended
        assert len(line.kept()) == len(before) + 1
        self.seen.append("killed")

    def interrupt(self) -> Iterator[None]:
        self.line.begin(SLOW)
        yield from self.line.until_moving(2)
        self.seen.append("interrupted")
        os.kill(os.getpid(), signal.SIGINT)
        while True:
            yield


@pytest.mark.slow
@pytest.mark.timeout(360)
def test_a_sweep_beside_everything_else(tmp_path: Path) -> None:
    made: list[Beside] = []
    zlut = tmp_path / "demo-zlut.npz"
    shipped = load_config("demo.toml").config.tracking.zlut
    assert shipped is not None
    shutil.copy(shipped, zlut)

    def script(line: ScriptedLine) -> Iterator[None]:
        made.append(Beside(line, tmp_path / "z.npz", zlut))
        return made[0].script()

    overrides = [
        "simulation.n_reference=4",
        f"tracking.zlut={zlut.as_posix()}",
        f"motors.magnet.settings.start={HEIGHT_MM}",
        "motors.focus.timeout_s=0.3",
    ]
    line = ScriptedLine(tmp_path / "data", script, overrides)
    result = line.run()
    assert made[0].seen == list(STEPS), "\n".join(line.log)
    assert result.exit_code == 130
    assert "the sweep was cancelled; nothing was kept" in line.log
    assert [name for name in line.kept() if name.startswith(".")] == []
    assert len(line.kept()) == 3
    data = open_dataset(next(path for path in (tmp_path / "data").iterdir() if path.name.endswith("_beside")))
    assert data.exit_status == "interrupted"
    for motor, back in (("focus", FOCUS_NM), ("magnet", HEIGHT_MM)):
        assert data.telemetry(motor)["position"][-1] == pytest.approx(back, abs=5), motor
    require_forces(tmp_path / "data")
    require_other_zluts(data)
    # Whatever is in the file now: the dataset has what beads were tracked with.
    assert data.zluts["demo-zlut.npz"].read_bytes() == shipped.read_bytes()


def require_forces(folder: Path) -> None:
    """The sweeps say at which force they were made: that which was set, or that which was there."""
    sweeps = sorted(path for path in folder.iterdir() if path.name.split("_", 2)[2].startswith("zlut"))
    forces = [open_dataset(path).description["sweep"]["force_pn"] for path in sweeps]
    assert forces == pytest.approx([10.0, 40.0 * np.exp(-HEIGHT_MM / 1.6)], abs=0.01)


def require_other_zluts(data: Dataset) -> None:
    """The dataset says from which frame on z is measured otherwise, has both files, and z turns there."""
    (event,) = (event for event in data.events if event["kind"] == "zluts")
    assert event["file"] == "z.npz"
    assert set(data.zluts) == {"demo-zlut.npz", "z.npz"}
    (command,) = (event for event in data.events if event.get("command") == "UseZLUTs")
    assert Path(command["path"]).name == "z.npz"
    at = event["frame_id"]
    for bead_id in data.bead_ids:
        tracks = data.tracks(bead_id, first_frame=at - 20, stop_frame=at + 20)
        before, after = tracks["frame_id"] < at, tracks["frame_id"] >= at
        # The new heights begin at the bead's place, wherever the focus stood; the old ones at the coverslip.
        height_nm = tracks["z_nm"] + 0.88 * tracks["focus_nm"]
        assert np.abs(height_nm[after]).max() < 20
        assert tracks["z_nm"][before].min() > 300
    drift_nm = data.drift()["dz_nm"]
    # It is not known while z is learned anew, and goes on from where it was.
    known_nm = drift_nm[~np.isnan(drift_nm)]
    assert len(drift_nm) - len(known_nm) < 100
    assert np.abs(np.diff(known_nm)).max() < 10
