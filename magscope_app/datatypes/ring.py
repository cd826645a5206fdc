"""The memory of a video ring: geometry, slots and pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magscope_app.datatypes import layout
from magscope_app.datatypes.block import Block
from magscope_app.datatypes.channel import Channel
from magscope_app.datatypes.checks import whole_number, whole_sizes
from magscope_app.datatypes.dtypes import int_to_uint_dtype
from magscope_app.datatypes.frame_ids import in_frame_ids
from magscope_app.datatypes.gaps import Gap, GapTable
from magscope_app.datatypes.guard import LockLike
from magscope_app.datatypes.reader_mode import RingCounters
from magscope_app.datatypes.wakes import Wakes

KIND = 1


@dataclass(frozen=True, slots=True)
class Geometry:
    """Shape of a video ring: `n_stacks` of `n_images` frames of width x height pixels, `bits` wide."""

    n_stacks: int
    n_images: int
    width: int
    height: int
    bits: int
    significant_bits: int

    @classmethod
    def checked(
        cls, n_stacks: int, n_images: int, width: int, height: int, bits: int, significant_bits: int | None
    ) -> Geometry:
        """Return the geometry, or raise ValueError naming everything that is wrong with it."""
        sizes = {"n_stacks": n_stacks, "n_images": n_images, "width": width, "height": height}
        wrong = [f"{name} must be at least 1, not {value!r}" for name, value in sizes.items() if value < 1]
        int_to_uint_dtype(bits)
        if wrong:
            raise ValueError("; ".join(wrong))
        used = bits if significant_bits is None else significant_bits
        return cls(
            *(n_stacks, n_images, width, height, bits), whole_number("significant_bits", used, 1, bits)
        )

    @property
    def length(self) -> int:
        """Frames in the ring."""
        return self.n_stacks * self.n_images

    @property
    def image_size(self) -> int:
        """Bytes of one frame."""
        return self.width * self.height * self.bits // 8

    @property
    def payload_offset(self) -> int:
        """Byte at which the pixels begin, a page boundary."""
        return layout.CHANNEL_BYTES + layout.pages(self.length * layout.SLOT_WORDS * 8)

    @property
    def nbytes(self) -> int:
        """Bytes of the whole segment."""
        return self.payload_offset + layout.pages(self.length * self.image_size)


def required_bytes(n_stacks: int, width: int, height: int, n_images: int, bits: int) -> int:
    """Return the shared memory that such a VideoBuffer takes, in bytes, without making one."""
    sizes = {"n_stacks": n_stacks, "n_images": n_images, "width": width, "height": height, "bits": bits}
    return Geometry.checked(**whole_sizes("a VideoBuffer", sizes), significant_bits=None).nbytes


class Ring(Channel):
    """A mapped video ring.

    Attributes
    ----------
    slots : ndarray of uint64, shape (length, 8)
    frames : ndarray, shape (length, height, width)
        C-contiguous, so that any run of frames is one contiguous array.
    """

    def __init__(self, block: Block, geometry: Geometry, lock: LockLike, wakes: Wakes | None) -> None:
        block.require(geometry.nbytes)
        super().__init__(block, geometry.length, lock, wakes)
        self.geometry = geometry
        slot_bytes = geometry.length * layout.SLOT_WORDS * 8
        slots = block.data[layout.CHANNEL_BYTES : layout.CHANNEL_BYTES + slot_bytes]
        first = layout.CHANNEL_BYTES // 8
        self.sequences = block.words[first : first + geometry.length * layout.SLOT_WORDS : layout.SLOT_WORDS]
        self.slots: NDArray[np.uint64] = slots.view(np.uint64).reshape(geometry.length, layout.SLOT_WORDS)
        pixels = block.data[
            geometry.payload_offset : geometry.payload_offset + geometry.length * geometry.image_size
        ]
        self.frames: NDArray[Any] = pixels.view(int_to_uint_dtype(geometry.bits)).reshape(
            geometry.length, geometry.height, geometry.width
        )
        self.readonly = self.frames.view()
        self.readonly.flags.writeable = False
        self.camera_gaps = GapTable(self.words, layout.CAMERA_GAPS, layout.WRITER_GAPS, self.fence)

    def ledger(self) -> tuple[Gap, ...]:
        """Return every loss: in the camera, in the ring, then reader by reader."""
        lost = self.reader_gaps()
        # Read after the readers' losses: what was refused before a frame was booked before it was published.
        refused = self.ring_gaps.losses()
        gaps = [*self.camera_gaps.gaps("camera", by_place=True), *(span.gap("ring") for span in refused)]
        return (*gaps, *in_frame_ids(lost, refused))

    def ring_counters(self) -> RingCounters:
        """Return the counts of the ring and its readers."""
        refused, acquired = self.ring_gaps.total(), self.words[layout.HEAD]
        return RingCounters(
            acquired=acquired,
            next_frame_id=acquired + refused,
            lost_ring=refused,
            lost_upstream=self.camera_gaps.total(),
            level=self.slowest_level(),
            readers=self.statuses(),
        )

    def slot_in_work(self) -> bool:
        """Say whether the next slot has been begun and not been published or given back."""
        head = self.words[layout.HEAD]
        return self.sequences[head % self.length] == 2 * head + 1

    def give_slot_back(self) -> None:
        """Take back what `slot_in_work` says, in place of a writer that is gone."""
        if self.slot_in_work():
            self.sequences[self.words[layout.HEAD] % self.length] = 0

    def read_newest(self, out: NDArray[Any] | None) -> tuple[NDArray[Any], list[int], int] | int:
        """Copy the newest frame; return (pixels, slot words, position), or the number of torn tries."""
        torn, words = 0, self.words
        for _ in range(_NEWEST_TRIES):
            head = words[layout.HEAD]
            if head == 0:
                return torn
            if self.fence is not None:
                self.fence()
            slot, sequence = (head - 1) % self.length, 2 * head
            meta = self.slots[slot].tolist()
            if meta[layout.SEQUENCE] == sequence:
                if out is None:
                    out = np.empty_like(self.frames[slot])
                np.copyto(out, self.frames[slot], casting="no")
                if self.fence is not None:
                    self.fence()
                if self.slots[slot, layout.SEQUENCE] == sequence:
                    return out, meta, head - 1
            torn += 1
        return torn

    def newest_time(self) -> tuple[int, int] | None:
        """Return how many frames were published and the newest one's timestamp, None without one."""
        for _ in range(_NEWEST_TRIES):
            head = self.words[layout.HEAD]
            if head == 0:
                return None
            if self.fence is not None:
                self.fence()
            meta = self.slots[(head - 1) % self.length].tolist()
            if meta[layout.SEQUENCE] == 2 * head:
                return head, signed(meta[layout.TIMESTAMP_NS])
        return None


_NEWEST_TRIES = 8


def signed(word: int) -> int:
    """Return a stored 64-bit word as the signed number that was stored."""
    return word - (1 << 64) if word >> 63 else word
