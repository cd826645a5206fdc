"""Everything that differs between Windows, macOS and Linux, in one place.

Shared-memory segments are mapped with `mmap` and not through `multiprocessing.shared_memory`: a view that
outlives its buffer then keeps the mapping alive instead of crashing the interpreter, and a process that only
attaches never registers the segment with its own resource tracker, which would destroy it at exit (CPython
issue 82300).
"""

from __future__ import annotations

import ctypes
import errno
import gc
import hashlib
import importlib
import logging
import mmap
import os
import platform
import re
import secrets
import sys
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import platformdirs
import psutil

logger = logging.getLogger(__name__)

#: A plain `str`, so that each branch below can be run in a test on any platform.
_PLATFORM: str = sys.platform
_SHM_FOLDER = "/dev/shm"
_STRONGLY_ORDERED = frozenset({"x86_64", "amd64", "i386", "i686", "x86"})
#: macOS allows 31 characters with the leading slash.
MAX_SEGMENT_NAME = 28
_LOCK_LOOK_S = 0.005
_LOCKED_BYTE = 1 << 30


# Processes ----------------------------------------------------------------------------------------


def process_start(pid: int) -> int:
    """Return a number that, with `pid`, names one process for ever; 0 when no such process runs.

    A zombie counts as not running: it holds nothing and will do nothing.
    """
    if pid <= 0:
        return 0
    if _PLATFORM == "linux":
        return _linux_start_ticks(pid)
    try:
        process = psutil.Process(pid)
        return 0 if process.status() == psutil.STATUS_ZOMBIE else int(process.create_time() * 1e6)
    except psutil.Error:
        return 0


def _linux_start_ticks(pid: int) -> int:
    # The start in clock ticks since boot does not move when the wall clock is set, unlike psutil's
    # create_time.
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rsplit(b")", 1)[1].split()
    except (OSError, IndexError):
        return 0
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])


def is_alive(pid: int, start: int) -> bool:
    """Return True when the very process that had this start still runs."""
    return start != 0 and process_start(pid) == start


class Forkable(Protocol):
    """What a forked child must not use as its parent does."""

    def forked(self) -> None:
        """Be told in the child."""


@cache
def _told_of_forks() -> weakref.WeakSet[Forkable]:
    told: weakref.WeakSet[Forkable] = weakref.WeakSet()

    def tell() -> None:
        for one in list(told):
            one.forked()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=tell)
    return told


def tell_of_forks(one: Forkable) -> None:
    """Have `one.forked()` called in every child that this process forks, as long as it lives.

    A comparison of process ids would cost a system call for each frame.
    """
    _told_of_forks().add(one)


# Memory order -------------------------------------------------------------------------------------


def memory_fence() -> Callable[[], object] | None:
    """Return a full memory barrier to call between shared words, or None where the processor needs none.

    x86 keeps stores in order and loads in order, which is all that the data need (a wake-up may be missed
    and is then made up for: see docs/decisions/0005). On every other processor
    (ARM64) the barrier is one instruction, reached through a compiled numba function (about 0.2 µs a call).
    """
    if platform.machine().lower() in _STRONGLY_ORDERED:
        return None
    return _compiled_fence()


def _compiled_fence() -> Callable[[], object]:
    numba: Any = importlib.import_module("numba")
    extending: Any = importlib.import_module("numba.extending")

    def barrier(_typing_context: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
            builder.fence("seq_cst")
            return context.get_dummy_value()

        return numba.types.void(), generate

    instruction = extending.intrinsic(barrier)

    def fence() -> None:
        instruction()

    compiled: Callable[[], object] = numba.njit(fence)
    compiled()
    return compiled


# Shared-memory segments ---------------------------------------------------------------------------


def random_prefix() -> str:
    """Return a fresh session prefix of 8 characters, such as ``ms4k0z9q``."""
    return "ms" + "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(6))


def is_prefix(text: str) -> bool:
    """Return True for what `random_prefix` may return."""
    return re.fullmatch("ms[a-z0-9]{6}", text) is not None


def segment_name(prefix: str, name: str) -> str:
    """Return the operating system's name for the buffer `name` of a session: at most 28 characters.

    Raises
    ------
    ValueError
        When `prefix` is not one of `random_prefix`: with a longer one the names of two buffers could be cut
        to the same.
    """
    if not is_prefix(prefix):
        raise ValueError(
            f"a session is named 'ms' and six small letters or digits, such as ms4k0z9q, not {prefix!r}"
        )
    readable = re.sub(r"[^A-Za-z0-9]", "", name)[:8]
    digest = hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
    return f"{prefix}-{readable}-{digest}"


def free_shared_memory() -> int:
    """Return how many bytes a new segment may have at most now."""
    available = int(psutil.virtual_memory().available)
    if _PLATFORM == "linux":
        with suppress(OSError):
            folder = os.statvfs(_SHM_FOLDER)
            return min(available, folder.f_bavail * folder.f_frsize)
    return available


def create_segment(name: str, nbytes: int) -> mmap.mmap:
    """Create, reserve and map a zeroed segment that must not exist yet.

    Raises
    ------
    FileExistsError
        When a segment of that name exists.
    OSError
        With ``errno.ENOSPC`` when the memory cannot be reserved; nothing is left behind.
    """
    if _PLATFORM == "win32":
        return _windows_segment(SharedMemory(name, create=True, size=nbytes), name)
    posix = importlib.import_module("_posixshmem")
    descriptor = posix.shm_open("/" + name, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode=0o600)
    try:
        _reserve(descriptor, nbytes)
        mapped = mmap.mmap(descriptor, nbytes)
    except BaseException:
        posix.shm_unlink("/" + name)
        raise
    finally:
        os.close(descriptor)
    # The tracker removes the segment when this process and all its children are killed.
    resource_tracker.register("/" + name, "shared_memory")
    return mapped


def _reserve(descriptor: int, nbytes: int) -> None:
    # A sparse segment larger than the memory would die by SIGBUS at the first touch.
    if _PLATFORM == "linux":
        os.posix_fallocate(descriptor, 0, nbytes)
    else:
        os.ftruncate(descriptor, nbytes)


def attach_segment(name: str) -> mmap.mmap:
    """Map an existing segment; the size may be rounded up to whole pages.

    Raises
    ------
    FileNotFoundError
        When there is none.
    """
    if _PLATFORM == "win32":
        return _windows_segment(SharedMemory(name), name)
    posix = importlib.import_module("_posixshmem")
    descriptor = posix.shm_open("/" + name, os.O_RDWR, mode=0o600)
    try:
        return mmap.mmap(descriptor, os.fstat(descriptor).st_size)
    except ValueError as error:
        raise FileNotFoundError(errno.ENOENT, "shared memory exists but has no size yet", name) from error
    finally:
        os.close(descriptor)


def _windows_segment(shared: SharedMemory, name: str) -> mmap.mmap:
    # A second mapping of the same section, so that views may outlive the handle.
    tagged: Callable[..., mmap.mmap] = mmap.mmap
    try:
        return tagged(-1, shared.size, tagname=name)
    finally:
        shared.close()


def segment_exists(name: str) -> bool:
    """Return True when a segment of that name can be attached."""
    try:
        attach_segment(name).close()
    except OSError:
        return False
    return True


def unlink_segment(name: str, *, registered: bool) -> bool:
    """Remove a segment's name; True when there was one that this user may remove.

    Parameters
    ----------
    name : str
        As given to `create_segment`.
    registered : bool
        True in the process (or its spawn children) that created it. On Windows nothing is to be done: a
        segment goes with its last handle.
    """
    if _PLATFORM == "win32":
        return False
    posix = importlib.import_module("_posixshmem")
    if registered:
        resource_tracker.unregister("/" + name, "shared_memory")
    try:
        posix.shm_unlink("/" + name)
    except (OSError, ValueError):
        return False
    return True


# Semaphores ---------------------------------------------------------------------------------------


def semaphore_name(semaphore: object) -> str | None:
    """Return the system's name of a `multiprocessing` lock or semaphore, or None where it has none."""
    if _PLATFORM == "win32":
        return None
    name = getattr(getattr(semaphore, "_semlock", None), "name", None)
    return name if isinstance(name, str) else None


def unlink_semaphore(name: str) -> bool:
    """Remove a named semaphore whose processes were all killed; True when there was one."""
    if _PLATFORM == "win32":
        return False
    try:
        importlib.import_module("_multiprocessing").sem_unlink(name)
    except (OSError, ValueError):
        return False
    return True


# Folders ------------------------------------------------------------------------------------------


def runtime_folder() -> Path:
    """Return (and make, for this user only) the folder of what lives as long as a login: session files."""
    with warnings.catch_warnings():
        # Without XDG_RUNTIME_DIR platformdirs warns and takes the temporary folder, which is what we want.
        warnings.simplefilter("ignore")
        folder = Path(platformdirs.user_runtime_dir("magscope-app", appauthor=False))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


@contextmanager
def file_lock(path: Path, timeout_s: float) -> Iterator[None]:
    """Hold a lock that belongs to an existing file; the system takes it from a process that dies.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    TimeoutError
        When another handle, of this process or another, keeps it for `timeout_s`.
    """
    with path.open("r+b") as file:
        descriptor, deadline = file.fileno(), time.monotonic() + timeout_s
        while not _try_to_lock(descriptor):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{path} has been locked by another process for more than {timeout_s:g} s")
            time.sleep(_LOCK_LOOK_S)
        try:
            yield
        finally:
            _unlock(descriptor)


def remove_file(path: Path, timeout_s: float) -> bool:
    """Remove a file; True when it is gone afterwards.

    Windows refuses as long as anybody has it open, which is waited for up to `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            if _PLATFORM != "win32" or time.monotonic() > deadline:
                return False
            time.sleep(_LOCK_LOOK_S)
        else:
            return True


def _try_to_lock(descriptor: int) -> bool:
    try:
        if _PLATFORM == "win32":
            _lock_a_byte(descriptor, "LK_NBLCK")
        else:
            fcntl = importlib.import_module("fcntl")
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _unlock(descriptor: int) -> None:
    # Closing is not enough: a forked child has the file open, too, and Windows leaves open when a lock ends.
    if _PLATFORM == "win32":
        _lock_a_byte(descriptor, "LK_UNLCK")
    else:
        fcntl = importlib.import_module("fcntl")
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _lock_a_byte(descriptor: int, how: str) -> None:
    # A byte far behind the end: on Windows a locked byte can be neither read nor written.
    msvcrt = importlib.import_module("msvcrt")
    os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
    msvcrt.locking(descriptor, getattr(msvcrt, how), 1)


# Memory -------------------------------------------------------------------------------------------


def release_memory() -> None:
    """Give freed memory back to the operating system where the C library keeps it (glibc on Linux)."""
    if _PLATFORM != "linux":
        return
    gc.collect()
    with suppress(OSError, AttributeError):
        # musl has no malloc_trim, and keeps nothing.
        ctypes.CDLL(None).malloc_trim(0)


# Sleep --------------------------------------------------------------------------------------------


class Awake:
    """Keeps the computer from sleeping until released.

    Attributes
    ----------
    active : bool
        True while the system has accepted the request. False on a machine without a desktop session.
    """

    def __init__(self, mode: AbstractContextManager[Any] | None) -> None:
        self._mode = mode
        self.active = bool(getattr(mode, "active", False))

    def release(self) -> None:
        """Let the computer sleep again; may be called more than once."""
        mode, self._mode, self.active = self._mode, None, False
        if mode is not None:
            mode.__exit__(None, None, None)

    def __enter__(self) -> Awake:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def keep_awake() -> Awake:
    """Ask the system not to sleep while an acquisition runs; never raises (see `Awake.active`)."""
    try:
        from wakepy import keep

        mode = keep.running(on_fail="pass")
        mode.__enter__()
    except (ImportError, OSError, RuntimeError) as error:
        logger.info("the computer may fall asleep during the acquisition: %s", error)
        return Awake(None)
    return Awake(mode)
