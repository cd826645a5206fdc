"""Every process fails in every way in every state: what the table says comes true."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import pytest

from tests.faults.rig import Rig, Seen, keep, rig
from tests.faults.table import EXPECTED, KINDS, SHORT, STATES, WHOLE, Cell
from tests.line.running import Dataset

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals stop and kill the processes")

Group = tuple[Cell, ...]


def _name(group: Group) -> str:
    return f"{group[0].state}: " + ", ".join(f"{cell.process} {cell.kind}" for cell in group)


@pytest.mark.parametrize(
    "group",
    [
        pytest.param(
            group, id=_name(group), marks=pytest.mark.slow if group[0].state in ("idle", "lock") else ()
        )
        for group in SHORT
    ],
)
def test_faults(group: Group, tmp_path: Path) -> None:
    _go_through(group, tmp_path, stop_s=3.0)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("group", WHOLE, ids=_name)
def test_every_fault(group: Group, tmp_path: Path) -> None:
    _go_through(group, tmp_path, stop_s=10.0)


def test_the_short_form_has_every_process_kind_and_state() -> None:
    cells = [cell for group in SHORT for cell in group]
    assert {cell.process for cell in cells} == {process for process, _ in EXPECTED}
    assert {cell.kind for cell in cells} == set(KINDS)
    assert {cell.state for cell in cells} == set(STATES) - {"acquiring"}  # a lock and a sweep acquire, too
    killed = {cell.process for cell in cells if cell.kind == "killed"}
    assert killed >= {"camera", "recording", "gui", "supervisor"}
    hung = {cell.process for cell in cells if cell.kind in ("stopped", "loops")}
    assert hung >= {"recording", "motors"}
    whole = [cell for group in WHOLE for cell in group]
    # The locks' process runs in one state only.
    assert len(whole) == len(set(whole)) == len(EXPECTED) * len(STATES) - len(KINDS) * (len(STATES) - 1)


def _go_through(group: Group, folder: Path, stop_s: float) -> None:
    window = any(cell.process == "gui" for cell in group)
    seen: list[Seen] = []
    with rig(group[0].state, folder, window=window) as run:
        run.reach()
        for cell in group:
            run.order()
            time.sleep(0.3)
            seen.append(run.cause(cell, stop_s))
        ended_s = run.end(group)
        if group[-1].outcome.ending == "ends the run":
            seen[-1].back_s = ended_s
        run.check_sweeps()
        dataset = run.dataset()
        if dataset is not None:
            _check_books(dataset, group)
            _check_extent(run, dataset)
        lost = _lost(run, dataset)
    for one in seen:
        one.lost = lost
    keep(seen)


def _check_books(dataset: Dataset, group: Group) -> None:
    faults = {(cell.process, cell.kind) for cell in group}
    last = group[-1]
    ended = "failed" if last.process == "supervisor" and last.kind == "raises" else "interrupted"
    assert dataset.about["exit_status"] == ended
    counters = dataset.counters
    assert counters["frames_recorded"] > 0
    # Only the camera's absence costs frames, and what a recorder held in its hands when it died.
    hurt = {process for process, _ in faults}
    assert counters["lost_ring"] == 0
    # What a killed supervisor leaves to its children is what has been tracked by then.
    assert counters["lost_tracking"] == 0 or last.outcome.exit_code == -9
    # The simulated camera may lose frames of itself on a busy machine.
    assert counters["lost_upstream"] > 0 or "camera" not in hurt
    if "recording" not in hurt or ("recording", "stopped") in faults:
        assert counters["lost_recording"] == 0 or last.outcome.exit_code == -9


def _check_extent(run: Rig, dataset: Dataset) -> None:
    """The dataset goes on to the end of the run, whoever died meanwhile."""
    found = re.search(r"(\d+) frames acquired in", run.line.output)
    if found is not None:
        assert dataset.counters["frames_acquired"] > 0.95 * int(found[1]), run.line.output


def _lost(run: Rig, dataset: Dataset | None) -> str:
    """Return the losses in words: of the dataset, or of the whole run."""
    if dataset is not None:
        gaps = dataset.about["ledger"]
        return ", ".join(f"{gap['where']} {gap['count']}" for gap in gaps) or "none"
    found = re.search(r"(\d+) lost \((.*)\)", run.line.output)
    if found is None:
        return "–"
    places = [part for part in found[2].split(", ") if not part.endswith(" 0")]
    return ", ".join(places) or "none"
