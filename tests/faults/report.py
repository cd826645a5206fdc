"""Print the tables of faults for docs/reliability.md: ``python -m tests.faults.report RESULTS…``.

RESULTS are files that ``MAGSCOPE_FAULTS_RESULTS=… pytest tests/faults/test_table.py -m slow`` has written; a
later one counts more.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from tests.faults.table import BESIDE, EXPECTED, KINDS, STATES, WHOLE, Cell


def table(seen: dict[tuple[str, str, str], dict[str, Any]]) -> str:
    """Return one row for each process and kind of fault."""
    states = [state for state in STATES if state not in BESIDE]
    rows = [["process", "fault", "what is to happen", *states]]
    for (process, kind), outcome in EXPECTED.items():
        if any(cell.process == process and cell.state in states for group in WHOLE for cell in group):
            cells = [_said(seen.get((process, kind, state))) for state in states]
            rows.append([process, KINDS[kind], outcome.text, *cells])
    return _lines(rows)


def table_beside(seen: dict[tuple[str, str, str], dict[str, Any]], state: str) -> str:
    """Return what becomes of a sweep, or of the lock, with each process and kind of fault."""
    rows = [["process", "fault", f"what becomes of the {state}", "seen"]]
    for group in WHOLE:
        rows += [
            _beside(cell, seen.get((cell.process, cell.kind, state))) for cell in group if cell.state == state
        ]
    order = [[process, KINDS[kind]] for process, kind in EXPECTED]
    return _lines([rows[0], *sorted(rows[1:], key=lambda row: order.index(row[:2]))])


def _beside(cell: Cell, one: dict[str, Any] | None) -> list[str]:
    said = _said(one)
    if one is not None and one["beside"]:
        text = re.sub(r" \[\w+\]$", "", one["beside"].partition(": ")[2] or one["beside"])
        said += f"; “{text.removeprefix('Z-lock ').removeprefix('sweep ')}”"
    return [cell.process, KINDS[cell.kind], cell.outcome.beside, said]


def _lines(rows: list[list[str]]) -> str:
    text = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([text[0], "|" + " --- |" * len(rows[0]), *text[1:]])


def _said(one: dict[str, Any] | None) -> str:
    if one is None:
        return "not run"
    times = [
        f"{name} {one[key]:.1f} s"
        for key, name in (("said_s", "said"), ("back_s", "over"))
        if one[key] is not None
    ]
    return ", ".join(times) or "as said"


def main() -> None:
    """Read and print."""
    seen: dict[tuple[str, str, str], dict[str, Any]] = {}
    for name in sys.argv[1:]:
        for line in Path(name).read_text(encoding="utf-8").splitlines():
            one = json.loads(line)
            seen[one["process"], one["kind"], one["state"]] = one
    print(table(seen))
    for state in BESIDE:
        print(f"\n{table_beside(seen, state)}")


if __name__ == "__main__":
    main()
