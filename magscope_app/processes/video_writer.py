"""Video of a recording: frames from the ring, whole or as a mosaic of ROIs, into NDTiff parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from magscope_app.data import DataHandler
from magscope_app.datatypes import BeadRoiBuffer, FrameBatch, ReaderMode, VideoBuffer
from magscope_app.processes.id_ranges import SeenIds
from magscope_app.processes.status_board import reader_counters
from magscope_app.storage import DatasetFolder, NDTiffStorage

#: A new part begins at this many images: the storage remembers each of them.
_IMAGES_PER_PART = 200_000
#: Frames that may wait for the disk: more than the 2 s for which disks pause, in bytes and number.
_QUEUE_BYTES, _QUEUE_FRAMES = 512_000_000, 512
#: Frames that are taken from the ring at once.
_BATCH = 16


class VideoWriter:
    """Reads the ring with a cursor of its own and stores what it gets.

    Parameters
    ----------
    video : VideoBuffer
        The ring.
    rois : BeadRoiBuffer or None
        Store a mosaic (n_beads · roi, roi) of the beads' ROIs per frame instead of whole frames.
    folder : DatasetFolder
        Gives the parts their place.
    summary : dict
        What applies to all images.
    """

    def __init__(
        self, video: VideoBuffer, rois: BeadRoiBuffer | None, folder: DatasetFolder, summary: dict[str, Any]
    ) -> None:
        self._video = video
        self._rois = rois
        self._folder = folder
        self._summary = summary
        self._queue = max(4, min(_QUEUE_FRAMES, _QUEUE_BYTES // max(1, video.image_size)))
        self._reader = video.reader("recording", ReaderMode.LOSSLESS, start="newest")
        self._handler: DataHandler | None = None
        self._in_part = 0
        self._shape: tuple[int, ...] = ()
        self._stored_before = 0
        self._empty = 0
        self._seen: SeenIds | None = None
        self._first = 0

    def begin(self, first_frame_id: int) -> None:
        """Store frames from this id on."""
        self._first = first_frame_id
        self._seen = SeenIds(first_frame_id)

    @property
    def frames_stored(self) -> int:
        """Frames that the operating system has."""
        stored = self._handler.stored_count if self._handler is not None else 0
        return self._stored_before + stored + self._empty

    @property
    def seen(self) -> SeenIds:
        """Which frames came."""
        assert self._seen is not None
        return self._seen

    def wait(self, timeout_s: float) -> bool:
        """Wait for a frame."""
        return self._reader.wait(timeout_s)

    def caught_up_with(self, head: int) -> bool:
        """Return True when everything before ring position `head` was read."""
        return self._reader.counters.position >= head

    def take(self, stop_frame_id: int | None = None) -> bool:
        """Store the frames that have arrived, as far as the disk keeps up; False if there are none.

        Raises
        ------
        Exception
            What the storage raised.
        """
        room = self._queue - (self._handler.pending if self._handler is not None else 0)
        if room <= 0:
            self._reader.beat()
            return False
        room = min(room, _BATCH, self._frames_with_known_rois())
        batch = self._reader.acquire(room) if room > 0 else None
        if batch is None:
            self._reader.beat()
            return False
        images = [self._image(frame) for frame in batch.frames]
        valid = batch.release()
        for index in np.flatnonzero(valid):
            frame_id = int(batch.frame_ids[index])
            if frame_id >= self._first and (stop_frame_id is None or frame_id < stop_frame_id):
                self._put(frame_id, images[index], batch, int(index))
        return True

    def _frames_with_known_rois(self) -> int:
        """Return how many frames may be cut: ROIs are known for those that tracking has seen."""
        tracking = reader_counters(self._video, "tracking") if self._rois is not None else None
        return _BATCH if tracking is None else tracking.position - self._reader.counters.position

    def finish(self) -> None:
        """Store what waits and complete the files. Raises what the storage raised."""
        self._reader.close()
        self._end_part()

    def _put(
        self, frame_id: int, image: tuple[npt.NDArray[Any], dict[str, Any]], batch: FrameBatch, index: int
    ) -> None:
        pixels, about = image
        self.seen.add([frame_id])
        if not pixels.size:
            self._empty += 1  # a mosaic of no beads
            return
        if self._handler is None or self._in_part >= _IMAGES_PER_PART or pixels.shape != self._shape:
            self._end_part()
            self._shape = pixels.shape
            storage = NDTiffStorage(self._folder.next_video_part(), summary_metadata=self._summary)
            self._handler = DataHandler(storage, queue_size=self._queue)
        metadata = about | {
            "frame_id": frame_id,
            "t_ns": int(batch.timestamps_ns[index]),
            "camera_frame": int(batch.camera_frames[index]),
            "device_tick": int(batch.device_ticks[index]),
        }
        self._handler.put({"time": frame_id}, pixels, metadata)
        self._in_part += 1

    def _image(self, frame: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], dict[str, Any]]:
        """Copy what is to be stored: the slot may be overwritten, what is stored may not."""
        if self._rois is None:
            return frame.copy(), {}
        ids, rois = self._rois.get_beads()
        crops = [frame[y0:y1, x0:x1] for x0, x1, y0, y1 in rois]
        mosaic = np.concatenate(crops) if crops else np.empty((0, 0), frame.dtype)
        return mosaic, {"bead_ids": ids.tolist(), "rois_px": rois.tolist()}

    def _end_part(self) -> None:
        handler, self._handler = self._handler, None
        if handler is not None:
            handler.finish()
            self._stored_before += handler.stored_count
            self._in_part = 0
