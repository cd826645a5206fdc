"""The drift of the stage, from beads that do not move."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from magscope_app.config.feedback import DriftConfig
from magscope_app.feedback.readings import Frame
from magscope_app.feedback.state import LockStage, LockState

Floats = npt.NDArray[np.float64]
#: Frames whose mean says where a bead was when the drift was 0.
_FIRST_FRAMES = 25
#: Beads needed for a plane, and how far (nm) they must lie off one line.
_PLANE_BEADS, _OFF_LINE_NM = 3, 1000.0
_UNKNOWN, _NOTHING = np.full(3, np.nan), np.zeros(2)


@dataclass(frozen=True, slots=True, eq=False)
class DriftAt:
    """The drift of one frame, since it is measured.

    Attributes
    ----------
    frame_id, t_ns : int, float
        The frame.
    drift_nm : ndarray (3,)
        x, y and height, at the centre of the beads; NaN where no bead was good.
    tilt : ndarray (2,)
        Change of the drift in height per nm in x and y; 0 where no plane is measured.
    centre_nm : ndarray (2,)
        Mean place of the beads.
    n_beads : int
        Beads that were good in this frame.
    """

    frame_id: int
    t_ns: float
    drift_nm: Floats
    tilt: Floats
    centre_nm: Floats
    n_beads: int

    def row(self) -> tuple[float, ...]:
        """Return it as a row of DRIFT_COLUMNS."""
        return (self.frame_id, self.t_ns, *self.drift_nm, *self.tilt, *self.centre_nm, self.n_beads)


class DriftMeter:
    """Measures how far reference beads have moved since the beginning.

    Each bead counts from where it was at first. A bead that is new, or comes back, is taken to have moved as
    the others have, so that nothing jumps when beads come and go.

    Parameters
    ----------
    config : DriftConfig
        Window and beads.
    focal_shift_factor : float or None
        Bead z per focus travel: a moving focus is no drift, and where it is not known in a frame, neither is
        the height. None: there is no focus that moves.
    """

    def __init__(self, config: DriftConfig, focal_shift_factor: float | None) -> None:
        self._config = config
        self._factor = focal_shift_factor
        self._on = False
        self._reason = ""
        self._begun = 0
        self._paused = False
        self._clear(())

    def _clear(self, bead_ids: Sequence[int]) -> None:
        self._bead_ids = tuple(sorted(bead_ids))
        self._origins: dict[int, _Origin] = {}
        self._moved: dict[int, _RunningMean] = {}
        self._drift_nm = np.zeros(3)

    def begin(self, bead_ids: Sequence[int]) -> None:
        """Measure from now on, from 0."""
        self._clear(bead_ids)
        self._paused = False
        self._begun += 1
        self._on = bool(bead_ids)
        self._reason = "" if self._on else "no bead is a reference; give one the role reference"

    def end(self) -> None:
        """Measure no more."""
        self._on, self._reason = False, ""

    def forget(self, bead_ids: Collection[int]) -> None:
        """Do without these beads: they are off the list."""
        self._bead_ids = tuple(bead_id for bead_id in self._bead_ids if bead_id not in bead_ids)
        for bead_id in bead_ids:
            self._origins.pop(bead_id, None)
            self._moved.pop(bead_id, None)
        if self._on and not self._bead_ids:
            self._on, self._reason = False, "the reference beads were taken off the list"

    def pause(self, paused: bool) -> None:
        """Measure nothing for a moment, because what z means is about to change; or go on."""
        self._paused = paused

    def relearn(self) -> None:
        """Go on from the drift so far, with positions that mean something else from now on."""
        drift_nm = self._drift_nm
        self._clear(self._bead_ids)
        self._drift_nm = drift_nm

    @property
    def on(self) -> bool:
        """Whether drift is measured."""
        return self._on

    @property
    def bead_ids(self) -> tuple[int, ...]:
        """The reference beads."""
        return self._bead_ids

    @property
    def state(self) -> LockState:
        """How it is; the error is how far the stage has gone."""
        if not self._on:
            return LockState("drift", reason=self._reason, begun=self._begun)
        far_nm = float(np.sqrt(np.nansum(self._drift_nm**2))) if self._moved else math.nan
        stage: LockStage = "on" if self._moved else "waiting"
        return LockState("drift", stage, "", self._bead_ids, far_nm, begun=self._begun)

    def take(self, frame: Frame) -> DriftAt | None:
        """Take in a frame; return its drift, None before the first beads are known."""
        if not self._on or self._paused:
            return None
        places = self._places(frame)
        self._get_to_know(places)
        if not self._moved:
            return None
        for bead_id, moved in self._moved.items():
            at = places.get(bead_id)
            moved.add(_UNKNOWN if at is None else at - self._origins[bead_id].place_nm)
        return self._fit(frame, len(places))

    def _places(self, frame: Frame) -> dict[int, Floats]:
        """Return x, y and height (less the surface) of the beads that can be believed."""
        shift_nm = 0.0 if self._factor is None else self._factor * frame.focus_nm
        return {
            bead_id: np.array([reading.x_nm, reading.y_nm, reading.z_nm + shift_nm])
            for bead_id, reading in frame.beads.items()
            if bead_id in self._bead_ids
            and not math.isnan(reading.x_nm)
            # Without a Z-LUT the quality is -1: x and y can be believed all the same.
            and (reading.quality >= self._config.min_quality or reading.quality == -1.0)
        }

    def _get_to_know(self, places: Mapping[int, Floats]) -> None:
        """Find out where beads that are new were when the drift was 0."""
        for bead_id, at in places.items():
            origin = self._origins.setdefault(bead_id, _Origin())
            origin.learn(at - self._drift_nm)
            if bead_id not in self._moved and not math.isnan(origin.place_nm[0]):
                self._moved[bead_id] = _RunningMean(self._config.window)

    def _fit(self, frame: Frame, n_good: int) -> DriftAt:
        """Average over the window, bead by bead, and over the beads."""
        means = {bead_id: running.value() for bead_id, running in self._moved.items()}
        seen = [bead_id for bead_id, mean in means.items() if not math.isnan(mean[0])]
        if not seen:
            return DriftAt(frame.frame_id, frame.t_ns, _UNKNOWN, _NOTHING, _UNKNOWN[:2], 0)
        moved = np.array([means[bead_id] for bead_id in seen])
        at = np.array([self._origins[bead_id].place_nm[:2] for bead_id in seen])
        centre = at.mean(axis=0)
        drift = _mean(list(moved))
        tilt = _tilt(at - centre, moved[:, 2]) if self._config.tilt else _NOTHING
        self._drift_nm = np.where(np.isnan(drift), self._drift_nm, drift)
        return DriftAt(frame.frame_id, frame.t_ns, drift, tilt, centre, n_good)


class _Origin:
    """Where a bead was when the drift was 0; the height may become known later than x and y."""

    def __init__(self) -> None:
        self._sum, self._count = np.zeros(3), np.zeros(3)
        #: Mean of the first frames, NaN in what is not known yet.
        self.place_nm = _UNKNOWN

    def learn(self, place_nm: Floats) -> None:
        """Take in a place (3,), as far as it is known and the first frames are not over."""
        wanted = np.isnan(self.place_nm) & ~np.isnan(place_nm)
        if not wanted.any():
            return
        self._sum += np.where(wanted, place_nm, 0.0)
        self._count += wanted
        self.place_nm = np.where(self._count >= _FIRST_FRAMES, self._sum / _FIRST_FRAMES, np.nan)


class _RunningMean:
    """Mean of the last vectors (3,) of a bead, component by component, of what is known."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._last: deque[Floats] = deque()
        self._sum, self._count = np.zeros(3), np.zeros(3)

    def add(self, vector: Floats) -> None:
        self._last.append(vector)
        self._book(vector, 1)
        if len(self._last) > self._window:
            self._book(self._last.popleft(), -1)

    def _book(self, vector: Floats, sign: int) -> None:
        known = ~np.isnan(vector)
        self._sum += sign * np.where(known, vector, 0.0)
        self._count += sign * known

    def value(self) -> Floats:
        found: Floats = np.where(self._count > 0, self._sum / np.maximum(self._count, 1), np.nan)
        return found


def _mean(vectors: Sequence[Floats]) -> Floats:
    """Return the mean of vectors (3,) component by component, of what is known; NaN where nothing is."""
    table = np.array(vectors)
    known = ~np.isnan(table)
    counts = known.sum(axis=0)
    sums = np.where(known, table, 0.0).sum(axis=0)
    found: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return found


def _tilt(at: Floats, dz_nm: Floats) -> Floats:
    """Return slopes (2,) of the plane through dz (n,) at places (n, 2) from their mean; 0 if none fits."""
    known = ~np.isnan(dz_nm)
    if known.sum() < _PLANE_BEADS:
        return _NOTHING
    spread = np.linalg.svd(at[known] - at[known].mean(axis=0), compute_uv=False) / math.sqrt(known.sum())
    if spread[-1] < _OFF_LINE_NM:
        return _NOTHING
    table = np.column_stack([np.ones(known.sum()), at[known]])
    solution = np.linalg.lstsq(table, dz_nm[known], rcond=None)[0]
    slopes: Floats = solution[1:]
    return slopes
