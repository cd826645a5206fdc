"""The images of a dataset in the order of their storing, in little memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from magscope_app.data import FrozenDataCoordinates
from magscope_app.storage.reading.image_index import ImageEntry, read_entry
from magscope_app.storage.reading.image_runs import ImageRun, as_run, read_run

_Part = TypeVar("_Part")


class Block(Protocol):
    """Images of one file that follow each other."""

    @property
    def filename(self) -> str:
        """The TIFF file."""

    @property
    def ends(self) -> NDArray[np.int64]:
        """Lengths (n,) that the file has at least if the images are whole."""

    def __len__(self) -> int: ...

    def __getitem__(self, at: int) -> ImageEntry: ...

    def select(self, chosen: NDArray[np.bool_]) -> Block:
        """Return the images that are `chosen` (n,)."""


@dataclass(frozen=True, slots=True)
class OddImages:
    """Images with other coordinates than one whole number."""

    entries: tuple[ImageEntry, ...]

    @property
    def filename(self) -> str:
        """The TIFF file."""
        return self.entries[0].filename

    @property
    def ends(self) -> NDArray[np.int64]:
        """Lengths (n,) that the file has at least if the images are whole."""
        return np.array([entry.end for entry in self.entries], np.int64)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, at: int) -> ImageEntry:
        return self.entries[at]

    def select(self, chosen: NDArray[np.bool_]) -> OddImages:
        """Return the images that are `chosen` (n,)."""
        return OddImages(tuple(entry for entry, wanted in zip(self.entries, chosen, strict=True) if wanted))


def read_blocks(content: bytes) -> Iterator[tuple[Block, int]]:
    """Yield the images of an index and where each block ends, until the content ends or makes no sense."""
    start = 0
    while True:
        run = read_run(content, start)
        if run is not None:
            start = run[1]
            yield run
            continue
        found = read_entry(content, start)
        if found is None:
            return
        entry, start = found
        yield as_run(entry) or OddImages((entry,)), start


class Places(Generic[_Part], Sequence[tuple[_Part, ImageEntry]]):
    """Images and their parts; does not change: `extended` makes another."""

    def __init__(
        self,
        blocks: Sequence[tuple[_Part, Block]] = (),
        odd: dict[FrozenDataCoordinates, tuple[_Part, ImageEntry]] | None = None,
    ) -> None:
        self._blocks = list(blocks)
        self._stops = list(accumulate(len(block) for _, block in self._blocks))
        self._odd = {} if odd is None else odd

    def __len__(self) -> int:
        return self._stops[-1] if self._stops else 0

    def __getitem__(self, at: int) -> tuple[_Part, ImageEntry]:  # type: ignore[override]  # slices: `between`
        if not 0 <= at < len(self):
            raise IndexError(at)
        number = bisect_right(self._stops, at)
        part, block = self._blocks[number]
        return part, block[at - (self._stops[number - 1] if number else 0)]

    def __iter__(self) -> Iterator[tuple[_Part, ImageEntry]]:
        for part, block in self._blocks:
            for at in range(len(block)):
                yield part, block[at]

    def extended(self, part: _Part, blocks: Sequence[Block]) -> Places[_Part]:
        """Return these and the images of `blocks` that have other coordinates."""
        every, odd = list(self._blocks), dict(self._odd)
        known = [block for _, block in every if isinstance(block, ImageRun)]
        for block in without_repeats(known, blocks):
            if isinstance(block, ImageRun):
                _append(every, part, block)
                continue
            for at in range(len(block)):
                entry = block[at]
                if odd.setdefault(entry.coordinates, (part, entry))[1] is entry:
                    every.append((part, OddImages((entry,))))
        return Places(every, odd)

    def find(self, key: FrozenDataCoordinates) -> tuple[_Part, ImageEntry] | None:
        """Return the image with these coordinates; None if there is none."""
        if len(key) == 1:
            ((axis, value),) = key.items()
            for part, block in self._blocks if isinstance(value, int) else ():
                if isinstance(block, ImageRun) and block.axis == axis:
                    at = block.position(int(value))
                    if at is not None:
                        return part, block[at]
        return self._odd.get(key)

    def chosen(self, wanted: Callable[[_Part], bool]) -> Places[_Part]:
        """Return the images of the parts that are `wanted`."""
        return Places([(part, block) for part, block in self._blocks if wanted(part)])

    def values(self, axis: str) -> NDArray[np.int64]:
        """Return the number (n,) that every image has along an axis, 0 or more; -1 for one without."""
        found = [np.empty(0, np.int64)]
        for _, block in self._blocks:
            if not isinstance(block, ImageRun):
                numbers = [block[at].coordinates.get(axis) for at in range(len(block))]
                found.append(np.array([one if _is_id(one) else -1 for one in numbers], np.int64))
            else:
                found.append(np.maximum(block.values, -1) if block.axis == axis else np.full(len(block), -1))
        return np.concatenate(found)

    def sizes(self) -> dict[tuple[int, int, str], _Part]:
        """Return the heights, widths and types of pixels, and a part with each."""
        found: dict[tuple[int, int, str], _Part] = {}
        for part, block in self._blocks:
            firsts = block.first_of_each_size() if isinstance(block, ImageRun) else range(len(block))
            for at in firsts:
                entry = block[at]
                found.setdefault((entry.height_px, entry.width_px, entry.dtype.name), part)
        return found


def without_repeats(known: Sequence[ImageRun], blocks: Sequence[Block]) -> Iterator[Block]:
    """Yield `blocks`, in the runs among them only the images whose value stands nowhere before.

    All are compared at once: however they are shuffled, that takes no longer than sorting them.
    """
    runs: dict[str, list[ImageRun]] = {}
    for block in blocks:
        if isinstance(block, ImageRun):
            runs.setdefault(block.axis, []).append(block)
    chosen = {
        axis: iter(_first_images([run for run in known if run.axis == axis], mine))
        for axis, mine in runs.items()
    }
    for block in blocks:
        yield block.select(next(chosen[block.axis])) if isinstance(block, ImageRun) else block


def _first_images(known: list[ImageRun], runs: list[ImageRun]) -> list[NDArray[np.bool_]]:
    """Return for each run which of its values (n,) are in none of `known` and stand for the first time."""
    values = np.concatenate([run.values for run in runs])
    first = np.ones(len(values), np.bool_)
    # While a recording goes on they ascend, and nothing has to be compared.
    beyond = all(run.bounds[1] < values[0] for run in known)
    if not (beyond and (np.diff(values) > 0).all()):
        first[:] = False
        first[np.unique(values, return_index=True)[1]] = True
        if known:
            first &= ~np.isin(values, np.concatenate([run.values for run in known]))
    return np.split(first, np.cumsum([len(run) for run in runs])[:-1])


def _append(blocks: list[tuple[_Part, Block]], part: _Part, run: ImageRun) -> None:
    """Append a run; joined with the blocks before it where these are small."""
    if not len(run):
        return
    while blocks and blocks[-1][0] is part and isinstance(last := blocks[-1][1], ImageRun):
        joined = last.joined(run) if len(last) <= 2 * len(run) else None
        if joined is None:
            break
        blocks.pop()
        run = joined
    blocks.append((part, run))


def _is_id(value: object) -> bool:
    return isinstance(value, int) and 0 <= value < 2**63
