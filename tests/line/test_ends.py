"""Every way a run can end: in order, quickly, and with nothing left."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.line.running import SMALL, Dataset, require_identities, running

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="POSIX signals; the window's close is tested everywhere"
)


@pytest.mark.parametrize(
    ("number", "code", "status"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 0, "interrupted")],
)
def test_signals_end_in_order(number: int, code: int, status: str, tmp_path: Path) -> None:
    with running("demo.toml", "--headless", "--record", str(tmp_path), *SMALL) as line:
        line.wait_for("beads found")
        time.sleep(0.5)
        assert line.end(number)[0] == code, line.output
    dataset = Dataset.only(tmp_path)
    assert dataset.about["exit_status"] == status
    require_identities(dataset.counters, dataset.about["ledger"])
    assert dataset.counters["frames_lost"] == 0
    assert len(dataset.column("tracking/frame_ids")) == dataset.counters["frames_recorded"] > 0


@pytest.mark.parametrize("victim", ["tracking", "camera", "recording", "motors"])
def test_a_killed_process_is_noticed_and_ends_the_run(victim: str, tmp_path: Path) -> None:
    with running("demo.toml", "--headless", "--record", str(tmp_path), *SMALL) as line:
        line.wait_for("beads found")
        time.sleep(0.3)
        line.child(victim).kill()
        line.wait_for(f"the {victim} process ended unexpectedly", timeout_s=5)
        assert line.process.wait(20) == 1
    dataset = Dataset.only(tmp_path)
    expected = "running" if victim == "recording" else "failed"
    assert dataset.about["exit_status"] == expected


def test_the_others_go_on_where_the_config_says_so(tmp_path: Path) -> None:
    going_on = ("--set", "supervisor.on_child_death=continue")
    with running("demo.toml", "--headless", "--record", str(tmp_path), *SMALL, *going_on) as line:
        line.wait_for("beads found")
        line.child("motors").kill()
        line.wait_for("the others go on", timeout_s=5)
        time.sleep(0.5)
        assert line.end(signal.SIGTERM)[0] == 1, line.output
    assert Dataset.only(tmp_path).counters["frames_lost"] == 0


def test_children_of_a_killed_supervisor_end_and_the_next_start_is_clean(tmp_path: Path) -> None:
    with running("demo.toml", "--headless", "--record", str(tmp_path / "a"), *SMALL) as line:
        line.wait_for("beads found")
        family = [child for child in line.children() if "spawn_main" in " ".join(child.cmdline())]
        line.process.kill()
        _, alive = psutil.wait_procs(family, timeout=5)
        assert not alive
    dataset = Dataset.only(tmp_path / "a")
    assert dataset.about["exit_status"] == "interrupted"
    assert len(dataset.column("tracking/frame_ids")) == dataset.counters["frames_recorded"]
    with running("demo.toml", "--headless", "--duration", "0.5", *SMALL) as line:
        assert line.process.wait(30) == 0, line.output


def test_two_instances_run_side_by_side(tmp_path: Path) -> None:
    with (
        running(
            "demo.toml", "--headless", "--duration", "1.5", "--record", str(tmp_path / "a"), *SMALL
        ) as one,
        running(
            "demo.toml", "--headless", "--duration", "1.5", "--record", str(tmp_path / "b"), *SMALL
        ) as two,
    ):
        assert one.process.wait(40) == 0, one.output
        assert two.process.wait(40) == 0, two.output
    for name in ("a", "b"):
        assert Dataset.only(tmp_path / name).counters["frames_lost"] == 0
