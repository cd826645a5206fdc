"""Every branch of what is platform-specific, other systems' calls replaced."""

from __future__ import annotations

import ctypes
import errno
import mmap
import multiprocessing
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from magscope_app import operating_system as system

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX shared memory")


def on(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(system, "_PLATFORM", name)


# Processes


@pytest.mark.parametrize("name", ["linux", "win32", "darwin"])
def test_a_process_is_known_by_pid_and_start(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    if name == "linux" and sys.platform != "linux":
        pytest.skip("reads /proc")
    on(monkeypatch, name)
    start = system.process_start(os.getpid())
    assert start > 0
    assert system.is_alive(os.getpid(), start)
    assert not system.is_alive(os.getpid(), start + 1)
    assert system.process_start(2**22 + 5) == 0
    assert not system.is_alive(2**22 + 5, 0)
    assert system.process_start(0) == 0


@POSIX
@pytest.mark.parametrize("name", ["linux", "darwin"])
def test_a_zombie_is_not_alive(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    if name == "linux" and sys.platform != "linux":
        pytest.skip("reads /proc")
    on(monkeypatch, name)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        start = system.process_start(process.pid)
        assert system.is_alive(process.pid, start)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not system.is_alive(process.pid, start)


def test_a_process_that_may_not_be_looked_at_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, "win32")

    def denied(pid: int) -> None:
        raise psutil.AccessDenied(pid)

    monkeypatch.setattr(psutil, "Process", denied)
    assert system.process_start(4) == 0


# Memory order


@pytest.mark.parametrize("machine", ["x86_64", "AMD64"])
def test_no_fence_where_none_is_needed(monkeypatch: pytest.MonkeyPatch, machine: str) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert system.memory_fence() is None


@pytest.mark.parametrize("machine", ["arm64", "aarch64"])
def test_the_fenced_path_carries_frames(
    monkeypatch: pytest.MonkeyPatch, machine: str, make_video: Any
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    video = make_video()
    fence = system.memory_fence()
    assert fence is not None
    assert fence() is None
    for second in range(8):
        video.write_timestamp(float(second))
    assert [video.read_image()[1] for _ in range(8)] == list(range(8))
    assert video.peak_image()[0] == 7


# Segments


def test_names_are_short_distinct_and_readable() -> None:
    prefix = system.random_prefix()
    names = ["VideoBuffer", "a very long name of a motor, with umlauts äöü", "tracks", "track/s", ""]
    made = [system.segment_name(prefix, name) for name in names]
    assert all(len(name) <= system.MAX_SEGMENT_NAME and name.startswith(prefix) for name in made)
    assert all(name.isascii() and "/" not in name for name in made)
    assert len(set(made)) == len(names)
    assert "VideoBuf" in made[0]
    assert len({system.random_prefix() for _ in range(50)}) == 50


@POSIX
@pytest.mark.parametrize("name", [sys.platform, "darwin"])
def test_a_segment_is_zeroed_shared_and_gone_when_unlinked(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    on(monkeypatch, name)
    segment = system.segment_name(system.random_prefix(), "test")
    ours = system.create_segment(segment, 10_000)
    try:
        assert bytes(ours) == bytes(10_000)
        with pytest.raises(FileExistsError):
            system.create_segment(segment, 10_000)
        theirs = system.attach_segment(segment)
        theirs[5] = 9
        assert ours[5] == 9
        assert system.segment_exists(segment)
    finally:
        assert system.unlink_segment(segment, registered=True)
    assert not system.segment_exists(segment)
    assert not system.unlink_segment(segment, registered=False)
    with pytest.raises(FileNotFoundError):
        system.attach_segment(segment)
    # A view outlives the name and the mapping object.
    view = memoryview(ours)
    del ours
    assert view[5] == 9


@POSIX
def test_memory_that_cannot_be_reserved_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, "linux")

    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    segment = system.segment_name(system.random_prefix(), "test")
    with pytest.raises(OSError, match="No space"):
        system.create_segment(segment, 10_000)
    assert not system.segment_exists(segment)


def test_windows_maps_the_section_a_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, ...]] = []

    class Section:
        size = 4096

        def __init__(self, name: str, create: bool = False, size: int = 0) -> None:
            calls.append(("section", name, create, size))

        def close(self) -> None:
            calls.append(("close",))

    def tagged(descriptor: int, size: int, *, tagname: str) -> mmap.mmap:
        calls.append(("map", descriptor, size, tagname))
        return real(-1, size)

    real = mmap.mmap
    on(monkeypatch, "win32")
    monkeypatch.setattr(system, "SharedMemory", Section)
    monkeypatch.setattr(mmap, "mmap", tagged)
    assert len(system.create_segment("s", 100)) == 4096
    assert len(system.attach_segment("s")) == 4096
    assert calls == [
        ("section", "s", True, 100),
        ("map", -1, 4096, "s"),
        ("close",),
        ("section", "s", False, 0),
        ("map", -1, 4096, "s"),
        ("close",),
    ]
    assert not system.unlink_segment("s", registered=True)


def test_free_memory_is_the_smaller_of_memory_and_its_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert system.free_shared_memory() > 0
    monkeypatch.setattr(system, "_SHM_FOLDER", str(tmp_path / "absent"))
    on(monkeypatch, "linux")
    without_folder = system.free_shared_memory()
    on(monkeypatch, "win32")
    assert system.free_shared_memory() == pytest.approx(without_folder, rel=0.2)


def test_a_small_folder_of_shared_memory_is_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Folder:
        f_bavail, f_frsize = 7, 4096

    def statvfs(path: str) -> type[Folder]:
        asked.append(path)
        return Folder

    on(monkeypatch, "linux")
    monkeypatch.setattr(os, "statvfs", statvfs, raising=False)
    assert system.free_shared_memory() == 7 * 4096
    assert asked == ["/dev/shm"]


# Memory


@pytest.mark.parametrize(("name", "asked"), [("linux", [0]), ("darwin", []), ("win32", [])])
def test_freed_memory_is_given_back_where_the_library_keeps_it(
    monkeypatch: pytest.MonkeyPatch, name: str, asked: list[int]
) -> None:
    calls: list[int] = []

    class Library:
        def __init__(self, _name: None) -> None:
            self.malloc_trim = calls.append

    on(monkeypatch, name)
    monkeypatch.setattr(ctypes, "CDLL", Library)
    system.release_memory()
    assert calls == asked


def test_a_library_that_keeps_nothing_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    system.release_memory()


# Semaphores


@POSIX
def test_semaphores_have_names_and_can_be_removed() -> None:
    semaphore = multiprocessing.get_context("spawn").Semaphore(0)
    name = system.semaphore_name(semaphore)
    assert name is not None
    assert not system.unlink_semaphore(name + "x")
    assert system.semaphore_name(object()) is None


def test_windows_semaphores_have_no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, "win32")
    assert system.semaphore_name(multiprocessing.get_context("spawn").Semaphore(0)) is None
    assert not system.unlink_semaphore("mp-x")


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


# Folder and sleep


def test_the_runtime_folder_is_private(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = system.runtime_folder()
    assert folder.is_dir()
    if sys.platform != "win32":
        assert folder.stat().st_mode & 0o077 == 0
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert system.runtime_folder().is_dir()


def test_keeping_awake_never_raises_and_is_given_back() -> None:
    with system.keep_awake() as awake:
        assert isinstance(awake.active, bool)
    assert not awake.active
    awake.release()


def test_a_computer_that_cannot_be_kept_awake_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wakepy", None)
    awake = system.keep_awake()
    assert not awake.active
    awake.release()


def test_a_computer_that_is_kept_awake_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []

    class Mode:
        active = True

        def __enter__(self) -> Mode:
            log.append("on")
            return self

        def __exit__(self, *error: object) -> None:
            log.append("off")

    class Keep:
        @staticmethod
        def running(on_fail: str) -> Mode:
            assert on_fail == "pass"
            return Mode()

    wakepy = type(sys)("wakepy")
    monkeypatch.setattr(wakepy, "keep", Keep, raising=False)
    monkeypatch.setitem(sys.modules, "wakepy", wakepy)
    awake = system.keep_awake()
    assert awake.active
    awake.release()
    awake.release()
    assert log == ["on", "off"]
    assert not awake.active
