"""What the buffers raise."""

from __future__ import annotations

import math

from magscope_app.errors import MagscopeError


class BufferUnderflow(Exception):
    """Raised when a read asks for more than the buffer holds."""


class BufferOverflow(Exception):
    """Raised when a write meets a buffer that has no free slot; the frame is counted as refused."""


class DatasetNotReadyError(Exception):
    """Raised when a shared-memory dataset is absent or in a state that does not allow attaching."""


class SharedMemoryFullError(MagscopeError, MemoryError):
    """Raised before a buffer is created that would not fit into the free shared memory.

    Attributes
    ----------
    needed, free : int
        Bytes that the buffer takes, and that a buffer may take now. `free` is not less than `needed` where
        the system has them and does not give them.
    """

    def __init__(self, what: str, needed: int, free: int) -> None:
        self.needed = needed
        self.free = free
        # Rounded apart: what does not fit never reads as if it did.
        sizes = f"{what}: {math.ceil(needed / 1e5) / 10:.1f} MB of shared memory are needed and "
        if free < needed:
            refused = f"{math.floor(free / 1e5) / 10:.1f} MB can be had"
        else:
            refused = "the system does not give so much to this user or container"
        advice = "make the buffer shorter or the images smaller, or close other programs"
        super().__init__(f"{sizes}{refused}: {advice}")
