"""When a dataset's files go on in a new part."""

from __future__ import annotations

import time

#: A storage remembers each of its images, and HDF5 each chunk of a file that is written, so a part holds no
#: more images or frames than this.
IMAGES_PER_PART = 200_000


class PartLimits:
    """Counts what goes into a part.

    Parameters
    ----------
    minutes : float, optional
        Longest duration of a part.
    gigabytes : float, optional
        Largest size of a part, in 10⁹ bytes.
    images : int
        Most images of a part.
    """

    def __init__(
        self, minutes: float | None = None, gigabytes: float | None = None, images: int = IMAGES_PER_PART
    ) -> None:
        self._seconds = None if minutes is None else 60.0 * minutes
        self._bytes = None if gigabytes is None else 1e9 * gigabytes
        self._images = images
        self.begin()

    def begin(self) -> None:
        """Begin a part."""
        self._began = time.monotonic()
        self._n_images = 0
        self._n_bytes = 0

    def count(self, n_bytes: int) -> None:
        """Note one image more."""
        self._n_images += 1
        self._n_bytes += n_bytes

    def reached(self, n_bytes: int | None = None, n_frames: int = 0) -> bool:
        """Return True when a new part should begin.

        Parameters
        ----------
        n_bytes : int, optional
            Size of the part where it is known better than by `count`.
        n_frames : int
            Frames in the part, where no images are counted.
        """
        size = self._n_bytes if n_bytes is None else n_bytes
        if not size:
            return False
        return (
            max(self._n_images, n_frames) >= self._images
            or (self._bytes is not None and size >= self._bytes)
            or (self._seconds is not None and time.monotonic() - self._began >= self._seconds)
        )
