"""Index entries with one whole number as coordinates, which recordings have, as arrays."""

from __future__ import annotations

import functools
import re
import struct
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

import numpy as np
from numpy.typing import NDArray

from magscope_app.data import FrozenDataCoordinates
from magscope_app.storage.reading.image_index import TYPES, ImageEntry

_AXES: Final = re.compile(rb'\{"([A-Za-z_]{1,32})": ?([0-9]{1,18})\}')
_LENGTH: Final = struct.Struct("<I")
_FEWEST: Final = 2
_MOST: Final = 2**16
#: Entries that are looked at first, and how many more each time when all were alike.
_FIRST_LOOK: Final = 16
_NEXT_LOOK: Final = 8
#: Columns of the numbers: pixel offset, width, height, pixel type, compression, metadata offset and length.
_OFFSET, _WIDTH, _HEIGHT, _KIND, _PACKED, _METADATA, _METADATA_BYTES = range(7)


@dataclass(frozen=True)
class ImageRun:
    """Images of one file, one after the other, whose coordinates are one axis.

    Attributes
    ----------
    axis : str
        The axis.
    values : ndarray (n,)
        Its values, each once.
    filename : str
        The TIFF file.
    numbers : ndarray (n, 8)
        The numbers of the index.
    """

    axis: str
    values: NDArray[np.int64]
    filename: str
    numbers: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, at: int) -> ImageEntry:
        offset, width, height, kind, _, metadata, metadata_bytes, _ = self.numbers[at].tolist()
        coordinates = FrozenDataCoordinates({self.axis: int(self.values[at])})
        return ImageEntry(coordinates, self.filename, offset, width, height, kind, metadata, metadata_bytes)

    @property
    def ends(self) -> NDArray[np.int64]:
        """Lengths (n,) that the file has at least if the images are whole."""
        numbers = self.numbers.astype(np.int64)
        item_bytes = np.where(numbers[:, _KIND] == 0, 1, 2)
        # In damaged entries the product of the sizes may be beyond whole numbers of 64 bits.
        pixels = numbers[:, _WIDTH].astype(np.float64) * numbers[:, _HEIGHT] * item_bytes
        stops = numbers[:, _OFFSET] + np.minimum(pixels, 2.0**62).astype(np.int64)
        ends: NDArray[np.int64] = np.maximum(stops, numbers[:, _METADATA] + numbers[:, _METADATA_BYTES])
        return ends

    def select(self, chosen: NDArray[np.bool_]) -> ImageRun:
        """Return the images that are `chosen` (n,)."""
        if chosen.all():
            return self
        return ImageRun(self.axis, self.values[chosen], self.filename, self.numbers[chosen])

    def joined(self, other: ImageRun) -> ImageRun | None:
        """Return both as one; None if they differ in file or axis."""
        if (self.axis, self.filename) != (other.axis, other.filename):
            return None
        values = np.concatenate([self.values, other.values])
        return ImageRun(self.axis, values, self.filename, np.concatenate([self.numbers, other.numbers]))

    def position(self, value: int) -> int | None:
        """Return where the image with this value stands; None if there is none."""
        if not self.bounds[0] <= value <= self.bounds[1]:
            return None
        at = int(np.searchsorted(self.values, value, sorter=self._order))
        at = at if self._order is None else int(self._order[at])
        return at if self.values[at] == value else None

    def first_of_each_size(self) -> list[int]:
        """Return where the first image of each size and type stands."""
        kinds = self.numbers[:, [_WIDTH, _HEIGHT, _KIND]]
        if (kinds == kinds[0]).all():
            return [0]
        return sorted(np.unique(kinds, axis=0, return_index=True)[1].tolist())

    @functools.cached_property
    def bounds(self) -> tuple[int, int]:
        """The smallest and the largest value."""
        return int(self.values.min()), int(self.values.max())

    @functools.cached_property
    def _order(self) -> NDArray[np.int64] | None:
        """What sorts the values; None where they ascend, as frames do."""
        return None if (np.diff(self.values) > 0).all() else np.argsort(self.values)


def as_run(entry: ImageEntry) -> ImageRun | None:
    """Return one entry as a run; None if its coordinates are something else than one whole number."""
    ((axis, value), *others) = entry.coordinates.items() or [("", "")]
    if others or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        return None
    numbers = (entry.pixel_offset, entry.width_px, entry.height_px, entry.pixel_type, 0)
    rest = (entry.metadata_offset, entry.metadata_bytes, 0)
    return ImageRun(axis, np.array([value]), entry.filename, np.array([(*numbers, *rest)], np.uint32))


def read_run(content: bytes, start: int) -> tuple[ImageRun, int] | None:
    """Return the entries from `start` on that are built alike, and where they end.

    None if too few are: then each is read by itself.
    """
    if start + _LENGTH.size > len(content):
        return None
    (n_axes,) = _LENGTH.unpack_from(content, start)
    match = _AXES.fullmatch(content, start + 4, min(len(content), start + 4 + min(n_axes, 64)))
    name_at = start + 4 + n_axes
    if match is None or match.end() != name_at or name_at + 4 > len(content):
        return None
    (n_name,) = _LENGTH.unpack_from(content, name_at)
    name = content[name_at + 4 : name_at + 4 + n_name] if n_name < 2**12 else b""
    try:
        filename = name.decode()
    except UnicodeDecodeError:
        return None
    if not name or PurePath(filename).name != filename:
        return None
    size = n_axes + n_name + 40
    count = min(_MOST, (len(content) - start) // size)
    if count < _FEWEST:
        return None
    template = np.frombuffer(content, np.uint8, size, start)
    first, last = match.start(2) - start, match.end(2) - start
    n = min(count, _FIRST_LOOK)
    while True:
        # Looking at few first keeps short runs from costing a look at all that follows.
        records = np.frombuffer(content, np.uint8, n * size, start).reshape(n, size)
        sound = _is_like(records, template, first, last, n_axes + n_name + 8)
        alike = n if sound.all() else int(np.argmin(sound))
        if alike < n or n == count:
            break
        n = min(count, _NEXT_LOOK * n)
    if alike < _FEWEST:
        return None
    digits = records[:alike, first:last].astype(np.int64) - ord("0")
    values = digits @ 10 ** np.arange(last - first - 1, -1, -1, dtype=np.int64)
    numbers = np.ascontiguousarray(records[:alike, -32:]).view("<u4")
    return ImageRun(match[1].decode(), values, filename, numbers), start + alike * size


def _is_like(
    records: NDArray[np.uint8], template: NDArray[np.uint8], first: int, last: int, end: int
) -> NDArray[np.bool_]:
    """Return which records (n, bytes) have the template's text but other digits, and sane numbers."""
    digits = records[:, first:last]
    sound = (records[:, :first] == template[:first]).all(1) & (
        records[:, last:end] == template[last:end]
    ).all(1)
    sound &= ((digits >= ord("0")) & (digits <= ord("9"))).all(1)
    if last - first > 1:
        sound &= digits[:, 0] != ord("0")
    numbers = np.ascontiguousarray(records[:, end:]).view("<u4")
    sound &= np.isin(numbers[:, _KIND], TYPES) & (numbers[:, _PACKED] == 0)
    found: NDArray[np.bool_] = sound & (numbers[:, _WIDTH] > 0) & (numbers[:, _HEIGHT] > 0)
    return found
