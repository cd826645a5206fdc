"""Buffers in a session of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from magscope_app.datatypes import Session, VideoBuffer

LockMap = dict[str, threading.Lock]


@pytest.fixture(autouse=True)
def runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep session files apart from those of a program that runs on this machine."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("MAGSCOPE_SESSION", raising=False)
    return tmp_path


@pytest.fixture
def session(runtime_folder: Path) -> Iterator[Session]:
    made = Session.create()
    yield made
    made.close()


@pytest.fixture
def locks() -> LockMap:
    """Return locks for buffers that stay in this process."""
    names = ("VideoBuffer", "m", "BeadRoiBuffer", "LiveProfileBuffer", "ZLUTSweepDataset")
    return {name: threading.Lock() for name in names}


@pytest.fixture
def make_video(locks: LockMap, session: Session) -> Iterator[Callable[..., VideoBuffer]]:
    """Return a function that makes or attaches a small buffer, 5 x 3 pixels of 16 bits, 4 stacks of 2.

    Its pins do not expire: a computer that stands still for a second does not change what a test sees.
    """
    made: list[VideoBuffer] = []
    sizes = {"n_stacks": 4, "n_images": 2, "width": 5, "height": 3, "bits": 16, "pin_timeout_s": 1e6}

    def make(**changes: Any) -> VideoBuffer:
        creating = sizes if changes.get("create", True) else {}
        made.append(VideoBuffer(**{"create": True, "locks": locks, **creating, **changes}))
        return made[-1]

    yield make
    while made:
        made.pop().close()
