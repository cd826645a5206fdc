"""Free space where recordings go: of a folder that need not exist, and of a disk that does not answer."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest

from magscope_app.clock import WallAnchor
from magscope_app.messages import SystemStatus
from magscope_app.processes import free_disk
from magscope_app.processes.free_disk import FreeDisk, nearest_folder
from magscope_app.processes.status_board import StatusBoard


def _status(board: StatusBoard) -> SystemStatus:
    return board.take(None, False, 0, [], False)


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="needs a second disk")
def test_another_folder_is_asked_at_once(tmp_path: Path) -> None:
    """Also one that does not exist yet, and the folder of a recording before that of the next one."""
    here, other = shutil.disk_usage(tmp_path).total, shutil.disk_usage("/dev/shm")
    assert here != other.total
    board = StatusBoard(WallAnchor.measure(), tmp_path / "not" / "yet")
    near = 2e8
    assert _status(board).free_disk_bytes == pytest.approx(shutil.disk_usage(tmp_path).free, abs=near)
    board.folder = Path("/dev/shm/not/yet")
    assert _status(board).free_disk_bytes == pytest.approx(other.free, abs=near)
    board.recording = tmp_path
    assert _status(board).free_disk_bytes == pytest.approx(shutil.disk_usage(tmp_path).free, abs=near)


def test_a_disk_that_does_not_answer_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network drive that is gone: it is asked beside the loop, and nothing is claimed of it."""
    answered = threading.Event()
    real = shutil.disk_usage

    def hanging(folder: Path) -> object:
        answered.wait(10.0)
        return real(folder)

    disk = FreeDisk()
    known = disk.look(tmp_path)
    assert known
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", hanging)
        far = tmp_path / "far"
        assert disk.look(far) is None
        patch.setattr(free_disk, "_PATIENCE_S", 0.05)
        time.sleep(0.1)
        assert disk.look(far) == 0
        answered.set()
        deadline = time.monotonic() + 10.0
        while not disk.look(far):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert disk.look(far) == pytest.approx(known, abs=2e8)


def test_a_disk_that_cannot_be_asked_has_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_folder: Path) -> object:
        raise OSError("no medium")

    monkeypatch.setattr(shutil, "disk_usage", broken)
    assert FreeDisk().look(tmp_path) == 0


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="rights that POSIX users have")
def test_what_may_not_be_looked_into_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "in").mkdir(parents=True)
    closed.chmod(0)
    try:
        assert nearest_folder(closed / "in" / "deep") == closed
    finally:
        closed.chmod(0o700)
