"""One running instance: its name prefix, its file, and what the next start cleans up after a kill."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from magscope_app import operating_system as system
from magscope_app.datatypes import session_file

logger = logging.getLogger("magscope_app.datatypes")

ENVIRONMENT_VARIABLE = "MAGSCOPE_SESSION"
_SUFFIX = ".session"
_FILES = ".files"
_UNFINISHED = ".new"
#: Reserving many gigabytes takes seconds.
_CREATE_TIMEOUT_S = 30.0
#: Others list a segment under the lock, or look whether any exists.
_END_TIMEOUT_S = 5.0
#: Two that go at a time look whether any segment exists one after the other; who makes one may take long.
_REMOVE_TIMEOUT_S = 0.2
#: On Windows: those who are reading the file let go of it at once.
_OPEN_TIMEOUT_S = 1.0
#: A file without an owner that is older than this is what a kill or a full disk left.
_UNFINISHED_S = 600.0
#: Two threads that make their first buffers at a time make them in one session.
_BEGINNING = threading.Lock()


@dataclass(frozen=True)
class Session:
    """The prefix that all segments of one running instance share, and the file that lists them.

    The file is JSON lines, appended before each segment is made, so that it is never behind: first the owner
    (pid, start), then one line per segment or semaphore. It lies in the user's runtime folder. A last line
    says that the session has ended, for those who wait for the file's lock; then the file is removed.

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
        """Return the session of this process (its own or inherited), or None; one that has ended is none.

        Raises
        ------
        OSError
            When its file exists and cannot be read.
        """
        prefix = os.environ.get(ENVIRONMENT_VARIABLE, "")
        if not system.is_prefix(prefix):
            return None
        found = session_file.running(cls(prefix).path)
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
    def creating(self, segment: str, semaphores: Iterable[object] = ()) -> Iterator[None]:
        """List a segment in the session file, then keep all other processes from creating one here.

        Parameters
        ----------
        segment : str
        semaphores : iterable
            Listed with it, as `note_semaphores` does.

        Raises
        ------
        FileNotFoundError
            When the session does not run: nobody would clean up after it. It may have ended only while this
            process waited for its turn.
        TimeoutError
            When another process is creating a buffer and does not finish.
        """
        try:
            with system.file_lock(self.path, _CREATE_TIMEOUT_S):
                if session_file.running(self.path) is None:
                    raise FileNotFoundError(errno.ENOENT, "the session has ended", str(self.path))
                session_file.append(self.path, [{"segment": segment}, *_named_semaphores(semaphores)])
                yield
        except FileNotFoundError:
            if self.runs():
                raise
            message = f"there is no session {self.prefix!r}: begin one with Session.create()"
            raise FileNotFoundError(errno.ENOENT, message) from None

    def runs(self) -> bool:
        """Return True when the session was begun and has not ended (its owner may have been killed)."""
        return session_file.running(self.path) is not None

    def note_semaphores(self, semaphores: Iterable[object]) -> None:
        """List the named semaphores behind `multiprocessing` locks and semaphores, where they have names.

        Of a session that has ended there is no list any more.
        """
        with suppress(FileNotFoundError):
            session_file.append(self.path, _named_semaphores(semaphores))

    def remove(self, segment: str | None) -> None:
        """Remove a segment that this process made, and with its last one an implicit session.

        Both under the lock of the session's file: a segment of that name that exists afterwards is a new one.
        None stands for a segment that could not be made.
        """
        with ExitStack() as stack:
            alone = self._is_implicit_and_locked(stack)
            if segment is not None:
                system.unlink_segment(segment, registered=True)
            if not alone or not self._ended_if_empty(segment):
                return
        self._forget()

    def _is_implicit_and_locked(self, stack: ExitStack) -> bool:
        try:
            found = session_file.running(self.path)
            if found is None or not found.implicit:
                return False
            stack.enter_context(system.file_lock(self.path, _REMOVE_TIMEOUT_S))
        except OSError:
            # Ended already, or another segment is being made at this moment, or the file cannot be read now.
            return False
        return True

    def _ended_if_empty(self, going: str | None) -> bool:
        # On Windows the segment that goes is there until its last view is gone.
        try:
            found = session_file.running(self.path)
            if found is None or any(system.segment_exists(name) for name in found.segments if name != going):
                return False
            session_file.append(self.path, [session_file.ENDED])
        except OSError:
            return False
        return True

    def close(self) -> None:
        """End the session: its files and its environment variable go; segments are their owners' affair."""
        # Neither one who is stopped while it makes a buffer nor a full disk keeps a session from ending.
        with suppress(OSError), system.file_lock(self.path, _END_TIMEOUT_S):
            session_file.append(self.path, [session_file.ENDED])
        self._forget()

    def _forget(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        if not system.remove_file(self.path, _OPEN_TIMEOUT_S):
            logger.warning("%s cannot be removed: a later start tries again", self.path)
        if os.environ.get(ENVIRONMENT_VARIABLE) == self.prefix:
            del os.environ[ENVIRONMENT_VARIABLE]


def _named_semaphores(semaphores: Iterable[object]) -> list[dict[str, object]]:
    names = (system.semaphore_name(semaphore) for semaphore in semaphores)
    return [{"semaphore": name} for name in names if name is not None]


def current_or_new() -> Session:
    """Return the session of this process; without one, begin an implicit one."""
    with _BEGINNING:
        return Session.current() or Session.create(implicit=True)


def resolve(session: Session | str | None) -> Session | None:
    """Return the session that a ``session=`` argument means; None means the one of this process, if any.

    ValueError for what is no session and no prefix of one.
    """
    if session is None:
        return Session.current()
    if not isinstance(session, Session | str):
        raise ValueError(f"session is a Session, its prefix or None, not {session!r:.60}")
    return Session(session) if isinstance(session, str) else session


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
    for path in folder.glob(f"*{_UNFINISHED}"):
        _remove_old(path)
    for path in folder.glob(f"*{_SUFFIX}"):
        try:
            found = session_file.read(path)
        except OSError as error:
            # Its owner may live: not to be able to read is no reason to remove.
            logger.info("a session file cannot be read and is passed over: %s", error)
            continue
        if found is None:
            _remove_old(path)
        elif not system.is_alive(found.pid, found.start):
            removed += [n for n in found.segments if system.unlink_segment(n, registered=False)]
            removed += [n for n in found.semaphores if system.unlink_semaphore(n)]
            system.remove_file(path, 0.0)
            shutil.rmtree(path.with_suffix(_FILES), ignore_errors=True)
            logger.info("cleaned up after a session that was killed: %s", path.stem)
    return tuple(removed)


def _remove_old(path: Path) -> None:
    """Remove a file without an owner, unless a start that is under way may have it in hand."""
    try:
        if time.time() - path.stat().st_mtime > _UNFINISHED_S:
            path.unlink()
            logger.info("removed a session file that says no owner: %s", path)
    except OSError as error:
        logger.info("a session file that says no owner cannot be removed: %s", error)
