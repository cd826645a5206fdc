"""Shared memory under the name of a buffer that is none, or whose sizes are wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from magscope_app import operating_system as system
from magscope_app.datatypes import (
    BeadRoiBuffer,
    LiveProfileBuffer,
    MatrixBuffer,
    Session,
    VideoBuffer,
    ZLUTSweepDataset,
    layout,
)
from magscope_app.datatypes import block as blocks
from tests.datatypes.conftest import LockMap

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="segments of any size")

CLASSES: list[tuple[int, Callable[[LockMap], object]]] = [
    (1, lambda locks: VideoBuffer(create=False, locks={"VideoBuffer": locks["m"]})),
    (2, lambda locks: MatrixBuffer(create=False, locks=locks, name="m")),
    (3, lambda locks: BeadRoiBuffer(create=False, locks=locks, name="m")),
    (4, lambda locks: LiveProfileBuffer(create=False, locks=locks, name="m")),
    (5, lambda locks: ZLUTSweepDataset(create=False, locks=locks, name="m")),
]


@contextmanager
def segment(session: Session, name: str, nbytes: int, fill: bytes = b"\0") -> Iterator[memoryview[int]]:
    full = session.segment_name(name)
    mapped = system.create_segment(full, nbytes)
    mapped[:] = fill * nbytes
    yield memoryview(mapped)[: nbytes // 8 * 8].cast("Q")
    system.unlink_segment(full, registered=True)


@pytest.mark.parametrize("fill", [b"\0", b"\xff"])
@pytest.mark.parametrize("nbytes", [1, 5, 8, 64, 4095, 4096, 4101])
def test_what_is_no_buffer_is_refused_and_replaced(
    locks: LockMap, session: Session, monkeypatch: pytest.MonkeyPatch, nbytes: int, fill: bytes
) -> None:
    monkeypatch.setattr(blocks, "_BUILD_TIMEOUT_S", 0.0)
    with segment(session, "m", nbytes, fill):
        with pytest.raises(FileNotFoundError, match="never finished"):
            MatrixBuffer(create=False, locks=locks, name="m")
        made = MatrixBuffer(create=True, locks=locks, name="m", shape=(5, 1))
        MatrixBuffer(create=False, locks=locks, name="m").close()
        made.close()
        # For whoever removes it.
        system.create_segment(session.segment_name("m"), 8)


@pytest.mark.parametrize("size", [0, 10**6, 2**63])
@pytest.mark.parametrize(("kind", "attach"), CLASSES)
def test_sizes_that_cannot_be_are_refused_in_a_sentence(
    locks: LockMap, session: Session, kind: int, attach: Callable[[LockMap], object], size: int
) -> None:
    with segment(session, "VideoBuffer" if kind == 1 else "m", 400_000) as words:
        words[layout.VERSION_WORD], words[layout.KIND] = layout.VERSION, kind
        # The bits of a video; the schema of a sweep, and its state.
        geometry = [size] * 4 + ([16, 16] if kind == 1 else [size, 1])
        for place, value in enumerate(geometry):
            words[layout.GEOMETRY + place] = value
        words[layout.RESERVED] = ZLUTSweepDataset.STATE_READY
        words[layout.MAGIC_WORD] = layout.MAGIC
        with pytest.raises(ValueError, match="is damaged"):
            attach(locks)
