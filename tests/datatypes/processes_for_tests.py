"""What the spawned processes of these tests run, and how they are started and killed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

import numpy as np

from magscope_app.datatypes import LiveProfileBuffer, MatrixBuffer, ReaderMode, VideoBuffer
from tests.datatypes.frames_for_tests import LONG_S, is_whole, publish

Shared = dict[str, Any]


@contextmanager
def child(
    context: SpawnContext, target: Callable[..., None], *arguments: object
) -> Iterator[tuple[SpawnProcess, Connection]]:
    """Start a process that talks over a pipe; kill it at the end, whatever happened."""
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(theirs, *arguments))
    process.start()
    theirs.close()
    try:
        yield process, ours
    finally:
        process.kill()
        process.join(10)
        process.close()
        ours.close()


def answer(pipe: Connection) -> Any:
    """Return what the child sent, at the latest after a minute."""
    if not pipe.poll(LONG_S):
        raise TimeoutError("the child did not answer")
    return pipe.recv()


def write_for_ever(pipe: Connection, shared: Shared, pause_s: float) -> None:
    """Publish frames that say their id until killed."""
    video = VideoBuffer(create=False, **shared)
    pipe.send(os.getpid())
    number = 0
    while True:
        publish(video, number)
        number += 1
        time.sleep(pause_s)


def read_until_told(pipe: Connection, shared: Shared, name: str, mode: int) -> None:
    """Read batches and check every pixel; when told, report (got, lost, cursor, wrong, ascending)."""
    video = VideoBuffer(create=False, **shared)
    reader = video.reader(name, ReaderMode(mode))
    pipe.send(os.getpid())
    wrong, ids = 0, []
    while not pipe.poll(0):
        if not reader.wait(0.05):
            continue
        batch = reader.acquire(4)
        if batch is None:
            continue
        pairs = zip(batch.frames, batch.frame_ids, strict=True)
        whole = [is_whole(frame, int(number)) for frame, number in pairs]
        valid = batch.release()
        wrong += sum(not fine for fine, told in zip(whole, valid, strict=True) if told)
        ids += batch.frame_ids[valid].tolist()
    counters = reader.counters
    ascending = ids == sorted(set(ids))
    pipe.send((counters.got, counters.lost, counters.cursor, wrong, ascending))
    reader.close()
    video.close()


def be_lapped(pipe: Connection, shared: Shared) -> None:
    """Lap a reader of one's own at nearly every frame until told to stop; report what it was given itself."""
    video = VideoBuffer(create=False, **shared)
    got = 0
    with video.reader("display", ReaderMode.OVERWRITE) as reader:
        pipe.send(os.getpid())
        while not pipe.poll(0):
            for number in range(video.n_total_images + 3):
                publish(video, number)
            video.begin_run()
            batch = reader.acquire(3)
            if batch is not None:
                got += int(batch.release().sum())
        counters = reader.counters
        pipe.send((got, counters.got, counters.lost, counters.cursor))
    video.close()


def join_for_ever(pipe: Connection, shared: Shared) -> None:
    """Join under one name after the other, each time losing what came before, until killed."""
    video = VideoBuffer(create=False, **shared)
    pipe.send(os.getpid())
    number = 0
    while True:
        number += 1
        video.reader(f"é name {number}" * 3, ReaderMode.OVERWRITE).close()


def change_a_record(pipe: Connection, shared: Shared, length: int) -> None:
    """Store profiles of one value each, without a pause, until killed."""
    profile = LiveProfileBuffer(create=False, **shared)
    pipe.send(os.getpid())
    number = 0
    while True:
        number += 1
        profile.write_profile(number, number, np.full(length, float(number)))


def hold_a_batch(pipe: Connection, shared: Shared) -> None:
    """Take frames as the lossless reader "tracking" and never give them back."""
    video = VideoBuffer(create=False, **shared)
    reader = video.reader("tracking", ReaderMode.LOSSLESS)
    reader.wait(LONG_S)
    batch = reader.acquire(2)
    pipe.send(None if batch is None else batch.frame_ids.tolist())
    time.sleep(60)


def die_in_the_middle_of_a_frame(pipe: Connection, shared: Shared) -> None:
    """Publish three frames, begin a fourth and wait to be killed."""
    video = VideoBuffer(create=False, **shared)
    for number in range(3):
        publish(video, number)
    slot = video.begin()
    if slot is not None:
        slot[0] = 999
    pipe.send(os.getpid())
    time.sleep(60)


def take_a_lock(pipe: Connection, shared: Shared) -> None:
    """Take the matrix buffer's lock as a writer does, and never give it back."""
    matrix = MatrixBuffer(create=False, name="m", **shared)
    matrix._matrix.guard.__enter__()
    pipe.send(os.getpid())
    time.sleep(60)


def write_rows(pipe: Connection, shared: Shared, blocks: int, rows: int, tag: float) -> None:
    """Write blocks of rows (tag, block number, row number)."""
    matrix = MatrixBuffer(create=False, name="m", **shared)
    pipe.send(os.getpid())
    for block in range(blocks):
        matrix.write(np.column_stack([np.full(rows, tag), np.full(rows, block), np.arange(rows)]))
    pipe.send("done")


def attach_and_leave(pipe: Connection, shared: Shared, prefix: str) -> None:
    """Attach to a session by name, read one frame, detach."""
    video = VideoBuffer(create=False, session=prefix, **shared)
    pipe.send(video.peak_image()[0])
    video.close()


def own_everything(pipe: Connection) -> None:
    """Be a whole instance: session, buffer, semaphores; then wait to be killed."""
    import multiprocessing

    from magscope_app.datatypes import Session, make_wakes

    context = multiprocessing.get_context("spawn")
    session = Session.create()
    locks = {"VideoBuffer": context.Lock()}
    session.note_semaphores(locks.values())
    wakes = make_wakes(context, {"VideoBuffer": ["tracking"]})
    video = VideoBuffer(
        create=True, locks=locks, wakes=wakes, n_stacks=2, n_images=2, width=4, height=2, bits=8
    )
    names = [session.segment_name("VideoBuffer")]
    pipe.send((session.prefix, names, video.n_total_images))
    time.sleep(60)
