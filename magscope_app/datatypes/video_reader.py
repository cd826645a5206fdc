"""A named reader of the video ring."""

from __future__ import annotations

import sys
from typing import Any, NoReturn, cast

import numpy as np
from numpy.typing import NDArray

from magscope_app.datatypes import layout
from magscope_app.datatypes.checks import whole_number
from magscope_app.datatypes.cursor_reader import CursorReader
from magscope_app.datatypes.frames import Frame, FrameBatch
from magscope_app.datatypes.gaps import Why
from magscope_app.datatypes.reader_entries import Start
from magscope_app.datatypes.reader_mode import ReaderMode
from magscope_app.datatypes.ring import Ring, signed

_TRIES = 8
_SLOT_BYTES = 8 * layout.SLOT_WORDS


class VideoReader(CursorReader):
    """Reads frames from a `VideoBuffer`; make it with ``VideoBuffer.reader``. For one thread.

    Every frame is checked before and after its use against the sequence number of its slot, so that an
    overwritten one is counted and never taken for valid.
    """

    def __init__(self, ring: Ring, name: str, mode: ReaderMode, start: Start) -> None:
        super().__init__(ring, name, mode, start)
        self._ring = ring
        self._length = ring.length
        self._batch: FrameBatch | None = None
        first, end = layout.CHANNEL_BYTES, layout.CHANNEL_BYTES + _SLOT_BYTES * ring.length
        self._slots = ring.words.cast("B")[first:end]
        self._sequences = ring.sequences
        #: The usual batch, a single frame, needs no new view.
        self._singles = [ring.readonly[slot : slot + 1] for slot in range(ring.length)]
        self._whole = np.ones(ring.length, np.bool_)
        self._whole.flags.writeable = False
        #: The answer for a whole batch, as long as the last one.
        self._answer = self._whole[:1]
        #: How many frames of the batch were overwritten, once it was checked.
        self._bad = 0

    def acquire(self, max_frames: int) -> FrameBatch | None:
        """Return the next frames in order without copying them.

        Parameters
        ----------
        max_frames : int
            At most so many; fewer when fewer have come or the ring's memory ends.

        Returns
        -------
        FrameBatch or None
            None when nothing new has come. Release it before the next call. Call `beat` during work that
            takes longer than the pin's time-out: else a full ring goes on without a lossless reader.

        Raises
        ------
        RuntimeError
            When the batch before was not released, or the reader looks at the newest only.
        ValueError
            For what is no number of frames; nothing is read.
        """
        self.beat()
        if type(max_frames) is not int:
            max_frames = whole_number("max_frames", max_frames, 1, sys.maxsize)
        if self._newest_only or self._batch is not None or max_frames < 1:
            self._refuse(max_frames)
        words, length, fence = self._channel.words, self._length, self._ring.fence
        for _ in range(_TRIES):
            head = words[layout.HEAD]
            if fence is not None:
                fence()
            if head - self._cursor > length:
                self._lose(head - length // 2, self._why_lapped())
            cursor = self._cursor
            first = cursor % length
            count = min(head - cursor, length - first, max_frames)
            if count <= 0:
                return None
            slots = self._slots[_SLOT_BYTES * first : _SLOT_BYTES * (first + count)].tobytes()
            if self._intact(first, count):
                frames = self._singles[first] if count == 1 else self._ring.readonly[first : first + count]
                self._batch = batch = FrameBatch(frames, slots, cursor, self)
                return batch
            # The writer is in the oldest slot: it is about to lap us.
            self._lose(max(head - length // 2, cursor + 1), self._why_lapped())
        return None

    def _refuse(self, max_frames: int) -> NoReturn:
        if self._newest_only:
            raise RuntimeError(f"the reader {self.name!r} looks at the newest frame only: use newest()")
        if self._batch is not None:
            raise RuntimeError(f"the reader {self.name!r} still holds a batch: release it first")
        raise ValueError(f"max_frames must be at least 1, not {max_frames}")

    def _intact(self, first: int, count: int) -> bool:
        """Say whether `count` slots from `first` still hold the frames from the cursor on."""
        if self._ring.fence is not None:
            self._ring.fence()
        expected = 2 * self._cursor + 2
        if count == 1:
            return self._sequences[first] == expected
        found = self._sequences[first : first + count].tolist()
        return found == list(range(expected, expected + 2 * count, 2))

    def check(self, batch: FrameBatch) -> NDArray[np.bool_]:
        """Say which frames of the batch are still whole; `release` and `validate` ask."""
        first, count = self._cursor % self._length, len(batch)
        self._bad = 0
        if self._intact(first, count):
            if len(self._answer) != count:
                self._answer = self._whole[:count]
            return self._answer
        found = self._sequences[first : first + count].tolist()
        expected = 2 * self._cursor + 2
        # The writer goes through the ring in order: what it overwrote is the beginning of the batch.
        self._bad = 1 + max(place for place in range(count) if found[place] != expected + 2 * place)
        valid = np.ones(count, np.bool_)
        valid[: self._bad] = False
        return valid

    def finish(self, batch: FrameBatch) -> None:
        """Count the batch by its last check and go on behind it; `release` asks."""
        bad = self._bad
        if bad:
            self._count_torn(bad)
            why = self._why_lapped()
            self._gaps.append(
                self._cursor, self._cursor + bad, Why.OVERWRITTEN_IN_USE if why is Why.LAPPED else why
            )
        count = len(batch.frames)
        self._got += count - bad
        self._cursor = cursor = self._cursor + count
        self._ring.words[self._cursor_word] = cursor
        self._batch = None

    def close(self) -> None:
        """Stop reading; the next reader of this name gets what was not released."""
        super().close()
        self._ring = cast("Ring", self._channel)

    def newest(self, out: NDArray[Any] | None = None) -> Frame | None:
        """Return a private, validated copy of the newest frame; moves no cursor and holds nothing back.

        Parameters
        ----------
        out : ndarray, shape (height, width), optional
            Receives the pixels; its content is undefined when None is returned.

        Returns
        -------
        Frame or None
            None before the first frame, or when the writer overtook every one of a few tries.

        Raises
        ------
        ValueError
            For an `out` of another shape or type.
        """
        if self.mode is ReaderMode.LOSSLESS:
            raise RuntimeError(f"the reader {self.name!r} is lossless: newest() is for the other kinds")
        self.beat()
        place = self._ring.frames[0]
        if out is not None and (np.shape(out), getattr(out, "dtype", None)) != (place.shape, place.dtype):
            raise ValueError(
                f"out is an array of shape {place.shape} and type {place.dtype}, not {out!r:.60}"
            )
        found = self._ring.read_newest(out)
        if isinstance(found, int):
            self._count_torn(found)
            return None
        pixels, meta, position = found
        self._seen = position + 1
        return Frame(
            pixels=pixels,
            frame_id=meta[layout.FRAME_ID],
            timestamp_ns=signed(meta[layout.TIMESTAMP_NS]),
            camera_frame=signed(meta[layout.CAMERA_FRAME]),
            device_tick=signed(meta[layout.DEVICE_TICK]),
            flags=meta[layout.FLAGS],
        )
