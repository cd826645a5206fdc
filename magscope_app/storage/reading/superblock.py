"""The first bytes of an HDF5 file: whether it was closed, and whether it is whole.

Opened with ``swmr=True``, HDF5 returns zeros for what lies behind the end of a file that was cut off, and
reads for ever in a damaged one. The layout and the checksum (Jenkins' lookup3, "hashlittle") are those of the
HDF5 File Format Specification, version 3.0, sections II.A and VII.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from magscope_app.errors import MagscopeError

#: Signature, version, sizes of offsets and lengths, flags; base, extension, end of file, root.
_LAYOUT: Final = struct.Struct("<8sBBBBQQQQ")
_CHECKSUM: Final = struct.Struct("<I")
_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_VERSION: Final = 3
_WRITING, _SWMR = 1, 4
_MASK: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Superblock:
    """What an HDF5 file of the version that `TracksFile` writes says about itself.

    Attributes
    ----------
    flags : int
        1: open for writing, 4: readable meanwhile. 0 after it was closed.
    base, extension, root : int
        Addresses.
    end : int
        Length of the file in bytes.
    """

    flags: int
    base: int
    extension: int
    end: int
    root: int

    @property
    def is_closed(self) -> bool:
        """Whether its writer has closed it."""
        return not self.flags & (_WRITING | _SWMR)

    @property
    def is_swmr(self) -> bool:
        """Whether it can be read while it is written, and after its writer was killed."""
        return bool(self.flags & _SWMR)

    def encoded(self) -> bytes:
        """Return the bytes at the beginning of the file."""
        content = _LAYOUT.pack(
            _SIGNATURE, _VERSION, 8, 8, self.flags, self.base, self.extension, self.end, self.root
        )
        return content + _CHECKSUM.pack(lookup3(content))


def read_superblock(path: Path) -> Superblock:
    """Read the beginning of an HDF5 file.

    Raises
    ------
    MagscopeError
        If the file cannot be read or is of another kind.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LAYOUT.size)
    except OSError as error:
        raise MagscopeError(f"{path} cannot be read ({error})") from error
    if len(content) < _LAYOUT.size or not content.startswith(_SIGNATURE):
        raise MagscopeError(f"{path} is no HDF5 file, or its beginning is damaged")
    _, version, offsets, lengths, flags, base, extension, end, root = _LAYOUT.unpack(content)
    if (version, offsets, lengths) != (_VERSION, 8, 8):
        raise MagscopeError(f"{path} was not written by this program, or its beginning is damaged")
    return Superblock(flags, base, extension, end, root)


def _rotate(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (32 - bits))) & _MASK


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for shift in (4, 6, 8, 16, 19, 4):
        a = ((a - c) & _MASK) ^ _rotate(c, shift)
        c = (c + b) & _MASK
        a, b, c = b, c, a
    return a, b, c


def lookup3(content: bytes) -> int:
    """Return Jenkins' lookup3 hash of at least one byte, with 0 to start from."""
    a = b = c = (0xDEADBEEF + len(content)) & _MASK
    padded = content + bytes(-len(content) % 12)
    words = struct.unpack(f"<{len(padded) // 4}I", padded)
    for at in range(0, len(words), 3):
        a, b, c = ((x + y) & _MASK for x, y in zip((a, b, c), words[at : at + 3], strict=True))
        if at + 3 < len(words):
            a, b, c = _mix(a, b, c)
    for shift in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _rotate(b, shift)) & _MASK
        a, b, c = b, c, a
    # The last step left its result in the middle.
    return b
