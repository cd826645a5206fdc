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

from hardware.simulated.camera import SimulatedCamera
from magscope_app.kernel_cache import TRACKING_KERNELS, ensure_compiled

_SHM = Path("/dev/shm")
_SELF = psutil.Process()
#: Other tests run at the same time, and make segments too; the longest of them ends within this.
_NEIGHBOURS, _NEIGHBOURS_S = "PYTEST_XDIST_WORKER" in os.environ, 60.0
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


def pytest_configure(config: pytest.Config) -> None:
    """Compile the kernels before the tests are shared out: each worker would compile them anew."""
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        ensure_compiled((*TRACKING_KERNELS, *SimulatedCamera.kernels), print)


@pytest.fixture(scope="session", autouse=True)
def suspects() -> Iterator[dict[str, str]]:
    """Give the segments that outlived a test while others ran, by name; none may be there at the end."""
    found: dict[str, str] = {}
    yield found
    deadline = time.monotonic() + _NEIGHBOURS_S
    while found.keys() & _segments() and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.1)
    left = {name: test for name, test in found.items() if name in _segments()}
    assert not left, f"shared-memory segments left: {left}"


@pytest.fixture(scope="session", autouse=True)
def own_preferences(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Windows that tests open neither read nor change what the user has chosen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest, suspects: dict[str, str]) -> Iterator[None]:
    """Fail a test that leaves a process, a thread or a shared-memory segment."""
    segments, before = _segments(), (_children(), _threads())
    yield
    # What fixtures gave is at its end, and is held by nobody else: semaphores go with their last owner.
    request.node.funcargs.clear()
    deadline = time.monotonic() + 2.0
    new = (_segments() - segments) if not _NEIGHBOURS else set()
    while (any(left := _left(*before)) or new & _segments()) and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.02)
    processes, threads = left
    if _NEIGHBOURS:
        # A test beside this one may have made them: those that really leaked are there to the end.
        suspects |= dict.fromkeys(_segments() - segments, request.node.nodeid)
    else:
        assert not new & _segments(), f"shared-memory segments left: {sorted(new & _segments())}"
    assert not processes, f"processes left: {processes}"
    assert not threads, f"threads left: {threads}"


def _left(children: set[str], threads: set[str]) -> tuple[list[str], list[str]]:
    """Return what there is now and was not there before."""
    return sorted(pid for pid in _children() - children if _is_ours(pid)), sorted(_threads() - threads)


@pytest.fixture(autouse=True, scope="session")
def logs_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the runs of tests out of the user's own logs (Linux; elsewhere the oldest are removed anyway)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        # Session files too: a test that looks for dead sessions must not meet those of a neighbour.
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        yield


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Return the folder of real bead images, or skip the test where there is none."""
    folder = os.environ.get("MAGSCOPE_TEST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("MAGSCOPE_TEST_DATA is not set: the real bead images are not part of this project")
    return Path(folder)
