"""Who gets a name, who gives it back, and what is left when somebody is killed or forked."""

from __future__ import annotations

import errno
import os
import subprocess
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
    reap_dead_sessions,
)
from tests.datatypes.conftest import LockMap
from tests.datatypes.frames_for_tests import publish_all

SIZES: dict[str, Any] = {"n_stacks": 2, "n_images": 2, "width": 5, "height": 3, "bits": 8}
SWEEP = {"capacity": 2, "profile_length": 3, "n_steps": 1, "n_beads": 1, "profiles_per_bead": 1}
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
@pytest.mark.parametrize("sized", [True, False])
def test_what_a_creator_killed_at_once_left_is_replaced(
    locks: LockMap, session: Session, sized: bool
) -> None:
    segment = session.segment_name("VideoBuffer")
    if sized:
        system.create_segment(segment, 4096).close()
    else:
        import _posixshmem

        os.close(_posixshmem.shm_open("/" + segment, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode=0o600))
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
            MatrixBuffer(create=True, locks=locks, name="m", **changes)  # type: ignore[arg-type]  # wrong on purpose
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


# Sessions


@pytest.mark.parametrize("prefix", ["ms-a-very-long-session-prefix", "a/b", "", "ms00000", "MS000000"])
def test_only_a_prefix_that_leaves_room_for_names_is_taken(locks: LockMap, prefix: str) -> None:
    for use in (Session, lambda text: VideoBuffer(create=True, locks=locks, session=text, **SIZES)):
        with pytest.raises(ValueError, match="six small letters or digits"):
            use(prefix)


def test_a_session_that_nobody_began_gets_no_buffers(
    locks: LockMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileNotFoundError, match=r"no session 'ms000001'.*Session\.create"):
        VideoBuffer(create=True, locks=locks, session="ms000001", **SIZES)
    assert not system.segment_exists(Session("ms000001").segment_name("VideoBuffer"))
    # A variable that outlived its session, or is none of ours, does not count.
    for stale in ("ms000001", "nonsense"):
        monkeypatch.setenv("MAGSCOPE_SESSION", stale)
        assert Session.current() is None
        video = VideoBuffer(create=True, locks=locks, **SIZES)
        found = Session.current()
        assert found is not None
        assert found.implicit
        assert found.path.exists()
        video.close()


DAMAGED = {
    "a": b"\xff\xfe\x00",
    "b": b"5\n",
    "c": b'{"pid": 1}\n',
    "d": b'{"pid": "x", "start": 1}\n',
    "e": b"[]\n",
    "g": b"\0" * 100,
    "h": b"[" * 100_000,
    "i": b'{"pid": 1' + b"0" * 30 + b', "start": 1}\n',
    "j": b"",
}


def test_no_damaged_session_file_stops_a_start(runtime_folder: Path) -> None:
    folder = system.runtime_folder()
    for name, content in DAMAGED.items():
        (folder / f"{name}.session").write_bytes(content)
    (folder / "ms0000aa.new").write_text("x", encoding="utf-8")
    (folder / "ms0000bb.session").mkdir()
    dead = folder / "ms0000cc.session"
    dead.write_text(
        '{"pid": 4194309, "start": 1}\n5\n{"segment": 7}\n{"segment": "ms0000cc-\\u0000"}\n'
        '{"semaphore": "\\u0000"}\n{"segment": "ms0000cc-none"}\n',
        encoding="utf-8",
    )
    Session.create().close()
    assert not dead.exists()
    # What is fresh may be in the hands of a start that is under way.
    assert {path.name for path in folder.iterdir()} == {
        *(f"{name}.session" for name in DAMAGED),
        "ms0000aa.new",
        "ms0000bb.session",
    }
    for path in folder.iterdir():
        os.utime(path, (1e9, 1e9))
    assert reap_dead_sessions() == ()
    assert [path.name for path in folder.iterdir()] == ["ms0000bb.session"]


@POSIX
def test_a_damaged_file_removes_nothing_of_another_session(locks: LockMap, session: Session) -> None:
    video = VideoBuffer(create=True, locks=locks, **SIZES)
    segment = session.segment_name("VideoBuffer")
    dead = Session("ms0000cc").path
    dead.write_text(f'{{"pid": 4194309, "start": 1}}\n{{"segment": "{segment}"}}\n', encoding="utf-8")
    assert reap_dead_sessions() == ()
    assert system.segment_exists(segment)
    video.close()


KILLED = """
import multiprocessing, sys
from magscope_app.datatypes import *
context = multiprocessing.get_context("spawn")
locks = {name: context.Lock() for name in ("VideoBuffer", "m", "BeadRoiBuffer", "LiveProfileBuffer", "ZLUTSweepDataset")}
wakes = {"VideoBuffer.a": context.Semaphore(0)}
kept = [
    VideoBuffer(create=True, locks=locks, wakes=wakes, n_stacks=2, n_images=2, width=4, height=2, bits=8),
    MatrixBuffer(create=True, locks=locks, name="m", shape=(2, 2)),
    BeadRoiBuffer(create=True, locks=locks, capacity=2),
    LiveProfileBuffer(create=True, locks=locks, profile_capacity=2),
    ZLUTSweepDataset.create(locks=locks, capacity=2, profile_length=3, n_steps=1, n_beads=1, profiles_per_bead=1),
]
print(*(lock._semlock.name for lock in (*locks.values(), *wakes.values())), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="kills as POSIX does")
def test_locks_that_nobody_listed_are_removed_after_a_kill_of_everything(runtime_folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        assert process.stdout is not None
        names = process.stdout.readline().split()
        # The resource tracker too, which would have removed them.
        os.killpg(process.pid, 9)
    assert len(names) == 6
    removed = reap_dead_sessions()
    assert set(names) <= set(removed)
    assert len(removed) == 6 + 5
    assert not any(map(system.unlink_semaphore, names))


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
    video = VideoBuffer(create=True, locks=locks, default_reader=False, **SIZES)
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


# Locks of files


@POSIX
def test_a_file_is_locked_for_one_and_freed_by_death(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with pytest.raises(FileNotFoundError), system.file_lock(file, 0.01):
        pass
    file.write_text("kept", encoding="utf-8")
    with system.file_lock(file, 0.01):
        with pytest.raises(TimeoutError, match=r"file has been locked"), system.file_lock(file, 0.01):
            pass
        assert file.read_text(encoding="utf-8") == "kept"
    code = (
        "import pathlib, sys; from magscope_app.operating_system import file_lock\n"
        f"with file_lock(pathlib.Path({str(file)!r}), 5): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(TimeoutError), system.file_lock(file, 0.01):
            pass
        process.kill()
        process.wait(10)
    with system.file_lock(file, 1.0):
        pass


def test_windows_locks_a_byte_behind_the_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[tuple[int, str, int]] = []
    busy = [True, False]

    class Msvcrt:
        LK_NBLCK, LK_UNLCK = "lock", "unlock"

        @staticmethod
        def locking(descriptor: int, how: str, nbytes: int) -> None:
            calls.append((os.lseek(descriptor, 0, os.SEEK_CUR), how, nbytes))
            if how == "lock" and busy.pop(0):
                raise PermissionError(errno.EACCES, "Permission denied")

    file = tmp_path / "file"
    file.write_text("kept", encoding="utf-8")
    monkeypatch.setattr(system, "_PLATFORM", "win32")
    monkeypatch.setitem(sys.modules, "msvcrt", Msvcrt)
    with system.file_lock(file, 5.0):
        assert [how for _, how, _ in calls] == ["lock", "lock"]
    assert [(place > 4, how, nbytes) for place, how, nbytes in calls] == [
        (True, "lock", 1),
        (True, "lock", 1),
        (True, "unlock", 1),
    ]
    assert file.read_text(encoding="utf-8") == "kept"
