"""XY-lock: the ROIs follow their beads, and never leave the frame or run into each other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from magscope_app.config.feedback import XYLockConfig
from magscope_app.feedback.readings import COLUMN
from magscope_app.feedback.state import LockState

Floats = npt.NDArray[np.float64]
#: A bead must be good in this part of the frames that are looked at.
_GOOD_PART = 0.5


@dataclass(frozen=True, slots=True)
class RoiMove:
    """Centre the ROI of a bead here (px)."""

    bead_id: int
    x_px: float
    y_px: float


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What one look at all beads has shown.

    Attributes
    ----------
    moves : tuple of RoiMove
        What is to be moved.
    held : dict of int to str
        Beads whose ROI should move and must not, and why.
    frame_id, t_ns : int, float
        The newest frame.
    rms_px, farthest_px : float
        Distance of the beads from the centres of their ROIs; NaN if none was seen.
    n_beads : int
        Beads that were seen.
    """

    moves: tuple[RoiMove, ...]
    held: Mapping[int, str]
    frame_id: int
    t_ns: float
    rms_px: float
    farthest_px: float
    n_beads: int


class XYLock:
    """Says where ROIs are to go.

    Parameters
    ----------
    config : XYLockConfig
        Interval, window, steps.
    roi_px : int
        Side of every ROI.
    nm_per_px : float
        Pixel size at the sample.
    """

    def __init__(self, config: XYLockConfig, roi_px: int, nm_per_px: float) -> None:
        self._config = config
        #: Side of every ROI.
        self.roi_px = roi_px
        self._nm_per_px = nm_per_px
        self._excluded = set(config.exclude)
        self._on = False
        self._last: Look | None = None
        self._moves = self._begun = 0
        self._reason = ""

    def begin(self) -> None:
        """Follow from now on."""
        self._on, self._last, self._moves, self._reason = True, None, 0, ""
        self._begun += 1

    def let_go(self, reason: str = "") -> None:
        """Leave the ROIs where they are."""
        self._on, self._last, self._reason = False, None, reason

    def follow(self, bead_id: int, on: bool) -> None:
        """Follow a bead, or leave its ROI where it is."""
        (self._excluded.discard if on else self._excluded.add)(bead_id)

    @property
    def on(self) -> bool:
        """Whether the ROIs follow."""
        return self._on

    @property
    def _left(self) -> tuple[int, ...]:
        return tuple(sorted(self._excluded))

    @property
    def state(self) -> LockState:
        """How it is."""
        if not self._on:
            return LockState("xy_lock", "off", self._reason, self._left, begun=self._begun)
        if self._last is None:
            return LockState("xy_lock", "waiting", "", self._left, begun=self._begun)
        reason = "; ".join(self._last.held.values())
        error_nm = self._last.farthest_px * self._nm_per_px
        return LockState("xy_lock", "on", reason, self._left, error_nm, self._moves, begun=self._begun)

    def look(self, rows: Floats, centres: Mapping[int, tuple[float, float]], size: tuple[int, int]) -> Look:
        """Look at the newest frames and say which ROIs are to move.

        Parameters
        ----------
        rows : ndarray (n, 14)
            TRACKS_COLUMNS rows since the last look, at least one; of older frames than the window, none is
            needed.
        centres : mapping of int to (float, float)
            Centre (x, y) in px of every ROI of the list.
        size : (int, int)
            Width and height of the frame in px.
        """
        newest = rows[-1]
        places = self._places(rows, centres)
        off = {bead_id: math.dist(place, centres[bead_id]) for bead_id, place in places.items()}
        moves: list[RoiMove] = []
        held: dict[int, str] = {}
        now = dict(centres)
        # The farthest first: where ROIs are in each other's way, they get their place.
        for bead_id in sorted(off, key=lambda bead_id: -off[bead_id]):
            if bead_id in self._excluded or off[bead_id] <= self._config.dead_band_px:
                continue
            target = self._target(now[bead_id], places[bead_id], size)
            reason = self._why_not(bead_id, target, now)
            if reason is not None:
                held[bead_id] = reason
            elif target != now[bead_id]:
                now[bead_id] = target
                moves.append(RoiMove(bead_id, *target))
        far = np.array(list(off.values()))
        look = Look(
            tuple(moves),
            held,
            int(newest[COLUMN["frame_id"]]),
            float(newest[COLUMN["t_ns"]]),
            float(np.sqrt(np.mean(far**2))) if len(far) else math.nan,
            float(far.max()) if len(far) else math.nan,
            len(far),
        )
        self._last = look
        self._moves += len(moves)
        return look

    def _places(self, rows: Floats, known: Iterable[int]) -> dict[int, tuple[float, float]]:
        """Return the median place (px) of every bead of the list over the newest frames of the window."""
        frame_ids = np.unique(rows[:, COLUMN["frame_id"]])[-self._config.window :]
        rows = rows[rows[:, COLUMN["frame_id"]] >= frame_ids[0]]
        good = rows[:, COLUMN["quality"]] >= self._config.min_quality
        # Without a Z-LUT the quality is -1: x and y can be believed all the same.
        good |= rows[:, COLUMN["quality"]] == -1.0
        good &= np.isfinite(rows[:, COLUMN["x_nm"]]) & np.isfinite(rows[:, COLUMN["y_nm"]])
        rows = rows[good & np.isin(rows[:, COLUMN["bead_id"]], list(known))]
        rows = rows[np.argsort(rows[:, COLUMN["bead_id"]], kind="stable")]
        ids, starts = np.unique(rows[:, COLUMN["bead_id"]], return_index=True)
        places = {}
        for bead_id, mine in zip(ids, np.split(rows, starts[1:]), strict=True) if len(ids) else ():
            if len(mine) >= _GOOD_PART * len(frame_ids):
                x_nm, y_nm = np.median(mine[:, (COLUMN["x_nm"], COLUMN["y_nm"])], axis=0)
                places[int(bead_id)] = (float(x_nm) / self._nm_per_px, float(y_nm) / self._nm_per_px)
        return places

    def _target(
        self, centre: tuple[float, float], place: tuple[float, float], size: tuple[int, int]
    ) -> tuple[float, float]:
        """Return where the centre goes: by whole pixels, at most the largest step, never out of the frame."""
        most, half = self._config.max_step_px, (self.roi_px - 1) / 2
        to = []
        for at, wanted, length in zip(centre, place, size, strict=True):
            step = min(max(round(wanted - at), -most), most)
            to.append(min(max(at + step, half), length - 1 - half))
        return to[0], to[1]

    def _why_not(
        self, bead_id: int, target: tuple[float, float], centres: Mapping[int, tuple[float, float]]
    ) -> str | None:
        """Say which neighbour a ROI would come too near to: it may be running after that one's bead."""
        nearest_px = self._config.min_distance_px or self.roi_px / 2
        for other, centre in centres.items():
            if other == bead_id:
                continue
            then = math.dist(target, centre)
            if then < nearest_px and then < math.dist(centres[bead_id], centre):
                return f"the ROI of bead {bead_id} would come within {then:.0f} px of that of bead {other}"
        return None
