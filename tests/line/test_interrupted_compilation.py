"""Ctrl-C while the kernels are compiled, as a terminal sends it: to every process at once."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

from tests.line.running import Running

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def test_compilation_ends_without_a_traceback(tmp_path: Path) -> None:
    line = Running(
        ["run", "demo.toml", "--headless"], extra={"XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    )
    try:
        line.wait_for("compiling kernels")
        time.sleep(1.5)  # far enough for the compiler to be at work
        family = line.workers()
        for process in family:
            process.send_signal(signal.SIGINT)
        code, _ = line.end(signal.SIGINT)
    finally:
        line.close()
    assert family
    assert code == 130
    assert [text for text in line.lines if "compiling" not in text] == ["ended before the start"]
