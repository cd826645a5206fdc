"""The writing side of a video ring: no lock, one writer, nothing lost without a record."""

from __future__ import annotations

import logging
import operator
import struct
import threading
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from magscope_app import operating_system as system
from magscope_app.datatypes import layout
from magscope_app.datatypes.camera_notes import CameraNotes
from magscope_app.datatypes.checks import real_number
from magscope_app.datatypes.gaps import Why
from magscope_app.datatypes.ring import Ring, signed
from magscope_app.datatypes.writing import Pins, Waker, WriterClaim

logger = logging.getLogger("magscope_app.datatypes")

#: The words of a slot behind its sequence number, in their order. They need not be stored word by word:
#: nobody believes them before the sequence number is even.
_pack_slot = struct.Struct("@qdqqQQ").pack_into
#: A time as a slot holds it.
_TIME = struct.Struct("@q")

#: Stands for a camera without numbers, and for what is expected of any camera before its first frame.
_NO_NUMBER = -1
#: Times beyond have no 64-bit number of nanoseconds.
_MOST_SECONDS = 9.2e9
#: With this rate the frames between any two times have a 64-bit number.
_FASTEST_FPS = 1e8

# Names of this module: one look-up less for each use on the hot path.
_EPOCH = layout.EPOCH
_HEAD = layout.HEAD


class RingWriter:
    """Publishes frames: sequence number odd, pixels and metadata, sequence number even, head, wake."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._words = ring.words
        self._bytes = ring.words.cast("B")
        self._images: list[NDArray[Any]] = list(ring.frames)
        self._length = ring.length
        self._sequences = ring.sequences
        first, step = layout.CHANNEL_BYTES + 8, 8 * layout.SLOT_WORDS
        self._meta_bytes = [first + step * slot for slot in range(ring.length)]
        self._fence: Callable[[], object] | None = ring.fence
        self._claim = WriterClaim(ring, ring.slot_in_work)
        self._pins = Pins(ring)
        self._waker = Waker(ring)
        self._targets = self._waker.targets
        self._wake = self._waker.wake
        self._epoch = -1
        self._head = 0
        self._next_id = 0
        self._limit = 0
        self._look_at = 0
        self._slot = -1
        self._expected = _NO_NUMBER
        self._notes = CameraNotes(ring)
        #: Held by the threads of one process that publish whole frames in turn.
        self.turn = threading.Lock()
        system.tell_of_forks(self)

    def forked(self) -> None:
        """Look whether the parent writes before anything is written; its slot in work is not the child's."""
        self._claim.forked()
        self._epoch = -1
        self._slot = -1
        # A thread that the child does not have may hold the parent's.
        self.turn = threading.Lock()

    def _refresh(self) -> None:
        if self._claim.take():
            # Whoever began a slot before is dead or has closed: it keeps no other handle waiting.
            self._ring.give_slot_back()
            self._head = self._words[layout.HEAD]
            self._next_id = self._head + self._ring.ring_gaps.total()
            self._expected = self._left_expected()
            self._slot = -1
        self._epoch = self._words[layout.EPOCH]
        self._limit = self._pins.refresh()
        self._waker.refresh()
        self._targets = self._waker.targets
        self._look(self._head)

    def _left_expected(self) -> int:
        """Return the camera's next number as the handle that wrote before this one knew it."""
        noted_at, expected = self._notes.left(self._next_id)
        last: list[int] = self._ring.slots[(self._head - 1) % self._length].tolist()
        if self._head and last[layout.FRAME_ID] >= noted_at:
            number = signed(last[layout.CAMERA_FRAME])
            return number + 1 if number >= 0 else _NO_NUMBER
        return expected

    def _look(self, head: int) -> bool:
        # A reader may pin itself again when half a ring behind: nothing newer may go before the next look.
        floor = min(self._pins.floor(head), max(0, head - self._length // 2))
        self._look_at = floor + self._limit
        return head - floor < self._length

    def begin(self) -> NDArray[Any] | None:
        """Return the next free slot's pixels to be filled, or None when the ring is full."""
        if self._words[_EPOCH] != self._epoch:
            self._refresh()
        head = self._head
        if head >= self._look_at and not self._look(head):
            return None
        self._slot = slot = head % self._length
        self._sequences[slot] = 2 * head + 1
        if self._fence is not None:
            self._fence()
        return self._images[slot]

    def commit(
        self, timestamp_ns: int, camera_frame: int, device_tick: int, flags: int, seconds: float
    ) -> int:
        """Publish the slot that `begin` returned; return its frame id."""
        slot, frame_id, head, fence = self._slot, self._next_id, self._head + 1, self._fence
        if slot < 0:
            raise RuntimeError("commit() without begin(): there is no slot to publish")
        # First, because it refuses what is no number: nothing has been booked then.
        _pack_slot(
            self._bytes,
            self._meta_bytes[slot],
            timestamp_ns,
            seconds,
            camera_frame,
            device_tick,
            frame_id,
            flags,
        )
        has_number = camera_frame >= 0
        if has_number and camera_frame != self._expected:
            self._book_jump(camera_frame)
        if fence is not None:
            fence()
        self._sequences[slot] = 2 * head
        if fence is not None:
            fence()
        self._words[_HEAD] = self._head = head
        # Never by adding to the given number: a driver's may be one of numpy's, which run over.
        self._expected = self._expected + 1 if has_number else _NO_NUMBER
        self._slot = -1
        self._next_id = frame_id + 1
        if self._targets:
            if fence is not None:
                fence()
            self._wake()
        return frame_id

    def abort(self) -> None:
        """Give the slot of `begin` back unpublished; its old frame is gone, no number is used."""
        if self._slot >= 0:
            self._sequences[self._slot] = 0
        self._slot = -1

    def refuse(self, camera_frame: int) -> int:
        """Count one frame that arrived and found no place; return the frame id it took."""
        camera_frame = operator.index(camera_frame)
        if not -(1 << 63) <= camera_frame < 1 << 63:
            raise ValueError(
                f"{self._ring.name}: a camera's number is from -2**63 to 2**63 - 1, {camera_frame} is not"
            )
        if self._words[layout.EPOCH] != self._epoch:
            self._refresh()
        self._book_jump(camera_frame)
        frame_id = self._next_id
        expected = self._expected + 1 if camera_frame >= 0 else _NO_NUMBER
        self._notes.leave(frame_id + 1, expected)
        self._ring.ring_gaps.append(frame_id, frame_id + 1, Why.FULL)
        self._next_id, self._expected = frame_id + 1, expected
        return frame_id

    def begin_run(self) -> None:
        """Forget the camera's last number: the camera starts again."""
        if self._words[layout.EPOCH] != self._epoch:
            self._refresh()
        self._expected = _NO_NUMBER
        self._notes.leave(self._next_id, _NO_NUMBER)

    def resume_run(self, timestamp_ns: int, fps: float) -> int:
        """Book what the camera took while it had no writer; its next frame is of `timestamp_ns`."""
        if self._slot < 0:
            raise RuntimeError("resume_run() without begin(): there is no frame before which to book")
        rate = real_number("fps", fps)
        if not 0 < rate <= _FASTEST_FPS:
            raise ValueError(
                f"{self._ring.name}: a rate is above 0, at most {_FASTEST_FPS:g} frames/s, not {fps!r}"
            )
        at_ns: int = _TIME.unpack(_TIME.pack(timestamp_ns))[0]
        head = self._head
        if not head:
            return 0
        last: list[int] = self._ring.slots[(head - 1) % self._length].tolist()
        last_id = last[layout.FRAME_ID]
        passed = round((at_ns - signed(last[layout.TIMESTAMP_NS])) * 1e-9 * rate) - 1
        # What was refused, or missed and booked, since the last accepted frame is no second loss.
        booked: int = self._next_id - last_id - 1 + self._notes.lost_since_last_frame(head)
        count = max(0, passed - booked)
        # The same holds for the step from the number before the next frame's to its own.
        self._expected = _NO_NUMBER
        if count:
            self._book(0, count, Why.CAMERA_AWAY, _NO_NUMBER)
        else:
            self._notes.leave(self._next_id, _NO_NUMBER)
        return count

    def _book_jump(self, camera_frame: int) -> None:
        """Compare the camera's number with the one expected, if any; afterwards that is the one expected."""
        expected, number = self._expected, operator.index(camera_frame)
        if number < 0:
            return
        if number < expected:
            logger.warning(
                "%s: the camera's number went back from %d to %d", self._ring.name, expected - 1, number
            )
        elif number > expected >= 0:
            self._book(expected, number, Why.CAMERA_JUMP, number)
        # Last: what could not be booked is still to be.
        self._expected = number

    def _book(self, first: int, end: int, why: Why, then: int) -> None:
        """Book the camera's [first, end) as lost before the next frame, of which `then` is the number."""
        self._notes.book(first, end, why, head=self._head, next_id=self._next_id, expected=then)

    def publish_zeroed(self, seconds: float, flags: int) -> int | None:
        """Publish a slot of zeros; None when the ring is full."""
        image = self.begin()
        if image is None:
            return None
        image[...] = 0
        return self.commit(seconds_to_ns(seconds), -1, 0, flags, seconds)

    def close(self) -> None:
        """Let another process write."""
        self._claim.give_up()


def seconds_to_ns(seconds: float) -> int:
    """Return a time in seconds as whole nanoseconds; 0 for one that has none in 64 bits, such as NaN."""
    return round(seconds * 1e9) if abs(seconds) < _MOST_SECONDS else 0
