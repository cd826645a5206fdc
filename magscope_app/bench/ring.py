"""How fast frames go from one process to another."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Mapping
from contextlib import closing
from multiprocessing.synchronize import Lock, Semaphore

import numpy as np

from magscope_app.datatypes import ReaderMode, Session, VideoBuffer, make_wakes
from magscope_app.devices import FrameFormat
from magscope_app.errors import MagscopeError

_READER = "bench"
#: The ring holds so many bytes, and never fewer frames.
_RING_BYTES, _FEWEST = 64_000_000, 8
_START_S = 30.0
#: Frames that the reader takes at once at most, and how long it waits for the next ones before it ends.
_BATCH, _QUIET_S = 16, 1.0


def ring_bytes_per_s(form: FrameFormat, seconds: float = 1.5) -> float:
    """Write frames in this process, copy them out of the ring in another, and return the bytes per second.

    Parameters
    ----------
    form : FrameFormat
        Of a frame.
    seconds : float
        How long is measured.

    Raises
    ------
    MagscopeError
        The other process did not answer, or the ring does not fit in memory.
    """
    context = multiprocessing.get_context("spawn")
    with closing(Session.create()) as session:
        locks = {"VideoBuffer": context.Lock()}
        session.note_semaphores(locks.values())
        wakes = make_wakes(context, {"VideoBuffer": (_READER,)}, session)
        n_frames = max(_FEWEST, _RING_BYTES // form.nbytes)
        with closing(
            VideoBuffer(
                create=True,
                locks=locks,
                n_stacks=n_frames,
                n_images=1,
                width=form.width_px,
                height=form.height_px,
                bits=form.container_bits,
                default_reader=False,
                wakes=wakes,
                session=session,
            )
        ) as video:
            reader = context.Process(target=_read, args=(session.prefix, locks, wakes), daemon=True)
            reader.start()
            try:
                return _write(video, seconds) * video.image_size
            finally:
                reader.join(5.0)
                if reader.is_alive():
                    reader.kill()
                    reader.join(5.0)


def _write(video: VideoBuffer, seconds: float) -> float:
    """Publish as fast as the reader reads; return the frames per second that it got."""
    frame = np.zeros(video.image_shape[::-1], video.dtype)
    deadline = time.perf_counter() + _START_S
    while not video.counters().readers:
        if time.perf_counter() > deadline:
            raise MagscopeError("the reading process did not start; close other programs and try again")
        time.sleep(0.01)
    started = time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds:
        slot = video.begin()
        if slot is None:
            time.sleep(0)
            continue
        np.copyto(slot, frame)
        video.commit(timestamp_ns=0)
    return video.reader_counters(_READER).got / passed


def _read(session: str, locks: Mapping[str, Lock], wakes: Mapping[str, Semaphore]) -> None:
    with closing(VideoBuffer(create=False, locks=locks, wakes=dict(wakes), session=session)) as video:
        reader = video.reader(_READER, ReaderMode.LOSSLESS)
        out = np.empty((_BATCH, *video.image_shape[::-1]), video.dtype)
        quiet_since = time.perf_counter()
        while time.perf_counter() - quiet_since < _QUIET_S:
            if reader.wait(0.05):
                batch = reader.acquire(_BATCH)
                if batch is not None:
                    np.copyto(out[: len(batch)], batch.frames)
                    batch.release()
                    quiet_since = time.perf_counter()
