"""Print the table of faults for docs/reliability.md: ``python -m tests.faults.report RESULTS…``.

RESULTS are files that ``MAGSCOPE_FAULTS_RESULTS=… pytest tests/faults/test_table.py -m slow`` has written; a
later one counts more.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.faults.table import EXPECTED, KINDS, STATES


def table(seen: dict[tuple[str, str, str], dict[str, Any]]) -> str:
    """Return one row for each process and kind of fault."""
    head = ["process", "fault", "what is to happen", *STATES]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for (process, kind), outcome in EXPECTED.items():
        cells = [_said(seen.get((process, kind, state))) for state in STATES]
        lines.append("| " + " | ".join([process, KINDS[kind], outcome.text, *cells]) + " |")
    return "\n".join(lines)


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


if __name__ == "__main__":
    main()
