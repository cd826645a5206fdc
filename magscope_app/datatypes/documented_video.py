"""The documented methods of the video buffer, thin on the ring."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from magscope_app.datatypes.checks import real_number
from magscope_app.datatypes.default_cursor import DefaultCursor
from magscope_app.datatypes.dtypes import int_to_uint_dtype
from magscope_app.datatypes.errors import BufferOverflow, BufferUnderflow
from magscope_app.datatypes.frames import NO_PIXELS
from magscope_app.datatypes.handle import Handle
from magscope_app.datatypes.ring import Geometry, Ring
from magscope_app.datatypes.ring_writer import RingWriter, seconds_to_ns


class DocumentedVideo(Handle):
    """Reads through the one cursor that all handles share, writes whole images; see `VideoBuffer`."""

    name: str = "VideoBuffer"
    _ring: Ring
    _writer: RingWriter
    _default: DefaultCursor
    _last_good: tuple[int, bytes] | None

    def _describe(self, geometry: Geometry) -> None:
        self.n_stacks = geometry.n_stacks
        self.n_images = geometry.n_images
        self.image_shape = (geometry.width, geometry.height)
        self.stack_shape = (*self.image_shape, geometry.n_images)
        self.bits = geometry.bits
        self.significant_bits = geometry.significant_bits
        self.dtype = int_to_uint_dtype(geometry.bits)
        self.itemsize = self.dtype.itemsize
        self.n_total_images = geometry.length
        self.image_size = geometry.image_size
        self.stack_size = geometry.image_size * geometry.n_images
        self.buffer_size = geometry.image_size * geometry.length

    def get_level(self) -> float:
        """Return the fraction of the ring that holds unread frames."""
        return self._default.unread() / self.n_total_images

    def get_unread_stack_count(self) -> int:
        """Return the number of full unread stacks."""
        return self._default.unread() // self.n_images

    def check_read_stack(self) -> bool:
        """Return True when at least one full stack can be read."""
        return self._default.unread() >= self.n_images

    def peak_image(self) -> tuple[int, memoryview]:
        """Return the newest frame without moving anything.

        Returns
        -------
        index : int
            Place in the ring, 0 to ``n_total_images - 1``.
        image : memoryview of bytes
            A private copy, never torn, in (y, x) order: ``np.frombuffer(image, dtype).reshape(height,
            width)``.

        Raises
        ------
        BufferUnderflow
            Before the first frame.
        """
        found = self._ring.read_newest(None)
        if not isinstance(found, int):
            self._last_good = found[2] % self.n_total_images, found[0].tobytes()
        if self._last_good is None:
            raise BufferUnderflow(f"{self.name} has no frame yet")
        index, image = self._last_good
        return index, memoryview(image)

    def peak_stack(self) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Return the next unread stack without advancing.

        Returns
        -------
        stack : ndarray, shape (width, height, n_images), read-only
            A transposed view of the ring itself (a copy only where the stack runs over its end). It stays
            whole until `read_stack_no_return` gives it back.
        timestamps : ndarray of float64, shape (n_images,)
            Seconds.

        Raises
        ------
        BufferUnderflow
            When there is no full stack.
        """
        frames, seconds = self._default.peek(self.n_images)
        return frames.transpose(2, 1, 0), seconds

    def read_stack_no_return(self) -> None:
        """Advance by one stack; BufferUnderflow when there is none."""
        self._default.skip(self.n_images)

    def read_image(self) -> tuple[NDArray[Any], float]:
        """Return a private copy of the next unread frame, shape (width, height), and its time in seconds.

        Raises
        ------
        BufferUnderflow
            When everything has been read.
        """
        pixels, seconds = self._default.image()
        return pixels.T, float(seconds)

    def write_timestamp(self, timestamp: float) -> None:
        """Publish a slot of zeros with a time in seconds (flag `NO_PIXELS`); for several threads, too.

        Raises
        ------
        ValueError
            For a time that is no number; nothing is written or counted.
        BufferOverflow
            When the ring is full; the loss is counted.
        """
        seconds = real_number("timestamp", timestamp)
        with self._writer.turn:
            if self._writer.publish_zeroed(seconds, NO_PIXELS) is None:
                self._overflow()

    def write_image_and_timestamp(self, image: NDArray[Any] | bytes, timestamp: float) -> None:
        """Publish one frame. Several threads may do so through one handle: they take turns.

        Parameters
        ----------
        image : ndarray or bytes-like
            Shape (width, height) with the buffer's dtype and any strides, or exactly `image_size` bytes in
            (y, x) order.
        timestamp : float
            Seconds.

        Raises
        ------
        ValueError
            For another shape, type or size, or a time that is no number; nothing is written or counted.
        BufferOverflow
            When the ring is full; the loss is counted.
        """
        source, seconds = self._checked(image), timestamp
        if type(seconds) is not float:
            seconds = real_number("timestamp", seconds)
        timestamp_ns = seconds_to_ns(seconds)
        writer = self._writer
        with writer.turn:
            slot = writer.begin()
            if slot is None:
                self._overflow()
            else:
                np.copyto(slot, source, casting="no")
                writer.commit(timestamp_ns, -1, 0, 0, seconds)

    def _checked(self, image: NDArray[Any] | bytes) -> NDArray[Any]:
        """Return the image as (y, x)."""
        if isinstance(image, np.ndarray):
            if image.shape != self.image_shape or image.dtype != self.dtype:
                raise ValueError(
                    f"an image of {self.name} has shape {self.image_shape} and type {self.dtype},"
                    f" not {image.shape} and {image.dtype}"
                )
            return image.T
        try:
            raw = memoryview(image).cast("B")
        except TypeError:
            raise ValueError(f"an image is an array or bytes, not {type(image).__name__}") from None
        if raw.nbytes != self.image_size:
            raise ValueError(f"an image of {self.name} has {self.image_size} bytes, not {raw.nbytes}")
        return np.frombuffer(raw, self.dtype).reshape(self.image_shape[::-1])

    def _overflow(self) -> None:
        frame_id = self._writer.refuse(-1)
        raise BufferOverflow(f"{self.name} is full: frame {frame_id} is refused and counted as lost")
