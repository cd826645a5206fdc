"""The command `zlut` that does not come to its end: Ctrl-C, and a range beyond the limits."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.line.running import SMALL, Running, run

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="sends POSIX signals")
RANGE = ("--start-nm", "-500", "--stop-nm", "500", "--step-nm", "50", "--frames", "20")


@pytest.mark.slow
def test_ctrl_c_ends_a_sweep_in_order(tmp_path: Path) -> None:
    """Focus and magnets return, nothing is kept, one sentence, the usual exit code, no process left."""
    data, out = tmp_path / "data", tmp_path / "z.npz"
    folder = ("--set", f"recording.folder={data.as_posix()}")
    sweep = Running(["zlut", "demo.toml", *RANGE, *SMALL, *folder, "--out", str(out)])
    try:
        sweep.wait_for("plane 1 of 21")
        time.sleep(0.5)
        assert any(entry.name.startswith(".unfinished-") for entry in data.iterdir())
        code, seconds = sweep.end(signal.SIGINT)
    finally:
        sweep.close()
    assert code == 130, sweep.output
    assert seconds < 20.0
    assert "setting 10 pN for 4 tethered beads" in sweep.output
    assert "bringing the focus back" in sweep.output
    assert "the sweep was cancelled; nothing was kept" in sweep.output
    assert "not everything is back" not in sweep.output
    assert "Traceback" not in sweep.output
    assert [entry.name for entry in tmp_path.rglob("*")] == []


@pytest.mark.slow
def test_a_second_ctrl_c_says_what_it_leaves(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "z.npz"
    folder = ("--set", f"recording.folder={data.as_posix()}", "--set", "motors.focus.speed=1e3")
    sweep = Running(["zlut", "demo.toml", *RANGE, *SMALL, *folder, "--out", str(out)])
    try:
        sweep.wait_for("plane 1 of 21")
        sweep.process.send_signal(signal.SIGINT)
        sweep.wait_for("bringing the focus back")
        code, _ = sweep.end(signal.SIGINT)
    finally:
        sweep.close()
    assert code == 130, sweep.output
    assert "focus and magnets stay where they are, and were not brought back" in sweep.output
    assert "Traceback" not in sweep.output


@pytest.mark.slow
def test_a_range_beyond_the_limits_is_refused_before_anything_moves(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "z.npz"
    beyond = ("--start-nm", "-30000", "--stop-nm", "0", "--step-nm", "1000")
    folder = ("--set", f"recording.folder={data.as_posix()}")
    done = run("zlut", "demo.toml", *beyond, *SMALL, *folder, "--out", str(out))
    assert done.returncode == 1
    assert "the sweep would take the focus from -30300 to 0 nm" in done.stderr
    assert "its limits are -20000 to 20000 nm" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert [entry.name for entry in tmp_path.rglob("*")] == []
