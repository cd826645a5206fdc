"""Positions of many beads in the newest frames, in arrays that never grow."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from magscope_app.datatypes import TRACKS_COLUMNS

FloatArray = npt.NDArray[np.float64]

_COLUMN = {name: index for index, name in enumerate(TRACKS_COLUMNS)}
_XYZ = [_COLUMN["x_nm"], _COLUMN["y_nm"], _COLUMN["z_nm"]]


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Positions of one bead over time; all arrays have the same length.

    Attributes
    ----------
    t_s : ndarray of float64
        Session time in seconds, ascending.
    x_nm, y_nm, z_nm : ndarray of float32
        Positions; NaN where the bead was not tracked.
    frame_ids : ndarray of int64
        Numbers of the frames, ascending; what tells whether two moments are neighbours.
    flags : ndarray of uint8
        `TrackFlag` of each position; 0 where the bead was not tracked.
    """

    t_s: FloatArray
    x_nm: npt.NDArray[np.float32]
    y_nm: npt.NDArray[np.float32]
    z_nm: npt.NDArray[np.float32]
    frame_ids: npt.NDArray[np.int64]
    flags: npt.NDArray[np.uint8]

    @classmethod
    def empty(cls) -> Trace:
        """Return the trace of a bead of which nothing is known."""
        nothing = np.empty(0, np.float32)
        return cls(np.empty(0), nothing, nothing, nothing, np.empty(0, np.int64), np.empty(0, np.uint8))

    def since(self, t_s: float) -> Trace:
        """Return the part from a session time on."""
        later = self.t_s >= t_s
        return Trace(*(getattr(self, field.name)[later] for field in fields(self)))


class FrameRing:
    """One moment per frame that is kept, the oldest overwritten by the newest.

    Parameters
    ----------
    slots : int
        Beads it has room for.
    moments : int
        Frames it has room for.
    spacing_s : float
        Least time between two frames that are kept; 0 keeps every frame.
    """

    def __init__(self, slots: int, moments: int, spacing_s: float = 0.0) -> None:
        self._moments = moments
        self._spacing_s = spacing_s
        # Memory that was never written costs nothing; nothing behind the head is ever read.
        self._xyz = np.empty((moments, slots, 3), np.float32)
        self._flags = np.empty((moments, slots), np.uint8)
        self._t_s = np.empty(moments)
        self._frame_ids = np.empty(moments, np.int64)
        self._head = 0
        self._last_frame = -1
        self._last_kept = False

    def add(self, rows: FloatArray, slots: npt.NDArray[np.int64]) -> None:
        """Take rows of ascending frames, and the slot of the bead of each."""
        moments = self._moments_of(rows)
        kept = moments >= 0
        self._xyz[moments[kept], slots[kept]] = rows[kept][:, _XYZ]
        self._flags[moments[kept], slots[kept]] = rows[kept, _COLUMN["flags"]]

    def _moments_of(self, rows: FloatArray) -> npt.NDArray[np.int64]:
        """Return the moment in which each row goes, −1 for frames that are left out."""
        frames = rows[:, _COLUMN["frame_id"]]
        starts = np.concatenate(([0], np.flatnonzero(np.diff(frames)) + 1))
        of_frame = np.empty(len(starts), np.int64)
        for index, start in enumerate(starts):
            frame_id, t_s = int(frames[start]), float(rows[start, _COLUMN["t_ns"]]) * 1e-9
            if frame_id != self._last_frame:
                self._last_kept = self._begin(frame_id, t_s)
                self._last_frame = frame_id
            of_frame[index] = (self._head - 1) % self._moments if self._last_kept else -1
        return np.repeat(of_frame, np.diff(np.append(starts, len(rows))))

    def _begin(self, frame_id: int, t_s: float) -> bool:
        if self._head and t_s - self._t_s[(self._head - 1) % self._moments] < self._spacing_s:
            return False
        moment = self._head % self._moments
        self._t_s[moment], self._frame_ids[moment] = t_s, frame_id
        self._xyz[moment] = np.nan
        self._flags[moment] = 0
        self._head += 1
        return True

    def forget(self, slot: int) -> None:
        """Keep nothing of the bead of a slot."""
        self._xyz[: min(self._head, self._moments), slot] = np.nan
        self._flags[: min(self._head, self._moments), slot] = 0

    def trace(self, slot: int, since_s: float) -> Trace:
        """Return the bead of a slot in the frames after a time."""
        order = np.arange(max(0, self._head - self._moments), self._head) % self._moments
        order = order[self._t_s[order] > since_s]
        x_nm, y_nm, z_nm = self._xyz[order, slot].T.copy()
        return Trace(self._t_s[order], x_nm, y_nm, z_nm, self._frame_ids[order], self._flags[order, slot])
