"""The last minute of every bead, in arrays that never grow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from magscope_app.datatypes import TRACKS_COLUMNS

FloatArray = npt.NDArray[np.float64]

_COLUMN = {name: index for index, name in enumerate(TRACKS_COLUMNS)}
_XYZ = [_COLUMN["x_nm"], _COLUMN["y_nm"], _COLUMN["z_nm"]]
#: Points (beads · moments) kept at most: 3 float32 each, so 25 MB.
_MAX_POINTS = 2**21
#: Moments kept at most.
_MAX_MOMENTS = 8192


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Positions of one bead over time; all arrays have the same length.

    Attributes
    ----------
    t_s : ndarray of float64
        Session time in seconds, ascending.
    x_nm, y_nm, z_nm : ndarray of float32
        Positions; NaN where the bead was not tracked.
    """

    t_s: FloatArray
    x_nm: npt.NDArray[np.float32]
    y_nm: npt.NDArray[np.float32]
    z_nm: npt.NDArray[np.float32]


class TraceHistory:
    """Keeps the last seconds of all beads, so that any of them can be looked at.

    Memory is bounded: with many beads or a fast camera, frames are left out (never averaged), evenly in time.

    Parameters
    ----------
    seconds : float
        How far back it reaches.
    """

    def __init__(self, seconds: float = 60.0) -> None:
        self.seconds = seconds
        self.newest_t_s = float("nan")
        self._slot_of: dict[int, int] = {}
        self._free: list[int] = []
        self._allocate(16)

    def _allocate(self, slots: int) -> None:
        self._moments = min(_MAX_MOMENTS, _MAX_POINTS // slots)
        self._spacing_s = self.seconds / self._moments
        self._xyz = np.full((slots, 3, self._moments), np.nan, np.float32)
        self._t_s = np.full(self._moments, np.nan)
        self._latest = np.full((slots, len(TRACKS_COLUMNS)), np.nan)
        self._free = list(range(slots))[::-1]
        self._slot_of.clear()
        self._head = 0
        self._last_frame = -1
        self._last_kept = False

    def add(self, rows: FloatArray) -> None:
        """Take rows (n, 14) as tracking writes them: ascending frames, all beads of a frame together."""
        if not len(rows):
            return
        self.newest_t_s = float(rows[-1, _COLUMN["t_ns"]]) * 1e-9
        rows = rows[rows[:, _COLUMN["bead_id"]] >= 0]
        if not len(rows):
            return
        slots = self._slots(rows[:, _COLUMN["bead_id"]].astype(np.int64))
        self._latest[slots] = rows
        columns = self._columns(rows)
        kept = columns >= 0
        self._xyz[slots[kept], :, columns[kept]] = rows[kept][:, _XYZ]

    def _columns(self, rows: FloatArray) -> npt.NDArray[np.int64]:
        """Return the moment in which each row goes, −1 for frames that are left out."""
        frames = rows[:, _COLUMN["frame_id"]]
        starts = np.concatenate(([0], np.flatnonzero(np.diff(frames)) + 1))
        of_frame = np.empty(len(starts), np.int64)
        for index, start in enumerate(starts):
            frame_id, t_s = int(frames[start]), float(rows[start, _COLUMN["t_ns"]]) * 1e-9
            if frame_id != self._last_frame:
                self._last_kept = self._begin_moment(t_s)
                self._last_frame = frame_id
            of_frame[index] = (self._head - 1) % self._moments if self._last_kept else -1
        return np.repeat(of_frame, np.diff(np.append(starts, len(rows))))

    def _begin_moment(self, t_s: float) -> bool:
        if self._head and t_s - self._t_s[(self._head - 1) % self._moments] < self._spacing_s:
            return False
        column = self._head % self._moments
        self._t_s[column] = t_s
        self._xyz[:, :, column] = np.nan
        self._head += 1
        return True

    def _slots(self, bead_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        unique, inverse = np.unique(bead_ids, return_inverse=True)
        fresh = [int(bead_id) for bead_id in unique if int(bead_id) not in self._slot_of]
        if len(fresh) > len(self._free):
            self._make_room(len(self._slot_of) + len(fresh))
            fresh = [int(bead_id) for bead_id in unique]
        for bead_id in fresh:
            self._slot_of[bead_id] = self._free.pop()
        return np.array([self._slot_of[int(bead_id)] for bead_id in unique], np.int64)[inverse]

    def _make_room(self, beads: int) -> None:
        """Start anew with room for more beads; the past is short and its memory would have to move."""
        slots = len(self._xyz)
        while slots < beads:
            slots *= 2
        self._allocate(slots)

    def keep_only(self, bead_ids: set[int]) -> None:
        """Forget beads that are no longer on the list."""
        for bead_id in set(self._slot_of) - bead_ids:
            slot = self._slot_of.pop(bead_id)
            self._xyz[slot] = np.nan
            self._latest[slot] = np.nan
            self._free.append(slot)

    def trace(self, bead_id: int) -> Trace:
        """Return what is kept of a bead, empty where nothing is known of it."""
        slot = self._slot_of.get(bead_id)
        if slot is None:
            nothing = np.empty(0, np.float32)
            return Trace(np.empty(0), nothing, nothing, nothing)
        order = np.arange(max(0, self._head - self._moments), self._head) % self._moments
        t_s = self._t_s[order]
        order = order[t_s > self.newest_t_s - self.seconds]
        x_nm, y_nm, z_nm = self._xyz[slot][:, order]
        return Trace(self._t_s[order], x_nm, y_nm, z_nm)

    def latest(self) -> FloatArray:
        """Return the newest row of every bead (n, 14), ascending bead ids."""
        ids = sorted(self._slot_of)
        return self._latest[[self._slot_of[bead_id] for bead_id in ids]]
