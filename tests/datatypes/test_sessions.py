"""Sessions: side by side, inherited, closed, reaped."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from magscope_app import operating_system
from magscope_app.datatypes import (
    LiveProfileBuffer,
    Session,
    SharedMemoryFullError,
    VideoBuffer,
    check_fits,
    reap_dead_sessions,
    required_bytes,
)
from magscope_app.errors import MagscopeError
from tests.datatypes import processes_for_tests as run
from tests.datatypes.conftest import LockMap
from tests.datatypes.processes_for_tests import answer, child

SIZES: dict[str, Any] = {"n_stacks": 2, "n_images": 2, "width": 4, "height": 2, "bits": 8}


def test_two_sessions_live_side_by_side(locks: LockMap) -> None:
    one, two = Session.create(), Session.create()
    videos = [VideoBuffer(create=True, locks=locks, session=s, **SIZES) for s in (one, two)]
    for number, video in enumerate(videos):
        video.write_image_and_timestamp(np.full((4, 2), number, np.uint8), 0.0)
    for number, session in enumerate((one, two)):
        attached = VideoBuffer(create=False, locks=locks, session=session.prefix)
        assert attached.read_image()[0].max() == number
        attached.close()
    assert one.prefix != two.prefix
    for video in videos:
        video.close()
    for session in (one, two):
        session.close()
        assert not session.path.exists()


def test_a_child_inherits_the_session_and_an_unrelated_process_destroys_nothing(session: Session) -> None:
    locks = {"VideoBuffer": multiprocessing.get_context("spawn").Lock()}
    video = VideoBuffer(create=True, locks=locks, **SIZES)
    video.write_timestamp(1.0)
    code = (
        "import threading; from magscope_app.datatypes import VideoBuffer;"
        "locks = {'VideoBuffer': threading.Lock()};"
        f"v = VideoBuffer(create=False, locks=locks, session={session.prefix!r});"
        "print(v.peak_image()[0])"
    )
    environment = {key: value for key, value in os.environ.items() if key != "MAGSCOPE_SESSION"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "0", "")
    context = multiprocessing.get_context("spawn")
    with child(context, run.attach_and_leave, {"locks": locks}, session.prefix) as (process, pipe):
        assert answer(pipe) == 0
        process.join(20)
        assert process.exitcode == 0
    again = VideoBuffer(create=False, locks=locks)
    assert again.peak_image()[0] == 0
    again.close()
    video.close()


def test_an_exit_without_close_leaves_nothing_and_says_nothing(runtime_folder: Path) -> None:
    code = (
        "import multiprocessing; from magscope_app.datatypes import VideoBuffer, Session;"
        "v = VideoBuffer(create=True, locks={'VideoBuffer': multiprocessing.Lock()}, n_stacks=2, n_images=2,"
        " width=4, height=2, bits=8); v.write_timestamp(1.0);"
        "print(Session.current().segment_name('VideoBuffer'))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not operating_system.segment_exists(done.stdout.strip())
    assert list(operating_system.runtime_folder().iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows removes segments itself")
def test_the_next_start_cleans_up_after_a_kill(runtime_folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with child(context, run.own_everything) as (process, pipe):
        prefix, names, _ = answer(pipe)
        assert all(map(operating_system.segment_exists, names))
        assert reap_dead_sessions() == ()
        process.kill()
        process.join(10)
    removed = reap_dead_sessions()
    assert set(names) < set(removed)
    assert sum("mp-" in name for name in removed) == 2
    for name in removed:
        # The killed child used our resource tracker, which would speak of leaks at the end.
        kind = "semaphore" if "mp-" in name else "shared_memory"
        resource_tracker.unregister(name if kind == "semaphore" else f"/{name}", kind)
    assert not any(map(operating_system.segment_exists, names))
    assert not Session(prefix).path.exists()


def test_the_files_of_a_session_go_with_it(runtime_folder: Path) -> None:
    ended, killed = Session.create(), Session("ms000001")
    for session in (ended, killed):
        (session.folder / "inner").mkdir(parents=True)
        (session.folder / "inner" / "file").write_text("kept for a while")
    assert reap_dead_sessions() == ()
    ended.close()
    assert not ended.folder.exists()
    killed.path.write_text(json.dumps({"pid": 2**22 + 5, "start": 1, "implicit": False}), encoding="utf-8")
    reap_dead_sessions()
    assert not killed.folder.exists()


def test_a_torn_line_of_a_session_file_is_passed_over(runtime_folder: Path) -> None:
    path = Session("ms000000").path
    lines = [
        json.dumps({"pid": 2**22 + 5, "start": 1, "implicit": False}),
        '{"segm',
        json.dumps({"segment": "ms-none"}),
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    (path.parent / "foreign.session").write_text("nonsense", encoding="utf-8")
    assert reap_dead_sessions() == ()
    assert not path.exists()


def test_a_name_left_by_a_dead_creator_is_replaced(locks: LockMap, session: Session) -> None:
    segment = session.segment_name("LiveProfileBuffer")
    mapped = operating_system.create_segment(segment, 4096)
    words = memoryview(mapped).cast("Q")
    words[3], words[4] = 2**22 + 5, 1
    profile = LiveProfileBuffer(create=True, locks=locks, profile_capacity=4)
    assert np.isnan(profile.peak_unsorted()).all()
    profile.close()


def test_what_does_not_fit_is_refused_with_both_sizes(locks: LockMap, session: Session) -> None:
    huge = {"n_stacks": 10_000, "width": 10_000, "height": 10_000, "n_images": 1_000, "bits": 64}
    needed = required_bytes(**huge)
    with pytest.raises(SharedMemoryFullError) as caught:
        VideoBuffer(
            create=True, locks=locks, n_stacks=10_000, width=10_000, height=10_000, n_images=1_000, bits=64
        )
    assert isinstance(caught.value, MagscopeError)
    assert isinstance(caught.value, MemoryError)
    assert caught.value.needed == needed > caught.value.free > 0
    assert f"{needed / 1e6:.1f} MB" in str(caught.value)
    check_fits(required_bytes(n_stacks=2, width=4, height=2, n_images=2, bits=8))


def test_another_kind_or_version_is_refused(
    locks: LockMap, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = LiveProfileBuffer(
        create=True, locks={"VideoBuffer": locks["m"]}, profile_capacity=4, name="VideoBuffer"
    )
    with pytest.raises(ValueError, match="version"):
        VideoBuffer(create=False, locks=locks)
    profile.close()


def test_attaching_to_nothing_says_what_to_do(locks: LockMap) -> None:
    with pytest.raises(FileNotFoundError, match="create it first"):
        VideoBuffer(create=False, locks=locks)
