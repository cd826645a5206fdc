"""What the buffers raise."""

from __future__ import annotations

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
        Bytes.
    """

    def __init__(self, what: str, needed: int, free: int) -> None:
        self.needed = needed
        self.free = free
        super().__init__(
            f"{what}: {needed / 1e6:.1f} MB of shared memory are needed and {free / 1e6:.1f} MB are free:"
            " make the buffer shorter or the images smaller, or close other programs"
        )
