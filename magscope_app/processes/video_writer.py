"""Video of a recording: frames from the ring, whole or as a mosaic of ROIs, into NDTiff parts."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from magscope_app.data import DataHandler, DataProcessor, DataStorage
from magscope_app.data.processor import ProcessFunction
from magscope_app.datatypes import FrameBatch, ReaderMode, VideoBuffer
from magscope_app.datatypes.reader_entries import Start
from magscope_app.operating_system import release_memory
from magscope_app.processes.frame_rois import FrameRois
from magscope_app.processes.id_ranges import SeenIds
from magscope_app.processes.part_limits import PartLimits
from magscope_app.processes.video_storage import MakeStorage, why_not_stored
from magscope_app.storage import DatasetFolder, NDTiffStorage
from magscope_app.storage.video_book import VideoBook

_log = logging.getLogger(__name__)
#: Frames that may wait for the disk: more than the 2 s for which disks pause, in bytes and number.
_QUEUE_BYTES, _QUEUE_FRAMES = 512_000_000, 512
#: Frames that are taken from the ring at once.
_BATCH = 16
#: A processor or a disk that deals with nothing for so long will not: tracks are not to wait for it.
_STALL_S = 20.0
#: The same at the end of a recording, for which the supervisor waits.
_STALL_AT_END_S = 8.0

Image = tuple[npt.NDArray[Any], dict[str, Any]]


class VideoWriter:
    """Reads the ring with a cursor of its own and stores what it gets.

    Parameters
    ----------
    video : VideoBuffer
        The ring.
    rois : FrameRois or None
        Store a mosaic (n_beads · roi, roi) of the ROIs that a frame was tracked in, instead of the whole
        frame. Closed with this.
    folder : DatasetFolder
        Gives the parts their place.
    limits : PartLimits
        When a new part begins.
    make_storage : callable
        Makes the storage of a part.
    process_fn : callable, optional
        Sees every image before it is stored.
    start : str
        Where reading begins: ``"newest"``, or ``"resume"`` where the last reader ended.

    Raises
    ------
    MagscopeError
        The storage cannot be made or cannot take the images.
    """

    def __init__(
        self,
        video: VideoBuffer,
        rois: FrameRois | None,
        folder: DatasetFolder,
        limits: PartLimits,
        make_storage: MakeStorage,
        process_fn: ProcessFunction | None = None,
        *,
        start: Start = "newest",
    ) -> None:
        self._video = video
        self._rois = rois
        self._folder = folder
        self._limits = limits
        #: One for all parts: it counts, and warns once.
        self._processor = None if process_fn is None else DataProcessor(process_fn)
        self._make_storage = make_storage
        self._queue = max(4, min(_QUEUE_FRAMES, _QUEUE_BYTES // max(1, video.image_size)))
        self._storage: DataStorage | None = None
        self._book = VideoBook(folder.path)
        #: The index of the video itself says which frames are stored.
        self._indexed = False
        # The first part is opened before the first frame: loading the storage's library takes a second.
        self._handler: DataHandler | None = self._open_part()
        self._shape: tuple[int, ...] | None = None
        self._reader = video.reader("recording", ReaderMode.LOSSLESS, start=start)
        self._first = 0
        self._seen = SeenIds(0)
        self._done: deque[tuple[int, bool]] = deque()
        self.left_out = 0
        self._duplicates_before = 0
        self._said_no_beads = False
        self._taken = 0
        self.bytes_written = 0
        self._image_bytes = 0
        self.closed = False

    def begin(
        self, first_frame_id: int, seen: SeenIds | None = None, left_out: int = 0, duplicates: int = 0
    ) -> None:
        """Store frames from this id on; `seen` were dealt with before, `left_out` of them on purpose.

        `duplicates` were counted before.
        """
        self._first = first_frame_id
        self._limits.begin()
        self._seen = seen if seen is not None else SeenIds(first_frame_id)
        self.left_out = left_out
        self._duplicates_before = duplicates

    def refusal(self, name: str | None) -> str | None:
        """Return why the storage called `name` cannot take these images, as far as this is known now."""
        if self._storage is None or self._processor is not None:
            return None
        width, height = self._video.image_shape
        shape = (height, width) if self._rois is None else self._rois.mosaic_shape()
        return None if shape is None else why_not_stored(self._storage, shape, self._video.dtype, name)

    @property
    def duplicates(self) -> int:
        """Images of a processor that a later one with the same coordinates replaced."""
        return self._duplicates_before + (self._processor.duplicates if self._processor is not None else 0)

    @property
    def frames_done(self) -> int:
        """Frames that the operating system has, and those left out."""
        return self.seen().count

    @property
    def bytes_waiting(self) -> int:
        """How many of `bytes_written` wait for processor and disk."""
        return self._handler.pending * self._image_bytes if self._handler is not None else 0

    @property
    def progress(self) -> int:
        """Grows while frames are read or dealt with."""
        return self._taken + self.seen().count

    def seen(self) -> SeenIds:
        """Return which frames are dealt with: stored, or left out for want of beads or by the processor."""
        while self._done:
            frame_id, stored = self._done.popleft()
            self._seen.add_one(frame_id)
            self.left_out += not stored
        return self._seen

    def wait(self, timeout_s: float) -> bool:
        """Wait for a frame that can be taken."""
        if self._frames_with_known_rois() > 0:
            return self._reader.wait(timeout_s)
        time.sleep(timeout_s)
        return False

    def caught_up_with(self, head: int) -> bool:
        """Return True when everything before ring position `head` was read."""
        return self.closed or self._reader.counters.position >= head

    def take(self, stop_frame_id: int | None = None) -> bool:
        """Store the frames that have arrived, as far as the disk keeps up; False if there are none.

        Raises
        ------
        Exception
            What the storage or the processor raised.
        """
        if self.closed:
            return False
        self._reader.beat()
        self._require_progress()
        room = self._queue - (self._handler.pending if self._handler is not None else 0)
        room = min(room, _BATCH, self._frames_with_known_rois())
        batch = self._reader.acquire(room) if room > 0 else None
        if batch is None:
            return False
        self._taken += len(batch)
        frames = zip(batch.frame_ids.tolist(), batch.frames, strict=True)
        images = [self._image(frame_id, frame) for frame_id, frame in frames]
        valid = batch.release()
        for index in np.flatnonzero(valid):
            frame_id = int(batch.frame_ids[index])
            if frame_id >= self._first and (stop_frame_id is None or frame_id < stop_frame_id):
                self._put(frame_id, images[index], batch, int(index))
        return True

    def finish(self) -> None:
        """Store what waits and complete the files. Raises what the storage or the processor raised."""
        if not self.closed:
            self.closed = True
            self._reader.close()
            if self._rois is not None:
                self._rois.close()
            try:
                self._end_part()
            finally:
                self._book.close()

    def _require_progress(self) -> None:
        stalled_s = self._handler.stalled_s if self._handler is not None else 0.0
        if stalled_s > _STALL_S:
            raise TimeoutError(
                f"no image was dealt with for {stalled_s:.0f} s; "
                "look at the disk, and at recording.process_fn if you have one"
            )

    def _frames_with_known_rois(self) -> int:
        """Return how many frames may be cut: ROIs are known for those that tracking has seen."""
        position = self._reader.counters.position
        known = self._rois.known_from(position) if self._rois is not None else None
        return _BATCH if known is None else known

    def _put(self, frame_id: int, image: Image, batch: FrameBatch, index: int) -> None:
        pixels, about = image
        if not pixels.size:
            self._leave_out(frame_id)
            return
        handler = self._handler_for(pixels)
        metadata = about | {
            "frame_id": frame_id,
            "t_ns": int(batch.timestamps_ns[index]),
            "camera_frame": int(batch.camera_frames[index]),
            "device_tick": int(batch.device_ticks[index]),
        }
        handler.put({"time": frame_id}, pixels, metadata, on_done=self._confirm)
        self._limits.count(pixels.nbytes)
        self._image_bytes = pixels.nbytes
        self.bytes_written += pixels.nbytes

    def _confirm(self, coordinates: Mapping[str, Any], stored: bool) -> None:
        """Note, on the handler's threads, what became of a frame; a processor may leave frames out."""
        handler = self._handler
        left_out = self._processor is not None and handler is not None and not handler.failures
        if stored or left_out:
            frame_id = int(coordinates["time"])
            if not self._indexed or not stored:
                self._book.note(frame_id, stored=stored)
            self._done.append((frame_id, stored))

    def _leave_out(self, frame_id: int) -> None:
        """Pass over a frame that has no bead, and so no ROI to show."""
        if not self._said_no_beads:
            self._said_no_beads = True
            _log.warning(
                "there are no beads in frame %d, and so no ROIs to record: such frames are left out; "
                "add beads, or record video of full frames",
                frame_id,
            )
        self._book.note(frame_id, stored=False)
        self._done.append((frame_id, False))

    def _image(self, frame_id: int, frame: npt.NDArray[Any]) -> Image:
        """Copy what is to be stored: the slot may be overwritten, what is stored may not."""
        if self._rois is None:
            return frame.copy(), {}
        ids, rois = self._rois.of(frame_id)
        crops = [frame[y0:y1, x0:x1] for x0, x1, y0, y1 in rois]
        mosaic = np.concatenate(crops) if crops else np.empty((0, 0), frame.dtype)
        return mosaic, {"bead_ids": ids, "rois_px": rois}

    def _handler_for(self, pixels: npt.NDArray[Any]) -> DataHandler:
        """Return the handler of the running part; a new part begins at the limits and with another shape."""
        if self._shape is None:
            self._shape = pixels.shape
        if self._handler is None or self._limits.reached() or pixels.shape != self._shape:
            self._end_part()
            self._shape = pixels.shape
            self._handler = self._open_part()
        return self._handler

    def _open_part(self) -> DataHandler:
        self._limits.begin()
        storage = self._storage = self._make_storage(self._folder.next_video_part())
        self._indexed = self._processor is None and isinstance(storage, NDTiffStorage)
        return DataHandler(storage, self._processor, queue_size=self._queue, stall_timeout_s=_STALL_AT_END_S)

    def _end_part(self) -> None:
        handler, storage = self._handler, self._storage
        if handler is not None:
            try:
                # What hangs is not waited for again; its thread ends with the process.
                self._require_progress()
                handler.finish()
            finally:
                self._handler = self._storage = None
                if storage is not None:
                    storage.close()
                release_memory()
