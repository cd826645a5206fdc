"""Images of tests, and what their child processes run; imports little, for a child imports it anew."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magscope_app.data import DataHandler
from magscope_app.errors import MagscopeError
from magscope_app.storage import NDTiffStorage, TracksFile
from tests.data.rows import make_rows

UNIX_START_NS = 1_790_000_000_123_456_789


def image(seed: int, dtype: type = np.uint16, shape: tuple[int, int] = (5, 7)) -> NDArray[Any]:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


@contextlib.contextmanager
def full_disk_after(n_bytes: int) -> Iterator[None]:
    """Let no file grow beyond `n_bytes`: the last write is cut off, as on a disk that fills up."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def record_images_until_killed(folder: str, acknowledge: Connection) -> None:
    storage = NDTiffStorage(folder)
    handler = DataHandler(storage)
    for time in range(100_000):
        handler.put(
            {"time": time},
            image(time % 5),
            {"n": time},
            on_done=lambda coords, _: acknowledge.send(coords["time"]),
        )


def leave_unfinished(folder: str) -> None:
    handler = DataHandler(NDTiffStorage(folder))
    handler.put({"time": 0}, image(0), {})
    handler.await_completion()


def record_tracks_until_killed(path: str, acknowledge: Connection) -> None:
    tracks = TracksFile(path, unix_start_ns=UNIX_START_NS, telemetry={"motor": {"unit": "mm"}})
    for start in range(0, 1_000_000, 40):
        tracks.append_rows(make_rows(range(start, start + 40), 3))
        tracks.append_telemetry("motor", np.full((10, 5), start))
        acknowledge.send(tracks.flush())


def record_tracks_until_full(path: str, report: Connection) -> None:
    tracks = TracksFile(path, unix_start_ns=UNIX_START_NS)
    durable, errors = 0, []
    with full_disk_after(2_000_000):
        for attempt in range(3):
            try:
                for start in range(durable, 400_000, 400):
                    tracks.append_rows(make_rows(range(start, start + 400), 3))
                    durable = tracks.flush(final=True)
            except (MagscopeError, ValueError) as error:
                errors.append(str(error))
            if attempt == 1:
                tracks.close("failed")
        del tracks
        gc.collect()
        report.send((durable, errors))
    # As a process that was ended by its supervisor: HDF5 gets no chance to write at exit.
    os._exit(0)
