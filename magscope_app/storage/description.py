"""What dataset.json says when a recording starts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from magscope_app.storage import provenance

SCHEMA_VERSION: Final = 1
EXIT_STATUSES: Final = ("running", "completed", "interrupted", "failed")
COUNTERS: Final = (
    "frames_acquired",
    "frames_tracked",
    "frames_recorded",
    "frames_left_out",
    "frames_lost",
    "lost_upstream",
    "lost_ring",
    "lost_tracking",
    "lost_recording",
)
#: Counters that stand only where there is something to count: results of a processor that another replaced.
RARE_COUNTERS: Final = ("duplicates",)
#: Entries to which the caller may add.
_MERGED: Final = ("versions", "host", "clock")


def describe(name: str, started: datetime, unix_start_ns: int, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of a recording that has just begun.

    Parameters
    ----------
    name : str
        As the user gave it.
    started : datetime
        With its time zone.
    unix_start_ns : int
        Unix time of the session's start.
    facts : mapping
        What else is known. It does not replace our own entries, but adds to versions, host and clock.
    """
    own: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "first_name": name,
        "exit_status": "running",
        "started": started.isoformat(),
        "stopped": None,
        "clock": {"unix_start_ns": unix_start_ns},
        "versions": provenance.versions(),
        "git_commit": provenance.git_commit(),
        "host": provenance.host(),
        "counters": dict.fromkeys(COUNTERS, 0),
        "ledger": [],
    }
    for key in _MERGED:
        own[key] = {**facts.get(key, {}), **own[key]}
    return {**facts, **own}
