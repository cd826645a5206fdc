"""Whether tracking has time: the ring holds the frames that come meanwhile, up to a limit."""

from __future__ import annotations

import threading

from magscope_app.datatypes import VideoBuffer, VideoReader

#: What is needed once is waited for until so much of the ring waits to be tracked.
_MOST_LEVEL = 0.5


class Patience:
    """Answers the tracker, from any of its threads, and keeps the reader's place in the ring meanwhile.

    What the tracker makes once (references, the first fit of a bead) is made at once as long as the ring has
    room, so that positions do not depend on when it is ready. What may be needed in every frame has no time
    in a line that is fed from life.

    Parameters
    ----------
    camera_waits : bool
        The camera waits for the ring: there is always time.
    """

    def __init__(self, *, camera_waits: bool) -> None:
        self._camera_waits = camera_waits
        self._video: VideoBuffer | None = None
        self._reader: VideoReader | None = None
        self._lock = threading.Lock()

    def attach(self, video: VideoBuffer, reader: VideoReader) -> None:
        """Look at a ring from now on."""
        self._video, self._reader = video, reader

    def __call__(self, once: bool) -> bool:
        """Return whether there is time for something; `once` if it is not needed again."""
        video, reader = self._video, self._reader
        if video is None or reader is None:
            return True
        with self._lock:
            # A call that takes its time gives no other sign of life.
            reader.beat()
        return self._camera_waits or (once and video.level(reader.name) < _MOST_LEVEL)
