"""The last minute of every bead, in arrays that never grow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gui.models.frame_ring import FloatArray, FrameRing, Trace
from magscope_app.datatypes import TRACKS_COLUMNS

_T_NS, _BEAD = TRACKS_COLUMNS.index("t_ns"), TRACKS_COLUMNS.index("bead_id")
_CORNER = [TRACKS_COLUMNS.index("roi_x_px"), TRACKS_COLUMNS.index("roi_y_px")]
#: Points (beads · moments) kept at most for drawing: 3 float32 and the flags each, so 27 MB.
_MAX_POINTS = 2**21
#: Moments kept at most for drawing.
_MAX_MOMENTS = 8192
#: Points and frames kept at most for analysis: 50 MB, a minute at 1092 frames per second with 64 beads.
_MAX_EVERY_POINTS, _MAX_EVERY_FRAMES = 2**22, 2**16


#: Corner (x, y) of a ROI in pixels.
Corner = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Gone:
    """A bead that was taken off the list: its ROI, the time, and where its past is still kept."""

    corner: Corner
    since_s: float
    slot: int | None


class TraceHistory:
    """Keeps the last seconds of all beads, so that any of them can be looked at.

    Memory is bounded. What is drawn reaches back all the time: with many beads or a fast camera, frames are
    left out (never averaged), evenly. What is analysed has every frame: then it reaches back less far.

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
        #: ROIs of the beads of the list; None as long as it is not known.
        self._listed: Mapping[int, Corner] | None = None
        #: Beads that left the list lately, the longest gone first: an undo brings them back.
        self._gone: dict[int, _Gone] = {}
        #: Old and new ROI (x, y) of ids that belong to other beads now, until the first row of the new one.
        self._awaited: dict[int, tuple[Corner, Corner]] = {}
        self._allocate(16)

    def _allocate(self, slots: int) -> None:
        moments = min(_MAX_MOMENTS, _MAX_POINTS // slots)
        self._drawn = FrameRing(slots, moments, self.seconds / moments)
        self._every = FrameRing(slots, min(_MAX_EVERY_FRAMES, _MAX_EVERY_POINTS // slots))
        self._latest = np.full((slots, len(TRACKS_COLUMNS)), np.nan)
        self._free = list(range(slots))[::-1]
        self._slot_of.clear()
        self._gone = {bead_id: replace(gone, slot=None) for bead_id, gone in self._gone.items()}

    def add(self, rows: FloatArray) -> None:
        """Take rows (n, 14) as tracking writes them: ascending frames, all beads of a frame together."""
        if not len(rows):
            return
        self.newest_t_s = float(rows[-1, _T_NS]) * 1e-9
        rows = self._without_former(self._of_listed(rows))
        if not len(rows):
            return
        slots = self._slots(rows[:, _BEAD].astype(np.int64))
        self._latest[slots] = rows
        for ring in (self._drawn, self._every):
            ring.add(rows, slots)

    def _slots(self, bead_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        unique, inverse = np.unique(bead_ids, return_inverse=True)
        fresh = [int(bead_id) for bead_id in unique if int(bead_id) not in self._slot_of]
        for bead_id in list(self._gone):
            if len(fresh) > len(self._free):
                self._release(bead_id)
        if len(fresh) > len(self._free):
            self._make_room(len(self._slot_of) + len(fresh))
            fresh = [int(bead_id) for bead_id in unique]
        for bead_id in fresh:
            self._slot_of[bead_id] = self._free.pop()
        return np.array([self._slot_of[int(bead_id)] for bead_id in unique], np.int64)[inverse]

    def _make_room(self, beads: int) -> None:
        """Start anew with room for more beads; the past is short and its memory would have to move."""
        slots = len(self._latest)
        while slots < beads:
            slots *= 2
        self._allocate(slots)

    def _of_listed(self, rows: FloatArray) -> FloatArray:
        """Return the rows without those of frames that have no bead, and of beads that are off the list.

        Tracking is some frames behind the list: rows of a bead come after it was removed.
        """
        bead_ids = rows[:, _BEAD]
        return rows[bead_ids >= 0 if self._listed is None else np.isin(bead_ids, list(self._listed))]

    def _without_former(self, rows: FloatArray) -> FloatArray:
        """Return the rows without those of beads that had the same ids before."""
        kept = np.ones(len(rows), bool)
        for bead_id, (old, new) in list(self._awaited.items()):
            mine = np.flatnonzero(rows[:, _BEAD] == bead_id)
            corners = rows[mine][:, _CORNER]
            is_new = np.hypot(*(corners - new).T) < np.hypot(*(corners - old).T)
            if is_new.any():
                del self._awaited[bead_id]
                mine = mine[: np.argmax(is_new)]
            kept[mine] = False
        return rows[kept]

    def begin_anew(self, bead_id: int, old: Corner, new: Corner) -> None:
        """Forget a bead whose id belongs to another one now.

        Parameters
        ----------
        bead_id : int
            Its id.
        old, new : tuple of float
            Corners (x, y) of the ROIs in pixels: rows of the former bead may still come, and are left out.
        """
        if bead_id in self._slot_of:
            self._clear(self._slot_of.pop(bead_id))
        self._awaited[bead_id] = old, new

    def keep_only(self, listed: Mapping[int, Corner]) -> None:
        """Show these beads alone, and take no more rows of others.

        A bead that comes back where it was, as an undo brings it, has its past again.

        Parameters
        ----------
        listed : mapping
            Corner (x, y) of the ROI in pixels by bead id.
        """
        former, self._listed = self._listed or {}, dict(listed)
        for bead_id in self._gone.keys() & listed.keys():
            self._bring_back(bead_id, listed[bead_id])
        for bead_id in former.keys() - listed.keys():
            self._gone[bead_id] = _Gone(former[bead_id], self.newest_t_s, self._slot_of.pop(bead_id, None))
        for bead_id in self._slot_of.keys() - listed.keys():
            self._clear(self._slot_of.pop(bead_id))
        for bead_id in self._awaited.keys() - listed.keys():
            del self._awaited[bead_id]
        for bead_id, gone in list(self._gone.items()):
            if gone.since_s < self.newest_t_s - self.seconds:
                self._release(bead_id)

    def _bring_back(self, bead_id: int, corner: Corner) -> None:
        gone = self._gone[bead_id]
        if gone.corner != corner:
            self._release(bead_id)
            self._awaited[bead_id] = gone.corner, corner
            return
        del self._gone[bead_id]
        if gone.slot is not None:
            self._slot_of[bead_id] = gone.slot

    def _release(self, bead_id: int) -> None:
        """Forget a bead that left the list."""
        slot = self._gone.pop(bead_id).slot
        if slot is not None:
            self._clear(slot)

    def _clear(self, slot: int) -> None:
        for ring in (self._drawn, self._every):
            ring.forget(slot)
        self._latest[slot] = np.nan
        self._free.append(slot)

    def trace(self, bead_id: int) -> Trace:
        """Return what is drawn of a bead, empty where nothing is known of it."""
        return self._trace(self._drawn, bead_id)

    def every_frame(self, bead_id: int) -> Trace:
        """Return a bead in every frame as far back as memory reaches, empty where nothing is known of it."""
        return self._trace(self._every, bead_id)

    def _trace(self, ring: FrameRing, bead_id: int) -> Trace:
        slot = self._slot_of.get(bead_id)
        return Trace.empty() if slot is None else ring.trace(slot, self.newest_t_s - self.seconds)

    def latest(self) -> FloatArray:
        """Return the newest row of every bead (n, 14), ascending bead ids."""
        ids = sorted(self._slot_of)
        return self._latest[[self._slot_of[bead_id] for bead_id in ids]]
