"""Every way a run can end: in order, quickly, and with nothing left."""

from __future__ import annotations

import re
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from magscope_app.datatypes import reap_dead_sessions
from tests.line.running import SMALL, START_S, Dataset, await_recorded, lost_here, require_identities, running

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="POSIX signals; the window's close is tested everywhere"
)


@pytest.mark.parametrize(
    ("number", "code", "status"),
    [
        (signal.SIGINT, 130, "interrupted"),
        pytest.param(signal.SIGTERM, 0, "interrupted", marks=pytest.mark.slow),
    ],
)
def test_signals_end_in_order(number: int, code: int, status: str, tmp_path: Path) -> None:
    with running("demo.toml", "--headless", "--record", str(tmp_path), *SMALL) as line:
        line.wait_for("beads found")
        time.sleep(0.5)
        assert line.end(number)[0] == code, line.output
    dataset = Dataset.only(tmp_path)
    assert dataset.about["exit_status"] == status
    require_identities(dataset.counters, dataset.about["ledger"])
    assert lost_here(dataset.counters) == 0
    assert len(dataset.column("tracking/frame_ids")) == dataset.counters["frames_recorded"] > 0


@pytest.mark.slow
def test_a_signal_to_all_processes_at_once_ends_in_order(tmp_path: Path) -> None:
    with running("demo.toml", "--headless", "--record", str(tmp_path), *SMALL) as line:
        line.wait_for("beads found")
        await_recorded(tmp_path)
        for child in line.workers():
            # As `timeout` and a service manager do it.
            child.send_signal(signal.SIGTERM)
        assert line.end(signal.SIGTERM)[0] == 0, line.output
    assert "unexpectedly" not in line.output
    dataset = Dataset.only(tmp_path)
    assert dataset.about["exit_status"] == "interrupted"
    assert lost_here(dataset.counters) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after_s", [0.7, *(pytest.param(at, marks=pytest.mark.slow) for at in (0.25, 1.4))])
def test_signals_end_a_start(number: int, after_s: float) -> None:
    with running("demo.toml", "--headless", *SMALL) as line:
        time.sleep(after_s)
        code, _ = line.end(number)
        text = line.output
    assert "Traceback" not in text
    # Before the program's first line a signal has its usual effect.
    assert code in ((130, -signal.SIGINT) if number == signal.SIGINT else (0, -signal.SIGTERM)), text


#: Opens only when the test has sent its signal long ago.
_LATE = """import time
from hardware.simulated.microscope import SimulatedCamera
class Late(SimulatedCamera):
    def open(self):
        time.sleep(60)
"""


def test_an_interrupted_start_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text(_LATE, encoding="utf-8")
    late = ("--set", "camera.driver=late:Late", "--set", f"drivers.path=[{str(tmp_path)!r}]")
    with running("demo.toml", "--headless", *SMALL, *late) as line:
        deadline = time.monotonic() + 30
        while len(line.children()) < 3 and time.monotonic() < deadline:
            time.sleep(0.005)
        code, _ = line.end(signal.SIGINT)
    said = [text for text in line.lines if "compil" not in text]
    assert code == 130
    assert said == ["ended before the first frame"], line.output


@pytest.mark.parametrize(
    "victim",
    ["tracking", *(pytest.param(name, marks=pytest.mark.slow) for name in ("camera", "recording", "motors"))],
)
@pytest.mark.slow
def test_a_killed_process_that_is_not_to_come_back_ends_the_run(victim: str, tmp_path: Path) -> None:
    never = ("--set", f"supervisor.restart.{victim}=never")
    with running("demo.toml", "--headless", "--record", str(tmp_path), *SMALL, *never) as line:
        line.wait_for("beads found")
        await_recorded(tmp_path)
        line.child(victim).kill()
        line.wait_for(f"the {victim} process ended unexpectedly")
        assert line.process.wait(20) == 1
    dataset = Dataset.only(tmp_path)
    assert dataset.about["exit_status"] == "failed"
    counters = dataset.counters
    require_identities(counters, dataset.about["ledger"])
    assert counters["frames_recorded"] > 0
    summary = re.search(
        r"(\d+) frames acquired in ([\d.]+) s .* (\d+) tracked, (\d+) lost \(.* tracking (\d+)", line.output
    )
    assert summary is not None, line.output
    acquired, tracked, lost, lost_tracking = (int(summary[group]) for group in (1, 3, 4, 5))
    assert acquired == tracked + lost_tracking
    assert lost >= lost_tracking
    assert float(summary[2]) > 0


@pytest.mark.slow
def test_the_others_go_on_where_the_config_says_so(tmp_path: Path) -> None:
    going_on = ("--set", "supervisor.on_child_death=continue", "--set", "supervisor.restart.motors=never")
    with running("demo.toml", "--headless", "--record", str(tmp_path), *SMALL, *going_on) as line:
        line.wait_for("beads found")
        line.child("motors").kill()
        line.wait_for("the others go on")
        time.sleep(0.5)
        assert line.end(signal.SIGTERM)[0] == 1, line.output
    assert lost_here(Dataset.only(tmp_path).counters) == 0


@pytest.mark.slow
def test_children_of_a_killed_supervisor_end_and_the_next_start_is_clean(tmp_path: Path) -> None:
    with running("demo.toml", "--headless", "--record", str(tmp_path / "a"), *SMALL) as line:
        line.wait_for("beads found")
        family = line.workers()
        line.process.kill()
        _, alive = psutil.wait_procs(family, timeout=10)
        assert not alive
    dataset = Dataset.only(tmp_path / "a")
    assert dataset.about["exit_status"] == "interrupted"
    assert len(dataset.column("tracking/frame_ids")) == dataset.counters["frames_recorded"]
    with running("demo.toml", "--headless", "--duration", "0.5", *SMALL) as line:
        assert line.process.wait(30) == 0, line.output


@pytest.mark.slow
def test_children_of_a_supervisor_killed_during_the_start_end_too() -> None:
    with running("demo.toml", "--headless", *SMALL) as line:
        deadline = time.monotonic() + START_S
        family: list[psutil.Process] = []
        while len(family) < 4 and time.monotonic() < deadline:
            family = line.workers()
        line.process.kill()
        _, alive = psutil.wait_procs(family, timeout=10)
        assert not alive
    reap_dead_sessions()  # as the next start does


@pytest.mark.slow
def test_a_child_that_is_stuck_ends_with_its_supervisor(tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text(_LATE, encoding="utf-8")
    late = ("--set", "camera.driver=late:Late", "--set", f"drivers.path=[{str(tmp_path)!r}]")
    with running("demo.toml", "--headless", *SMALL, *late) as line:
        deadline = time.monotonic() + START_S
        while len(line.workers()) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        # By now the camera is in its driver, and does not look at its pipe.
        time.sleep(2.0)
        family = line.workers()
        line.process.kill()
        _, alive = psutil.wait_procs(family, timeout=10)
        assert not alive
    reap_dead_sessions()  # as the next start does


@pytest.mark.slow
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
