"""What every test shares: nothing may be left behind."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

_SHM = Path("/dev/shm")
_SELF = psutil.Process()
#: Threads of libraries that live as long as the interpreter and hold nothing of ours.
_LIBRARY_THREADS = ("pymmcore", "ThreadPoolExecutor", "Dummy-", "QtThread", "pydevd")


def _segments() -> set[str]:
    return {entry.name for entry in _SHM.iterdir()} if _SHM.is_dir() else set()


def _children() -> set[str]:
    return {str(child.pid) for child in _SELF.children(recursive=True)}


def _is_ours(pid: str) -> bool:
    """Return whether a child matters: the resource tracker stays as long as the interpreter."""
    try:
        process = psutil.Process(int(pid))
        return "resource_tracker" not in " ".join(process.cmdline()) and process.status() != "zombie"
    except psutil.Error:
        return False


def _threads() -> set[str]:
    return {
        thread.name
        for thread in threading.enumerate()
        if not any(thread.name.startswith(known) for known in _LIBRARY_THREADS)
    }


@pytest.fixture(scope="session", autouse=True)
def own_preferences(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Windows that tests open neither read nor change what the user has chosen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail a test that leaves a process, a thread or a shared-memory segment."""
    before = _segments(), _children(), _threads()
    yield
    deadline = time.monotonic() + 2.0
    while any(left := _left(*before)) and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.02)
    segments, processes, threads = left
    assert not segments, f"shared-memory segments left: {segments}"
    assert not processes, f"processes left: {processes}"
    assert not threads, f"threads left: {threads}"


def _left(
    segments: set[str], children: set[str], threads: set[str]
) -> tuple[list[str], list[str], list[str]]:
    """Return what there is now and was not there before."""
    return (
        sorted(_segments() - segments),
        sorted(pid for pid in _children() - children if _is_ours(pid)),
        sorted(_threads() - threads),
    )


@pytest.fixture(autouse=True, scope="session")
def logs_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the runs of tests out of the user's own logs (Linux; elsewhere the oldest are removed anyway)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Return the folder of real bead images, or skip the test where there is none."""
    folder = os.environ.get("MAGSCOPE_TEST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("MAGSCOPE_TEST_DATA is not set: the real bead images are not part of this project")
    return Path(folder)
