"""Session files: what they must say, and what a kill or a damage makes of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from magscope_app import operating_system as system
from magscope_app.datatypes import Session, VideoBuffer, reap_dead_sessions
from tests.datatypes.conftest import LockMap

SIZES: dict[str, Any] = {"n_stacks": 2, "n_images": 2, "width": 5, "height": 3, "bits": 8}
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX shared memory")


@pytest.mark.parametrize("prefix", ["ms-a-very-long-session-prefix", "a/b", "", "ms00000", "MS000000"])
def test_only_a_prefix_that_leaves_room_for_names_is_taken(locks: LockMap, prefix: str) -> None:
    for use in (Session, lambda text: VideoBuffer(create=True, locks=locks, session=text, **SIZES)):
        with pytest.raises(ValueError, match="six small letters or digits"):
            use(prefix)


def test_a_session_that_nobody_began_gets_no_buffers(locks: LockMap, monkeypatch: pytest.MonkeyPatch) -> None:
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
names = "VideoBuffer", "m", "BeadRoiBuffer", "LiveProfileBuffer", "ZLUTSweepDataset"
locks = {name: context.Lock() for name in names}
wakes = {"VideoBuffer.a": context.Semaphore(0)}
kept = [
    VideoBuffer(create=True, locks=locks, wakes=wakes, n_stacks=2, n_images=2, width=4, height=2, bits=8),
    MatrixBuffer(create=True, locks=locks, name="m", shape=(2, 2)),
    BeadRoiBuffer(create=True, locks=locks, capacity=2),
    LiveProfileBuffer(create=True, locks=locks, profile_capacity=2),
    ZLUTSweepDataset.create(
        locks=locks, capacity=2, profile_length=3, n_steps=1, n_beads=1, profiles_per_bead=1
    ),
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
