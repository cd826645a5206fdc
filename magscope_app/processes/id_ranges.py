"""Sets of frame ids as ranges: which frames of a recording are missing, and where they were lost."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

#: Ids that may come out of order.
_OUT_OF_ORDER = 4096
#: First id and the id after the last.
Range = tuple[int, int]


def union(ranges: Iterable[Range]) -> list[Range]:
    """Return the same ids as sorted ranges that neither touch nor overlap."""
    merged: list[Range] = []
    for first, stop in sorted(ranges):
        if stop <= first:
            continue
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
        else:
            merged.append((first, stop))
    return merged


def ranges_of(ids: npt.NDArray[np.int64]) -> list[Range]:
    """Return ids, in any order and possibly repeated, as ranges."""
    fresh = np.unique(ids)
    if not len(fresh):
        return []
    cuts = np.flatnonzero(np.diff(fresh) > 1)
    firsts, lasts = fresh[[0, *(cuts + 1)]], fresh[[*cuts, -1]]
    return list(zip(firsts.tolist(), (lasts + 1).tolist(), strict=True))


def subtract(ranges: Iterable[Range], taken: Iterable[Range]) -> list[Range]:
    """Return the ids of `ranges` that are not in `taken`."""
    holes = union(taken)
    left: list[Range] = []
    passed = 0
    for first, stop in union(ranges):
        # Both are sorted: a hole that ends before this range ends before all that follow.
        while passed < len(holes) and holes[passed][1] <= first:
            passed += 1
        at = passed
        while at < len(holes) and holes[at][0] < stop:
            if holes[at][0] > first:
                left.append((first, holes[at][0]))
            first = max(first, holes[at][1])
            at += 1
        if first < stop:
            left.append((first, stop))
    return left


def first_ids(ranges: Iterable[Range], count: int) -> list[Range]:
    """Return the first `count` ids of `ranges`, all of them where there are fewer."""
    taken: list[Range] = []
    for first, stop in union(ranges):
        if count <= 0:
            break
        taken.append((first, min(stop, first + count)))
        count -= taken[-1][1] - first
    return taken


def clip(ranges: Iterable[Range], window: Range) -> list[Range]:
    """Return the ids of `ranges` that lie in `window`."""
    return union((max(first, window[0]), min(stop, window[1])) for first, stop in ranges)


def total(ranges: Iterable[Range]) -> int:
    """Return the number of ids."""
    return sum(stop - first for first, stop in union(ranges))


class SeenIds:
    """Remembers which ids, arriving in ascending order, were left out.

    Parameters
    ----------
    first : int
        The first id expected.
    """

    def __init__(self, first: int) -> None:
        self._first = self._next = first
        self.count = 0
        self._late: list[int] = []
        self._missing: list[Range] = []
        self._overwritten: list[Range] = []

    def add(self, ids: Sequence[int] | npt.NDArray[np.int64], *, after_loss: bool = False) -> None:
        """Note ids that have arrived, ascending, possibly repeated.

        Parameters
        ----------
        ids : sequence of int
            Those of one reading.
        after_loss : bool
            Something was overwritten just before this reading: what is missing before its first id
            was lost there.
        """
        fresh = np.unique(np.asarray(ids, np.int64))
        fresh = fresh[fresh >= self._next]
        if not len(fresh):
            return
        self.count += len(fresh)
        if after_loss:
            self._overwritten.append((self._next, int(fresh[0])))
        steps = np.diff(fresh, prepend=self._next - 1)
        self._missing += [
            (int(fresh[at] - steps[at] + 1), int(fresh[at])) for at in np.flatnonzero(steps > 1)
        ]
        self._next = int(fresh[-1]) + 1

    def add_one(self, number: int) -> None:
        """Note one id; a few may come out of order."""
        if number == self._next and not self._late:
            self._next += 1
        else:
            insort(self._late, number)
            if len(self._late) > _OUT_OF_ORDER:
                self._settle(len(self._late) - _OUT_OF_ORDER // 2)
                return
            while self._late and self._late[0] <= self._next:
                self._next = max(self._next, self._late.pop(0) + 1)
        self.count += 1

    def take_back(self, count: int) -> None:
        """Note that the last `count` ids, which had come in order, were overwritten after all."""
        if count <= 0:
            return
        kept = first_ids(subtract([(self._first, self._next)], self._missing), self.count - count)
        stop = self._next
        self._next = kept[-1][1] if kept else self._first
        self.count -= count
        self._missing = clip(self._missing, (self._first, self._next))
        if self._next < stop:
            self._overwritten.append((self._next, stop))

    def _settle(self, size: int) -> None:
        """Take what is missing before the oldest ids for really missing."""
        ids, self._late = self._late[:size], self._late[size:]
        self.count -= size - 1
        self.add(ids)

    @property
    def overwritten(self) -> list[Range]:
        """What is missing because the reader was too slow."""
        return union(self._overwritten)

    def missing(self, stop: int) -> list[Range]:
        """Return what has not arrived of the ids below `stop`."""
        come = [(number, number + 1) for number in self._late]
        return union([*self._missing, *subtract([(self._next, stop)], come)])
