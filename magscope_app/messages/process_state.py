"""One line of the process list."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One line of the process list.

    Attributes
    ----------
    name : str
        What it does.
    state : str
        starting, running, slow (no sign of life for a while), hung (none for long), dead, restarting (from
        its death until it is ready again), failed (dead, and not started again), ended.
    pid : int or None
        Of the operating system.
    """

    name: str
    state: str
    pid: int | None = None
