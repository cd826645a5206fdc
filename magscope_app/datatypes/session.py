"""One running instance: its name prefix, its file, and what the next start cleans up after a kill."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from magscope_app import operating_system as system

logger = logging.getLogger("magscope_app.datatypes")

ENVIRONMENT_VARIABLE = "MAGSCOPE_SESSION"
_SUFFIX = ".session"
_FILES = ".files"
_UNFINISHED = ".new"
#: Reserving many gigabytes takes seconds.
_CREATE_TIMEOUT_S = 30.0
#: A file without an owner that is older than this is what a kill or a full disk left.
_UNFINISHED_S = 600.0


@dataclass(frozen=True)
class Session:
    """The prefix that all segments of one running instance share, and the file that lists them.

    The file is JSON lines, appended before each segment is made, so that it is never behind: first the owner
    (pid, start), then one line per segment or semaphore. It lies in the user's runtime folder.

    Attributes
    ----------
    prefix : str
        8 characters, first part of every segment's name: ``ms`` and six small letters or digits.
    implicit : bool
        True when made by a buffer because there was none; it then goes with its last segment.

    Raises
    ------
    ValueError
        For any other prefix.
    """

    prefix: str
    implicit: bool = False

    def __post_init__(self) -> None:
        # Refuses a prefix that no segment could be named after.
        self.segment_name("any")

    @classmethod
    def create(cls, *, implicit: bool = False) -> Session:
        """Begin a session for this process and the children that it will spawn, after reaping dead ones."""
        reap_dead_sessions()
        session = cls(system.random_prefix(), implicit)
        owner = {"pid": os.getpid(), "start": system.process_start(os.getpid()), "implicit": implicit}
        fresh = session.path.with_suffix(_UNFINISHED)
        fresh.write_text(json.dumps(owner) + "\n", encoding="utf-8")
        fresh.replace(session.path)
        os.environ[ENVIRONMENT_VARIABLE] = session.prefix
        return session

    @classmethod
    def current(cls) -> Session | None:
        """Return the session of this process (its own or inherited), or None; one that has ended is none."""
        prefix = os.environ.get(ENVIRONMENT_VARIABLE, "")
        if not system.is_prefix(prefix):
            return None
        found = _read(cls(prefix).path)
        return None if found is None else cls(prefix, found.implicit)

    @property
    def path(self) -> Path:
        """The session file."""
        return system.runtime_folder() / f"{self.prefix}{_SUFFIX}"

    @property
    def folder(self) -> Path:
        """A folder for files that go with the session; whoever needs it makes it."""
        return self.path.with_suffix(_FILES)

    def segment_name(self, name: str) -> str:
        """Return the operating system's name of the buffer `name`."""
        return system.segment_name(self.prefix, name)

    @contextmanager
    def creating(self, segment: str) -> Iterator[None]:
        """List a segment in the session file, then keep all other processes from creating one here.

        Raises
        ------
        FileNotFoundError
            When the session does not run: nobody would clean up after it.
        TimeoutError
            When another process is creating a buffer and does not finish.
        """
        try:
            with system.file_lock(self.path, _CREATE_TIMEOUT_S):
                self._append([{"segment": segment}])
                yield
        except FileNotFoundError:
            if self.path.exists():
                raise
            message = f"there is no session {self.prefix!r}: begin one with Session.create()"
            raise FileNotFoundError(errno.ENOENT, message) from None

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
        try:
            with system.file_lock(self.path, 0.0):
                found = _read(self.path)
                listed = () if found is None else found.segments
                if any(system.segment_exists(segment) for segment in listed if segment != going):
                    return
        except (FileNotFoundError, TimeoutError):
            # Ended already, or another segment is being made at this moment.
            return
        self.close()

    def close(self) -> None:
        """End the session: its files and its environment variable go; segments are their owners' affair."""
        shutil.rmtree(self.folder, ignore_errors=True)
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

    What cannot be read or removed is passed over: a damaged file never stops a start.

    Returns
    -------
    tuple of str
        Names of the segments and semaphores that were really removed.
    """
    removed: list[str] = []
    folder = system.runtime_folder()
    for path in [*folder.glob(f"*{_SUFFIX}"), *folder.glob(f"*{_UNFINISHED}")]:
        found = _read(path) if path.suffix == _SUFFIX else None
        if found is None:
            _remove_old(path)
        elif not system.is_alive(found.pid, found.start):
            removed += [n for n in found.segments if system.unlink_segment(n, registered=False)]
            removed += [n for n in found.semaphores if system.unlink_semaphore(n)]
            shutil.rmtree(path.with_suffix(_FILES), ignore_errors=True)
            with suppress(OSError):
                path.unlink(missing_ok=True)
            logger.info("cleaned up after a session that was killed: %s", path.stem)
    return tuple(removed)


def _remove_old(path: Path) -> None:
    """Remove a file without an owner, unless a start that is under way may have it in hand."""
    try:
        if time.time() - path.stat().st_mtime > _UNFINISHED_S:
            path.unlink()
            logger.info("removed a session file that says no owner: %s", path)
    except OSError as error:
        logger.info("a session file can be neither read nor removed and is passed over: %s", error)


@dataclass(frozen=True, slots=True)
class _File:
    """What a session file says."""

    pid: int
    start: int
    implicit: bool
    segments: tuple[str, ...]
    semaphores: tuple[str, ...]


def _read(path: Path) -> _File | None:
    """Return what a session file says; None when there is none, or none with an owner."""
    try:
        text = path.read_bytes().decode(errors="replace")
    except OSError:
        return None
    lines = list(_whole_lines(text))
    owner = lines[0] if lines else {}
    pid, start = owner.get("pid"), owner.get("start")
    if type(pid) is not int or type(start) is not int or not 0 < pid < 1 << 31:
        return None
    # Only what is named after this session: a damaged line must not remove what belongs to another.
    segments = (name for name in _named(lines, "segment") if name.startswith(f"{path.stem}-"))
    return _File(
        pid, start, owner.get("implicit") is True, tuple(segments), tuple(_named(lines, "semaphore"))
    )


def _whole_lines(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            # Its process was killed in the middle of this line, before it made the segment.
            continue
        if isinstance(value, dict):
            yield value


def _named(lines: list[dict[str, Any]], kind: str) -> list[str]:
    names = dict.fromkeys(line[kind] for line in lines if isinstance(line.get(kind), str))
    return list(names)
