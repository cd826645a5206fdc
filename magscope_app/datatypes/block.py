"""One shared-memory segment with a header: made, attached and released."""

from __future__ import annotations

import errno
import mmap
import os
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from magscope_app import operating_system as system
from magscope_app.datatypes import layout
from magscope_app.datatypes.errors import SharedMemoryFullError
from magscope_app.datatypes.session import Session, current_or_new, resolve

_BUILD_TIMEOUT_S = 1.0
#: Left free for everything else on the machine.
_MARGIN_BYTES = 16 << 20


def check_fits(nbytes: int, what: str = "the buffers") -> None:
    """Raise SharedMemoryFullError when `nbytes` of shared memory are not free now; creates nothing."""
    free = _free()
    if nbytes > free:
        raise SharedMemoryFullError(what, nbytes, free)


def _free() -> int:
    return max(0, system.free_shared_memory() - _MARGIN_BYTES)


class Block:
    """A mapped segment whose first words are the common header.

    Attributes
    ----------
    session : Session
        Where it was made or found.
    words : memoryview
        The whole segment as unsigned 64-bit words: an aligned load or store of one of them never tears.
    data : ndarray of uint8
        The same memory as bytes.
    """

    def __init__(self, mapped: mmap.mmap, name: str, session: Session) -> None:
        self.name = name
        self.session = session
        self.words = memoryview(mapped).cast("Q")
        self.data: NDArray[np.uint8] = np.frombuffer(mapped, np.uint8)
        self._release: weakref.finalize[..., Block] | None = None
        self._creator = 0

    @classmethod
    def create(
        cls,
        kind: int,
        name: str,
        nbytes: int,
        session: Session | str | None,
        semaphores: Iterable[object] = (),
    ) -> Block:
        """Make a zeroed segment; the caller fills it under `building` and then calls `publish`.

        Parameters
        ----------
        kind : int
            Which class of buffer.
        name : str
        nbytes : int
        session : Session or str, optional
        semaphores : iterable
            Locks and semaphores that the buffer was given: the session lists those that a kill would leave.

        Raises
        ------
        FileExistsError
            When a living process owns a buffer of that name in this session.
        FileNotFoundError
            When there is no such session.
        SharedMemoryFullError
            When it does not fit.
        """
        check_fits(nbytes, name)
        owner = resolve(session) or current_or_new()
        segment = owner.segment_name(name)
        try:
            # Alone until the owner stands in the header, so that a segment without one is a dead process's.
            with owner.creating(segment, semaphores):
                block = cls(_create_or_replace(segment, name, nbytes), name, owner)
                block._creator = os.getpid()
                block._release = weakref.finalize(block, _remove, segment, owner, os.getpid())
                words = block.words
                words[layout.OWNER_PID] = os.getpid()
                words[layout.OWNER_START] = system.process_start(os.getpid())
        except FileNotFoundError:
            if session is not None or owner.runs():
                raise
            # It ended while this process waited for its turn; nobody asked for that one.
            return cls.create(kind, name, nbytes, None, semaphores)
        except BaseException:
            owner.remove(None)
            raise
        words[layout.VERSION_WORD] = layout.VERSION
        words[layout.KIND] = kind
        words[layout.NBYTES] = nbytes
        return block

    @property
    def created(self) -> bool:
        """True for the handle whose close removes the segment, in the process that made it."""
        return self._creator == os.getpid()

    @contextmanager
    def building(self) -> Iterator[None]:
        """Fill a segment just made; when that fails, its name is free again at once."""
        try:
            yield
        except BaseException:
            if self.created:
                self.remove()
            raise

    @classmethod
    def attach(cls, kind: int, name: str, session: Session | str | None) -> Block:
        """Map the buffer `name` of a session.

        Raises
        ------
        FileNotFoundError
            When there is no such buffer, or nobody finishes building it within a second.
        ValueError
            When it is of another kind or of another version of this program.
        """
        owner = resolve(session)
        missing = f"there is no buffer {name!r} to attach to: create it first, in this process or its parent"
        if owner is None:
            raise FileNotFoundError(errno.ENOENT, missing)
        try:
            mapped = system.attach_segment(owner.segment_name(name))
        except FileNotFoundError:
            raise FileNotFoundError(errno.ENOENT, missing) from None
        unfinished = f"the buffer {name!r} was never finished by its creator"
        if _is_no_block(mapped):
            raise FileNotFoundError(errno.ENOENT, unfinished)
        block = cls(mapped, name, owner)
        if not block._await_magic():
            raise FileNotFoundError(errno.ENOENT, unfinished)
        found = block.words[layout.VERSION_WORD], block.words[layout.KIND]
        if found != (layout.VERSION, kind):
            raise ValueError(
                f"the buffer {name!r} has version and kind {found}, not {(layout.VERSION, kind)}:"
                " run the same version of the program in all processes"
            )
        return block

    def _await_magic(self) -> bool:
        deadline = time.monotonic() + _BUILD_TIMEOUT_S
        while self.words[layout.MAGIC_WORD] != layout.MAGIC:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.002)
        return True

    def publish(self) -> None:
        """Let others attach: everything before is filled in."""
        self.words[layout.MAGIC_WORD] = layout.MAGIC

    def set_geometry(self, values: Sequence[int]) -> None:
        """Store up to ten numbers that say what lies behind the header."""
        for offset, value in enumerate(values):
            self.words[layout.GEOMETRY + offset] = value

    def geometry(self, count: int) -> tuple[int, ...]:
        """Return the first `count` numbers that `set_geometry` stored."""
        return tuple(self.words[layout.GEOMETRY : layout.GEOMETRY + count].tolist())

    def sizes(self, count: int) -> tuple[int, ...]:
        """Return them like `geometry`; ValueError when one is 0, which none that a creator stored is."""
        found = self.geometry(count)
        if min(found) < 1:
            raise ValueError(f"the buffer {self.name!r} is damaged, its sizes are {found}: make it anew")
        return found

    def require(self, nbytes: int) -> None:
        """Raise ValueError when the segment is smaller than its sizes say."""
        if len(self.data) < nbytes:
            raise ValueError(
                f"the buffer {self.name!r} is damaged, it has {len(self.data)} bytes instead of {nbytes}:"
                " make it anew"
            )

    def prefault(self) -> None:
        """Touch every page once, so that the first lap of the ring is as fast as the next."""
        int(self.data[:: layout.PAGE].sum(dtype=np.int64))

    def remove(self) -> None:
        """Remove the segment's name if this handle created it; views stay valid. May be called again."""
        if self._release is not None:
            self._release()


def _create_or_replace(segment: str, name: str, nbytes: int) -> mmap.mmap:
    try:
        return _create(segment, name, nbytes)
    except FileExistsError:
        if _owner_lives(segment):
            message = (
                f"a buffer {name!r} exists already in this session: close it, or attach with create=False"
            )
            raise FileExistsError(errno.EEXIST, message) from None
        system.unlink_segment(segment, registered=False)
    try:
        return _create(segment, name, nbytes)
    except FileExistsError:
        message = f"the buffer {name!r} of a process that has ended is still open in another: end that, too"
        raise FileExistsError(errno.EEXIST, message) from None


def _create(segment: str, name: str, nbytes: int) -> mmap.mmap:
    try:
        return system.create_segment(segment, nbytes)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.ENOMEM):
            raise SharedMemoryFullError(name, nbytes, _free()) from error
        raise


def _owner_lives(segment: str) -> bool:
    try:
        mapped = system.attach_segment(segment)
    except FileNotFoundError:
        # Killed before it had a size.
        return False
    if _is_no_block(mapped):
        return False
    words = memoryview(mapped).cast("Q")
    return system.is_alive(words[layout.OWNER_PID], words[layout.OWNER_START])


def _is_no_block(mapped: mmap.mmap) -> bool:
    """Say whether a segment is none that this program made: those have whole pages."""
    return len(mapped) < layout.PAGE or len(mapped) % 8 != 0


def _remove(segment: str, session: Session, pid: int) -> None:
    # A forked child inherits this finaliser but not the segment.
    if os.getpid() == pid:
        session.remove(segment)
