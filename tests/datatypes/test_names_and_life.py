"""Who gets a name, who gives it back, and what is left when somebody is killed or forked."""

from __future__ import annotations

import errno
import importlib
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from magscope_app import operating_system as system
from magscope_app.datatypes import (
    BeadRoiBuffer,
    LiveProfileBuffer,
    MatrixBuffer,
    ReaderMode,
    Session,
    SharedMemoryFullError,
    VideoBuffer,
    ZLUTSweepDataset,
    check_fits,
    layout,
)
from tests.datatypes.conftest import LockMap
from tests.datatypes.frames_for_tests import publish_all

SIZES: dict[str, Any] = {"n_stacks": 2, "n_images": 2, "width": 5, "height": 3, "bits": 8}
SWEEP: dict[str, Any] = {
    "capacity": 2,
    "profile_length": 3,
    "n_steps": 1,
    "n_beads": 1,
    "profiles_per_bead": 1,
}
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc and /dev/shm")
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX shared memory")
FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


# Creating


def slowly(reserve: Callable[[int, int], None], began: threading.Event) -> Callable[[int, int], None]:
    def run(descriptor: int, nbytes: int) -> None:
        began.set()
        time.sleep(0.3)
        reserve(descriptor, nbytes)

    return run


@POSIX
def test_of_two_that_create_one_name_at_a_time_one_is_refused(
    locks: LockMap, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = threading.Event()
    # A large ring: reserving it takes long.
    monkeypatch.setattr(system, "_reserve", slowly(system._reserve, began))
    made: list[VideoBuffer] = []
    first = threading.Thread(target=lambda: made.append(VideoBuffer(create=True, locks=locks, **SIZES)))
    first.start()
    try:
        assert began.wait(10)
        with pytest.raises(FileExistsError, match="exists already"):
            VideoBuffer(create=True, locks=locks, **SIZES)
    finally:
        first.join(10)
    attached = VideoBuffer(create=False, locks=locks)
    made[0].write_timestamp(3.0)
    assert attached.read_image()[1] == 3.0
    attached.close()
    made.pop().close()


@POSIX
def test_an_implicit_session_stays_while_a_buffer_is_being_made_in_it(
    locks: LockMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = VideoBuffer(create=True, locks=locks, **SIZES)
    session = Session.current()
    assert session is not None
    began = threading.Event()
    monkeypatch.setattr(system, "_reserve", slowly(system._reserve, began))
    made: list[BeadRoiBuffer] = []
    second = threading.Thread(target=lambda: made.append(BeadRoiBuffer(create=True, locks=locks, capacity=2)))
    second.start()
    try:
        assert began.wait(10)
        video.close()
    finally:
        second.join(10)
    assert session.path.exists()
    made.pop().close()
    assert not session.path.exists()


@POSIX
@pytest.mark.parametrize("sized", [True, False])
def test_what_a_creator_killed_at_once_left_is_replaced(
    locks: LockMap, session: Session, sized: bool
) -> None:
    segment = session.segment_name("VideoBuffer")
    if sized:
        system.create_segment(segment, 4096).close()
    else:
        posix = importlib.import_module("_posixshmem")
        os.close(posix.shm_open("/" + segment, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode=0o600))
        with pytest.raises(FileNotFoundError, match="no size yet"):
            system.attach_segment(segment)
        assert not system.segment_exists(segment)
    video = VideoBuffer(create=True, locks=locks, **SIZES)
    video.write_timestamp(1.0)
    assert video.read_image()[1] == 1.0
    video.close()


@LINUX
def test_a_segment_is_for_its_user_alone(locks: LockMap, session: Session) -> None:
    before = os.umask(0)
    try:
        video = VideoBuffer(create=True, locks=locks, **SIZES)
    finally:
        os.umask(before)
    file = Path("/dev/shm", session.segment_name("VideoBuffer"))
    assert file.stat().st_mode & 0o777 == 0o600
    video.close()


@LINUX
def test_every_page_is_touched_before_the_first_frame(locks: LockMap, session: Session) -> None:
    made = VideoBuffer(create=True, locks=locks, **{**SIZES, "width": 1000, "height": 500})
    attached = VideoBuffer(create=False, locks=locks)
    sizes = resident(session.segment_name("VideoBuffer"))
    assert len(sizes) == 2
    assert all(touched == size > 2000 for size, touched in sizes), sizes
    attached.close()
    made.close()


def resident(segment: str) -> list[tuple[int, int]]:
    """Return (size, touched by this process) in kB of each mapping of a segment."""
    found, inside, size = [], False, 0
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        key, *rest = line.split()
        if not key.endswith(":"):
            inside = line.endswith(segment)
        elif inside and key == "Size:":
            size = int(rest[0])
        elif inside and key == "Rss:":
            found.append((size, int(rest[0])))
    return found


# Memory that is not there


@POSIX
def test_memory_that_the_system_refuses_is_said_and_leaves_no_name(
    locks: LockMap, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, nbytes: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(system, "_reserve", full)
        with pytest.raises(SharedMemoryFullError, match="does not give so much") as caught:
            VideoBuffer(create=True, locks=locks, **SIZES)
    assert isinstance(caught.value.__cause__, OSError)
    VideoBuffer(create=True, locks=locks, **SIZES).close()


@pytest.mark.parametrize("free_mb", [100, 110, 116])
def test_some_memory_stays_free_and_the_refusal_never_contradicts_itself(
    monkeypatch: pytest.MonkeyPatch, free_mb: int
) -> None:
    monkeypatch.setattr(system, "free_shared_memory", lambda: free_mb * 10**6)
    needed = 100 * 10**6
    with pytest.raises(SharedMemoryFullError) as caught:
        check_fits(needed)
    assert caught.value.needed == needed
    assert caught.value.free < free_mb * 10**6 - 10**7
    assert f"100.0 MB of shared memory are needed and {caught.value.free // 10**5 / 10:.1f} MB" in str(
        caught.value
    )
    monkeypatch.setattr(system, "free_shared_memory", lambda: 117 * 10**6)
    check_fits(needed)


# A failed start


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"width": 5.9}, r"width must be a whole number.*5\.9"),
        ({"height": "5", "n_stacks": True}, r"n_stacks.*True; height.*'5'"),
        ({"unpin_first": "video"}, "not the text 'video'"),
        ({"unpin_first": ("x" * 65,)}, "64 bytes"),
        ({"pin_timeout_s": -1.0}, "pin_timeout_s"),
        ({"pin_timeout_s": float("inf")}, "pin_timeout_s"),
        ({"pin_timeout_s": float("nan")}, "pin_timeout_s"),
    ],
)
def test_a_ring_that_could_not_be_made_leaves_its_name(
    locks: LockMap, session: Session, changes: dict[str, Any], match: str
) -> None:
    with pytest.raises(ValueError, match=match) as kept:
        VideoBuffer(create=True, locks=locks, **{**SIZES, **changes})
    assert not system.segment_exists(session.segment_name("VideoBuffer"))
    VideoBuffer(create=True, locks=locks, **SIZES).close()
    assert kept.value


def test_rows_that_could_not_be_made_leave_their_name(locks: LockMap, session: Session) -> None:
    for changes in ({"shape": (5.7, 3)}, {"shape": (5, 3, 1)}, {"shape": (5, 3), "pin_timeout_s": -1.0}):
        with pytest.raises(ValueError, match=r"whole number|shape|pin_timeout_s") as kept:
            MatrixBuffer(create=True, locks=locks, name="m", **changes)
        MatrixBuffer(create=True, locks=locks, name="m", shape=(5, 3)).close()
        assert kept.value


class Interrupted:
    """A lock during whose taking Ctrl-C is pressed."""

    def acquire(self, _block: bool = True, _timeout: float = -1.0, /) -> bool:
        raise KeyboardInterrupt

    def release(self) -> None:
        """Never reached."""


@pytest.mark.parametrize("name", ["ZLUTSweepDataset", "LiveProfileBuffer"])
def test_a_start_that_is_interrupted_leaves_its_name(locks: LockMap, session: Session, name: str) -> None:
    make: dict[str, Callable[[Any], Any]] = {
        "ZLUTSweepDataset": lambda lock: ZLUTSweepDataset.create(locks={name: lock}, **SWEEP),
        "LiveProfileBuffer": lambda lock: LiveProfileBuffer(
            create=True, locks={name: lock}, profile_capacity=3
        ),
    }
    with pytest.raises(KeyboardInterrupt) as kept:
        make[name](Interrupted())
    assert not system.segment_exists(session.segment_name(name))
    make[name](locks[name]).close()
    assert kept.value


# Versions


def test_a_buffer_of_another_version_is_refused(locks: LockMap, session: Session) -> None:
    profile = LiveProfileBuffer(create=True, locks=locks, profile_capacity=4)
    profile._record.block.words[layout.VERSION_WORD] += 1
    with pytest.raises(ValueError, match="same version"):
        LiveProfileBuffer(create=False, locks=locks)
    profile.close()


# A forked child


def in_a_fork(use: Callable[[], object]) -> bool:
    """Run `use` in a forked child, which then goes without a trace; True when it raised nothing."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            use()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@FORK
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_that_closes_takes_nothing_from_its_parent(locks: LockMap, session: Session) -> None:
    video = VideoBuffer(create=True, locks=locks, default_reader=False, pin_timeout_s=1e6, **SIZES)
    reader = video.reader("tracking", ReaderMode.LOSSLESS)
    matrix = MatrixBuffer(create=True, locks=locks, name="m", shape=(3, 2))
    rows = matrix.reader("recording")
    sweep = ZLUTSweepDataset.create(locks=locks, **SWEEP)
    publish_all(video, range(2))
    for close in (reader.close, rows.close, video.close, matrix.close, sweep.close):
        assert in_a_fork(close)
    # It is not the creator.
    assert not in_a_fork(sweep.destroy)
    status = video.counters().readers[0]
    assert (status.pid, status.pinned) == (os.getpid(), True)
    assert matrix.statuses()[0].pid == os.getpid()
    assert sweep.state == sweep.STATE_READY
    attached = VideoBuffer(create=False, locks=locks)
    # The ring holds four: the lossless reader is still waited for, and this process still writes.
    assert publish_all(video, range(2, 6)) == [2, 3, None, None]
    words = attached._ring.words
    assert words[layout.WRITER_PID] == os.getpid()
    for buffer in (attached, reader, rows, video, matrix, sweep):
        buffer.close()


@FORK
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_that_collects_garbage_takes_nothing(locks: LockMap, session: Session) -> None:
    held = [BeadRoiBuffer(create=True, locks=locks, capacity=3)]
    sweeps = [ZLUTSweepDataset.create(locks=locks, **SWEEP)]
    assert in_a_fork(held.clear)
    assert in_a_fork(sweeps.clear)
    attached = BeadRoiBuffer(create=False, locks=locks)
    held[0].add_beads({1: (0, 4, 0, 2)})
    assert attached.get_beads()[0].tolist() == [1]
    assert sweeps[0].state == ZLUTSweepDataset.STATE_READY
    attached.close()
    held[0].close()
    sweeps[0].close()
