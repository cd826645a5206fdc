"""One running instance: its name prefix, its file, and what the next start cleans up after a kill."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from magscope_app import operating_system as system

logger = logging.getLogger("magscope_app.datatypes")

ENVIRONMENT_VARIABLE = "MAGSCOPE_SESSION"
_SUFFIX = ".session"


@dataclass(frozen=True)
class Session:
    """The prefix that all segments of one running instance share, and the file that lists them.

    The file is JSON lines, appended before each segment is made, so that it is never behind: first the owner
    (pid, start), then one line per segment or semaphore. It lies in the user's runtime folder.

    Attributes
    ----------
    prefix : str
        8 characters, first part of every segment's name.
    implicit : bool
        True when made by a buffer because there was none; it then goes with its last segment.
    """

    prefix: str
    implicit: bool = False

    @classmethod
    def create(cls, *, implicit: bool = False) -> Session:
        """Begin a session for this process and the children that it will spawn, after reaping dead ones."""
        reap_dead_sessions()
        session = cls(system.random_prefix(), implicit)
        owner = {"pid": os.getpid(), "start": system.process_start(os.getpid()), "implicit": implicit}
        fresh = session.path.with_suffix(".new")
        fresh.write_text(json.dumps(owner) + "\n", encoding="utf-8")
        fresh.replace(session.path)
        os.environ[ENVIRONMENT_VARIABLE] = session.prefix
        return session

    @classmethod
    def current(cls) -> Session | None:
        """Return the session of this process (its own or inherited), or None."""
        prefix = os.environ.get(ENVIRONMENT_VARIABLE, "")
        if not prefix:
            return None
        owner, _ = _read(cls(prefix).path)
        return cls(prefix, bool(owner.get("implicit", False)))

    @property
    def path(self) -> Path:
        """The session file."""
        return system.runtime_folder() / f"{self.prefix}{_SUFFIX}"

    def segment_name(self, name: str) -> str:
        """Return the operating system's name of the buffer `name`."""
        return system.segment_name(self.prefix, name)

    def note_segment(self, segment: str) -> None:
        """List a segment in the session file, before it is created."""
        self._append([{"segment": segment}])

    def note_semaphores(self, semaphores: Iterable[object]) -> None:
        """List the named semaphores behind `multiprocessing` locks and semaphores, where they have names."""
        names = [name for name in map(system.semaphore_name, semaphores) if name is not None]
        self._append([{"semaphore": name} for name in names])

    def _append(self, lines: list[dict[str, str]]) -> None:
        if lines and self.path.exists():
            with self.path.open("a", encoding="utf-8") as file:
                file.write("".join(json.dumps(line) + "\n" for line in lines))

    def close_if_empty(self, going: str) -> None:
        """End an implicit session when none of its segments but `going` exists any more."""
        if not self.implicit:
            return
        _, listed = _read(self.path)
        others = [segment for segment in _named(listed, "segment") if segment != going]
        if not any(map(system.segment_exists, others)):
            self.close()

    def close(self) -> None:
        """End the session: its file and its environment variable go; segments are their owners' affair."""
        self.path.unlink(missing_ok=True)
        if os.environ.get(ENVIRONMENT_VARIABLE) == self.prefix:
            del os.environ[ENVIRONMENT_VARIABLE]


def current_or_new() -> Session:
    """Return the session of this process; without one, begin an implicit one."""
    return Session.current() or Session.create(implicit=True)


def resolve(session: Session | str | None) -> Session | None:
    """Return the session that a ``session=`` argument means; None means the one of this process, if any."""
    if isinstance(session, str):
        return Session(session)
    return session or Session.current()


def reap_dead_sessions() -> tuple[str, ...]:
    """Remove segments, semaphores and files of sessions whose owner was killed.

    Returns
    -------
    tuple of str
        Names of the segments and semaphores that were really removed.
    """
    removed: list[str] = []
    for path in system.runtime_folder().glob(f"*{_SUFFIX}"):
        owner, listed = _read(path)
        if not owner or system.is_alive(int(owner["pid"]), int(owner["start"])):
            continue
        removed += [n for n in _named(listed, "segment") if system.unlink_segment(n, registered=False)]
        removed += [n for n in _named(listed, "semaphore") if system.unlink_semaphore(n)]
        path.unlink(missing_ok=True)
        logger.info("cleaned up after a session that was killed: %s", path.stem)
    return tuple(removed)


def _read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the owner and the listed names; both empty when there is no readable file."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}, []
    lines = list(_whole_lines(text))
    return (lines[0], lines[1:]) if lines and "pid" in lines[0] else ({}, [])


def _whole_lines(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            # Its process was killed in the middle of this line, before it made the segment.
            continue


def _named(listed: list[dict[str, Any]], kind: str) -> list[str]:
    return list(dict.fromkeys(line[kind] for line in listed if kind in line))
