"""Which frames a video has dealt with, for those whose image no index of ours shows."""

from __future__ import annotations

import threading
from io import FileIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

_NAME = "frames.i64"


class VideoBook:
    """Appends to ``video/frames.i64``, made with the first frame: int64, id, or -1 - id of a frame left out.

    Every entry reaches the operating system at once, so that it outlives the process. May be used by several
    threads.

    Parameters
    ----------
    dataset : Path
        The dataset's folder.
    """

    def __init__(self, dataset: Path) -> None:
        self._path = dataset / "video" / _NAME
        self._lock = threading.Lock()
        self._file: FileIO | None = None
        self._closed = False

    def note(self, frame_id: int, *, stored: bool) -> None:
        """Note a frame whose image is stored, or left out on purpose; OSError where the disk refuses."""
        with self._lock:
            if self._closed:
                return
            if self._file is None:
                self._file = FileIO(self._path, "a")
            self._file.write(np.int64(frame_id if stored else -1 - frame_id).tobytes())

    def close(self) -> None:
        """Take nothing more."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()
                self._file = None


def read_book(dataset: Path) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the ids of the frames that were stored, and of those that were left out, ascending."""
    try:
        content = (dataset / "video" / _NAME).read_bytes()
    except FileNotFoundError:
        content = b""
    entries = np.unique(np.frombuffer(content[: len(content) // 8 * 8], np.int64))
    return entries[entries >= 0], -1 - entries[entries < 0][::-1]
