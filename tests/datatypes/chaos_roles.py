"""An instance in small: a supervisor that keeps a producer, a lossless reader and a GUI alive on one ring.

Run as a program, so that its spawned children import nothing of the test run.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np

from magscope_app.datatypes import FrameBatch, MatrixBuffer, ReaderMode, Session, VideoBuffer, make_wakes
from tests.datatypes import chaos_board as at
from tests.datatypes.chaos_board import Board, value_of

WIDTH, HEIGHT, FRAMES_IN_RING = 120, 80, 48
BATCH = 8
_BURST, _PAUSE_S = 3, 0.0003


def orphaned(parent: int) -> bool:
    return os.getppid() != parent


def produce(folder: Path, parent: int, shared: dict[str, Any]) -> None:
    """Publish or refuse frames for ever; check that the ids go on where the predecessor stopped."""
    board, video = Board(folder), VideoBuffer(create=False, **shared)
    words = board.words
    words[at.RUNS] += 1
    first, number = True, 0
    while not orphaned(parent):
        tick = (words[at.RUNS] << 32) + number
        slot = video.begin()
        if slot is None:
            frame_id = video.refuse(camera_frame=number)
            time.sleep(0.001)
        else:
            slot[...] = value_of(tick)
            frame_id = video.commit(
                timestamp_ns=3 * tick + 1, camera_frame=number, device_tick=tick, flags=tick % 7
            )
        # One frame may have been published and not noted down.
        if not 0 <= frame_id - words[at.LAST_ID] <= (1 if first else 0):
            board.mistake(f"id {frame_id} follows {words[at.LAST_ID]} (first of its producer: {first})")
        words[at.LAST_ID] = frame_id + 1
        words[at.PRODUCED] += 1
        first, number = False, number + 1
        if number % _BURST == 0:
            time.sleep(_PAUSE_S)


def wrong_in(batch: FrameBatch) -> np.ndarray:
    """Say for which frames pixels and metadata do not belong together."""
    ticks = batch.device_ticks
    whole = (batch.frames == (ticks % 65521)[:, None, None]).all(axis=(1, 2))
    whole &= batch.timestamps_ns == 3 * ticks + 1
    whole &= batch.camera_frames == ticks & 0xFFFF_FFFF
    whole &= batch.flags == (ticks % 7).astype(np.uint64)
    wrong: np.ndarray = ~whole
    return wrong


def track(folder: Path, parent: int, shared: dict[str, Any]) -> None:
    """Read without loss, check, mark as delivered, write rows, release."""
    board, video = Board(folder), VideoBuffer(create=False, **shared)
    matrix = MatrixBuffer(create=False, name="tracks", **shared)
    reader = video.reader("tracking", ReaderMode.LOSSLESS)
    last_id, last_tick = -1, -1
    while not orphaned(parent):
        board.words[at.TRACKED] += 1
        if not reader.wait(0.05) or (batch := reader.acquire(BATCH)) is None:
            continue
        wrong = wrong_in(batch)
        valid = batch.validate()
        if (wrong & valid).any():
            board.mistake(f"tracking got wrong frames {batch.frame_ids[wrong & valid]}")
        ids, ticks = batch.frame_ids[valid].astype(np.int64), batch.device_ticks[valid]
        if (np.diff(ids, prepend=last_id) <= 0).any() or (np.diff(ticks, prepend=last_tick) <= 0).any():
            board.mistake(f"tracking: {ids} of {ticks} follow {last_id} of {last_tick}")
        if len(ids):
            last_id, last_tick = int(ids[-1]), int(ticks[-1])
            board.delivered[ids] += 1
            matrix.write(np.column_stack([ids, 3 * ids, ids % 11]))
        batch.release()


def show(folder: Path, parent: int, shared: dict[str, Any]) -> None:
    """Look at the newest frame and rows as a window does."""
    board, video = Board(folder), VideoBuffer(create=False, **shared)
    matrix = MatrixBuffer(create=False, name="tracks", **shared)
    reader = video.reader("gui", ReaderMode.NEWEST)
    while not orphaned(parent):
        frame = reader.newest()
        if frame is not None:
            whole = (frame.pixels == value_of(frame.device_tick)).all()
            if not whole or frame.timestamp_ns != 3 * frame.device_tick + 1:
                board.mistake(f"the window got a wrong frame {frame.frame_id}")
        rows = matrix.newest(16)
        if (rows[:, 1] != 3 * rows[:, 0]).any() or (np.diff(rows[:, 0]) == 0).any():
            board.mistake(f"the window got wrong rows {rows}")
        board.words[at.SHOWN] += 1
        reader.wait(0.01)


ROLES: dict[str, Callable[[Path, int, dict[str, Any]], None]] = {
    "producer": produce,
    "tracking": track,
    "gui": show,
}


def supervise(folder: Path) -> None:
    """Create everything, then start again whoever dies, until told to stop."""
    board, context = Board(folder), multiprocessing.get_context("spawn")
    session = Session.create()
    locks = {"VideoBuffer": context.Lock(), "tracks": context.Lock()}
    session.note_semaphores(locks.values())
    shared: dict[str, Any] = {
        "locks": locks,
        "wakes": make_wakes(context, {"VideoBuffer": ["tracking", "gui"]}),
    }
    video = VideoBuffer(
        create=True,
        **shared,
        n_stacks=FRAMES_IN_RING // 8,
        n_images=8,
        width=WIDTH,
        height=HEIGHT,
        bits=16,
        default_reader=False,
        pin_timeout_s=0.25,
    )
    matrix = MatrixBuffer(create=True, name="tracks", shape=(500, 3), **shared)

    def start(role: str) -> BaseProcess:
        process = context.Process(target=ROLES[role], args=(folder, os.getpid(), shared))
        process.start()
        board.words[at.PIDS[role]] = process.pid or 0
        return process

    running = {role: start(role) for role in ROLES}
    (folder / "session").write_text(session.prefix, encoding="utf-8")
    board.words[at.READY] = 1
    while not board.words[at.STOP]:
        board.words[at.TICKS] += 1
        wait([process.sentinel for process in running.values()], timeout=0.05)
        for role, process in running.items():
            if not process.is_alive():
                process.join()
                running[role] = start(role)
    for process in running.values():
        process.kill()
        process.join(10)
    video.close()
    matrix.close()
    session.close()


if __name__ == "__main__":
    supervise(Path(sys.argv[1]))
