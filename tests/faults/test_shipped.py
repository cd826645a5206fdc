"""What a process that dies or stands still costs with the shipped values: counted, and said at once."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import pytest

from tests.faults.rig import rig
from tests.faults.table import Cell
from tests.line.running import require_identities

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals stop and kill the processes")

#: Of the config's own; the table of faults has a faster heartbeat, and room for everything.
SHIPPED = ("--set", "supervisor.heartbeat_s=1", "--set", "buffer.seconds=2")
_SAID_WITHIN_S = 4.0
_LOSS = re.compile(r"(\d+)(?: more)? frames? (?:was|were) lost: (.*)")


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.parametrize("cell", [("recording", "stopped"), ("tracking", "stopped"), ("tracking", "killed")])
def test_losses_with_the_shipped_values(cell: tuple[str, str], tmp_path: Path) -> None:
    process, kind = cell
    with rig("recording", tmp_path, more=SHIPPED) as run:
        run.reach()
        time.sleep(2.0)
        fault = Cell(process, kind, "recording")  # type: ignore[arg-type]  # parameters are plain texts
        seen = run.cause(fault, 10.0)
        time.sleep(_SAID_WITHIN_S)
        said = [found for line in run.line.lines if (found := _LOSS.search(line))]
        run.end([fault])
        dataset = run.dataset()
    assert dataset is not None
    counters, ledger = dataset.counters, dataset.about["ledger"]
    require_identities(counters, ledger)
    lost = counters[f"lost_{process}"]
    of_it = [int(count) for one in said for count in re.findall(rf"(\d+) by (?:the )?{process}", one[0])]
    assert sum(of_it) == lost, (said, counters)
    kinds = [event["kind"] for event in dataset.events()]
    assert ("process died" in kinds) == ("answers" not in fault.outcome.back)
    print(f"{process} {kind}: {seen}; {counters}; {ledger}; said {of_it}")
