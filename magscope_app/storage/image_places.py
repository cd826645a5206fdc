"""Where the images of a dataset stand, in little memory."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, TypeAlias

#: Coordinates as (axis, value) pairs.
Axes: TypeAlias = frozenset[tuple[str, int | str]]
#: Pixel type, pixel offset, width, height, metadata offset, metadata length, number of the file.
_NUMBERS = 7


class ImagePlaces(MutableMapping[Axes, Any]):
    """Index entries by coordinates, for a dataset that grows: 0.15 kB per image with one axis.

    Parameters
    ----------
    make_entry : callable
        Makes an entry of (axes, pixel type, pixel offset, width, height, metadata offset, metadata length,
        file name); the entries have ndstorage's names for these.
    """

    def __init__(self, make_entry: Callable[..., Any]) -> None:
        self._make_entry = make_entry
        #: By the names of the axes, then by their values; a single value stands for itself.
        self._rows: dict[tuple[str, ...], dict[Any, int]] = {}
        self._numbers = array("Q")
        self._filenames: list[str] = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __contains__(self, axes: object) -> bool:
        if not isinstance(axes, frozenset):
            return False
        names, values = _split(axes)
        return values in self._rows.get(names, {})

    def __getitem__(self, axes: Axes) -> Any:
        names, values = _split(axes)
        begin = self._rows.get(names, {})[values]
        *place, file = self._numbers[begin : begin + _NUMBERS]
        return self._make_entry(axes, *place, self._filenames[file])

    def __setitem__(self, axes: Axes, entry: Any) -> None:
        if entry.filename not in self._filenames:
            self._filenames.append(entry.filename)
        names, values = _split(axes)
        rows = self._rows.setdefault(names, {})
        self._length += values not in rows
        rows[values] = len(self._numbers)
        self._numbers.extend(
            (
                entry.pixel_type,
                entry.pix_offset,
                entry.image_width,
                entry.image_height,
                entry.metadata_offset,
                entry.metadata_length,
                self._filenames.index(entry.filename),
            )
        )

    def __delitem__(self, axes: Axes) -> None:
        names, values = _split(axes)
        del self._rows.get(names, {})[values]
        self._length -= 1

    def __iter__(self) -> Iterator[Axes]:
        for names, rows in self._rows.items():
            for values in rows:
                yield frozenset(zip(names, (values,) if len(names) == 1 else values, strict=True))


def _split(axes: Axes) -> tuple[tuple[str, ...], Any]:
    if len(axes) == 1:
        ((name, value),) = axes
        return (name,), value
    names, values = zip(*sorted(axes), strict=True) if axes else ((), ())
    return names, values
