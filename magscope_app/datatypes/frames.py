"""What a reader of the video ring hands out."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from magscope_app.datatypes import layout

#: Slot flag: the slot carries a time but no image; its pixels are zero.
NO_PIXELS = 1
#: Stored as seconds where the writer gave none: a NaN of its own, so that one that was given comes back.
NO_SECONDS_WORD = 0x7FF8_0000_4D53_0001
NO_SECONDS: float = struct.unpack("=d", struct.pack("=Q", NO_SECONDS_WORD))[0]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A private, validated copy of one frame.

    Attributes
    ----------
    pixels : ndarray, shape (height, width)
    frame_id : int
    timestamp_ns : int
        Session clock.
    camera_frame : int
        The camera's own number; -1 when it has none.
    device_tick : int
        The device's own clock, in its unit.
    flags : int
        `NO_PIXELS` or what the writer passed.
    """

    pixels: NDArray[Any]
    frame_id: int
    timestamp_ns: int
    camera_frame: int
    device_tick: int
    flags: int


class BatchHolder(Protocol):
    """The reader that a batch belongs to."""

    def check(self, batch: FrameBatch) -> NDArray[np.bool_]:
        """Say which frames of the batch are still whole."""

    def finish(self, batch: FrameBatch) -> None:
        """Count the batch by the last check and go on behind it."""


class FrameBatch:
    """Consecutive frames in the ring itself, without a copy.

    Use `frames`, then `release` (or leave the ``with`` block) and drop the result where `valid` says False:
    that frame was overwritten meanwhile. A lossless reader that is on time never sees that.

    Attributes
    ----------
    frames : ndarray, shape (n, height, width), read-only
    position : int
        Place of the first one in the sequence of accepted frames.
    """

    __slots__ = ("_checked", "_holder", "_slots", "_valid", "frames", "position")

    def __init__(self, frames: NDArray[Any], slots: bytes, position: int, holder: BatchHolder) -> None:
        self.frames = frames
        self.position = position
        self._slots = slots
        self._holder = holder
        self._checked: NDArray[np.bool_] | None = None
        self._valid: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.frames)

    # Looked up only when asked for: at one frame per batch these views would cost more than the rest.

    def _column(self, word: int) -> NDArray[np.uint64]:
        return np.frombuffer(self._slots, np.uint64)[word :: layout.SLOT_WORDS]

    @property
    def frame_ids(self) -> NDArray[np.uint64]:
        """Ids, with a gap where the ring refused frames, shape (n,)."""
        return self._column(layout.FRAME_ID)

    @property
    def timestamps_ns(self) -> NDArray[np.int64]:
        """Session clock, shape (n,)."""
        return self._column(layout.TIMESTAMP_NS).view(np.int64)

    @property
    def seconds(self) -> NDArray[np.float64]:
        """The time as the writer gave it in seconds; NaN when it gave none; shape (n,)."""
        return self._column(layout.SECONDS).view(np.float64)

    @property
    def camera_frames(self) -> NDArray[np.int64]:
        """The camera's own numbers, -1 for none, shape (n,)."""
        return self._column(layout.CAMERA_FRAME).view(np.int64)

    @property
    def device_ticks(self) -> NDArray[np.int64]:
        """The device's own clock, in its unit, shape (n,)."""
        return self._column(layout.DEVICE_TICK).view(np.int64)

    @property
    def flags(self) -> NDArray[np.uint64]:
        """`NO_PIXELS` or what the writer passed, shape (n,)."""
        return self._column(layout.FLAGS)

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Which frames stayed whole until `release`, shape (n,)."""
        if self._valid is None:
            raise RuntimeError("a batch knows which frames stayed valid only after release()")
        return self._valid

    def validate(self) -> NDArray[np.bool_]:
        """Say which frames stayed whole until now, and keep holding them.

        For results that must be passed on before the cursor moves. `release` then counts by this answer:
        use no pixels after it.

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        if self._checked is None:
            self._checked = self._holder.check(self)
        return self._checked

    def release(self) -> NDArray[np.bool_]:
        """Give the frames back to the ring and count them; a second call only repeats the answer.

        Returns
        -------
        ndarray of bool, shape (n,)
            True where the frame stayed whole until now, or until `validate`.
        """
        if self._valid is None:
            valid = self.validate()
            self._holder.finish(self)
            self._valid = valid
        return self._valid

    def __enter__(self) -> FrameBatch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
