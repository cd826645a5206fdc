"""The drift of the stage, from beads that do not move."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from magscope_app.config.feedback import DriftConfig
from magscope_app.feedback.agreement import Agreement
from magscope_app.feedback.consensus import mean_of_known, plane_slopes, shares_of
from magscope_app.feedback.drift_bead import Bead, RunningMean, Trend
from magscope_app.feedback.readings import Frame
from magscope_app.feedback.state import LockStage, LockState

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
#: The axis of heights.
_Z = 2
#: The speed of the drift in height is taken over so many windows.
_TREND_WINDOWS = 4
#: A bead this part of the largest disagreement from the median counts half.
_HALF = 0.2
_MISSING = "no reference bead that can be believed is seen; the drift is not known"
#: With as many beads it can be told which of them moves, also where all may tilt.
_TO_TELL_TILT = 5
_ESTIMATE = "z goes on from an estimate since other Z-LUTs are used; begin drift anew to count from 0"
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

    Each bead has one origin: where it was when the drift was 0. It is learned when the bead is first seen,
    from where the others say the drift is then, and kept. The drift is what most beads say, each from its
    origin; one that is not seen counts as it was last, so nothing jumps when beads go and are back in their
    places. A bead that moves against the others, seen or unseen, is not believed, and soon left out; where
    none can be told to be the wrong one, as of two, the drift is not known.

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
        self._beads: dict[int, Bead] = {}
        #: Of the newest frame: x, y, height at (0, 0) and its slopes in x and y; last known values.
        self._now = np.zeros(5)
        self._mean = RunningMean(self._config.window, 5)
        self._trend = Trend(_TREND_WINDOWS * self._config.window)
        self._agreement = Agreement(self._config.max_disagreement_nm, self._config.window)
        self._far_nm = math.nan
        #: Frames, one after the other, without a bead that can be believed.
        self._missing_for = 0
        #: Who was left out in the last frame.
        self._left_out: set[int] = set()
        self._is_estimate = False
        #: Whether beads disagree since fewer than three were seen, and it may be a tilt.
        self._unseen_tilt = False
        self._was_known = False
        self._doubt = ""

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

    def forget(self, bead_ids: Collection[int], why: str = "were taken off the list") -> None:
        """Do without these beads from now on; `why` is said where none is left."""
        self._bead_ids = tuple(bead_id for bead_id in self._bead_ids if bead_id not in bead_ids)
        if self._on and not self._bead_ids:
            self._on, self._reason = False, f"the reference beads {why}"

    def pause(self, paused: bool) -> None:
        """Measure nothing for a moment, because what z means is about to change; or go on."""
        self._paused = paused

    def relearn(self) -> None:
        """Go on from the drift so far, with a z that means something else; x and y are the same."""
        self._is_estimate = self._is_estimate or any(bead.known[_Z] for bead in self._beads.values())
        for bead in self._beads.values():
            bead.forget(_Z)
        self._mean = RunningMean(self._config.window, 5)

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
        stage: LockStage = "on" if self._was_known else "waiting"
        left_out, estimate = self._agreement.left_out, _ESTIMATE if self._is_estimate else ""
        reason = "; ".join(text for text in (self._agreement.reason, self._doubt, estimate) if text)
        followed = tuple(bead_id for bead_id in self._bead_ids if bead_id not in left_out)
        shown = LockState("drift", stage, reason, followed, self._far_nm, begun=self._begun)
        return replace(shown, asked=self._bead_ids)

    def take(self, frame: Frame) -> DriftAt | None:
        """Take in a frame; return its drift, None before the first beads are known."""
        if not self._on or self._paused:
            return None
        places = self._places(frame)
        for bead_id in places:
            self._beads.setdefault(bead_id, Bead(self._config.window))
        ids = list(self._beads)
        at = np.array([places.get(bead_id, _UNKNOWN) for bead_id in ids]).reshape(-1, 3)
        at[self._wrong(ids, at)] = np.nan
        known = np.array([self._beads[bead_id].known for bead_id in ids]).reshape(-1, 3)
        found = self._measure(ids, at, frame.t_ns)
        self._get_to_know(ids, at, known, found)
        self._mean.add(found)
        report = self._report(frame, found, int((~np.isnan(at[:, 0])).sum()))
        return report if self._was_known else None

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

    def _wrong(self, ids: Sequence[int], at: Floats) -> Booleans:
        """Return which beads (n,) are not to be believed.

        They are compared less the tilt of the last frame: that changes slowly. While there are fewer than
        three it may change unseen: where two have disagreed for long, they are compared less that of now.
        """
        origins = self._origins(ids)
        moved: Floats = at - origins
        slopes = self._now[3:]
        if self._config.tilt and self._agreement.is_unclear:
            counting = moved.copy()
            counting[[bead_id in self._agreement.left_out for bead_id in ids]] = np.nan
            now = plane_slopes(origins[:, :2], counting[:, _Z], np.ones(len(ids)))
            self._unseen_tilt = self._unseen_tilt or now is None
            slopes = now if now is not None and self._unseen_tilt else slopes
        else:
            self._unseen_tilt = False
        moved[:, _Z] -= origins[:, :2] @ slopes
        return self._agreement.wrong(ids, moved)

    def _measure(self, ids: list[int], at: Floats, t_ns: float) -> Floats:
        """Return x, y, height at (0, 0) and slopes (5,) of this frame; NaN where no bead says it."""
        origins = self._origins(ids)
        moved = at - origins
        level = moved.copy()
        level[:, _Z] -= origins[:, :2] @ self._now[3:]
        rests = self._rests(ids, origins)
        shares = shares_of(level, rests, _HALF * self._config.max_disagreement_nm)
        counts = ~np.isnan(rests)
        # Where all are seen it is their movement that counts, whatever each was from the others before.
        all_seen: Booleans = np.all(~np.isnan(moved) | ~counts, axis=0, keepdims=False)
        common = moved - np.where(all_seen, 0.0, rests)
        slopes = plane_slopes(origins[:, :2], common[:, _Z], shares[:, _Z]) if self._config.tilt else None
        tilt = self._now[3:] if slopes is None else slopes
        common[:, _Z] -= origins[:, :2] @ tilt
        found = np.concatenate([mean_of_known(common, shares), tilt])
        if math.isnan(found[_Z]):
            found[3:] = np.nan
        else:
            self._trend.add(t_ns, found[_Z])
        self._now = np.where(np.isnan(found), self._now, found)
        if math.isnan(found[_Z]):
            # Where z begins anew, what happened meanwhile is not lost.
            self._now[_Z] = self._trend.at(t_ns, self._now[_Z])
        own = moved - found[:3]
        own[:, _Z] -= origins[:, :2] @ tilt
        if self._config.tilt and slopes is None and len(ids) >= 3:
            # The tilt is not known now: what it does is not what a bead does by itself.
            own[:, _Z] = np.nan
        self._settle(ids, origins, own, rests, all_seen)
        return found

    def _settle(
        self, ids: Sequence[int], origins: Floats, own: Floats, rests: Floats, all_seen: Booleans
    ) -> None:
        """Take in how far beads are now from what all have in common.

        While some are not seen, the others are measured only against each other: what their distances have
        in common stays as it was, for it cannot be told from drift. One alone is not measured at all.
        """
        own[:, (~np.isnan(own)).sum(axis=0) < 2] = np.nan
        before = np.where(np.isnan(own), np.nan, rests)
        for bead_id, rest in zip(ids, own, strict=True):
            self._beads[bead_id].rest.add(rest)
        if (np.isnan(own) | all_seen).all():
            return
        means = np.array([self._beads[bead_id].rest.mean_nm for bead_id in ids]).reshape(-1, 3)
        after = np.where(np.isnan(own), np.nan, means)
        by_nm = self._in_common(origins, before) - self._in_common(origins, after)
        by_nm[np.isnan(own) | all_seen] = 0.0
        for bead_id, by in zip(ids, by_nm, strict=True):
            self._beads[bead_id].rest.move(by)

    def _origins(self, ids: Sequence[int]) -> Floats:
        return np.array([self._beads[bead_id].origin_nm for bead_id in ids]).reshape(-1, 3)

    def _rests(self, ids: Sequence[int], origins: Floats) -> Floats:
        """Return how far each bead (n, 3) was last from what all have in common; NaN if it does not count."""
        left_out = self._agreement.left_out
        rests = np.array([self._beads[bead_id].rest.mean_nm for bead_id in ids]).reshape(-1, 3)
        out = np.array([bead_id in left_out for bead_id in ids], dtype=np.bool_)
        rests[np.isnan(origins) | out[:, np.newaxis]] = np.nan
        if left_out != self._left_out:
            # What those dragged that are left out is taken back.
            self._left_out = left_out
            by_nm = -self._in_common(origins, rests)
            for bead_id, by in zip(ids, by_nm, strict=True):
                self._beads[bead_id].rest.move(by)
            rests += by_nm
        return rests

    def _in_common(self, origins: Floats, rests: Floats) -> Floats:
        """Return what rests (n, 3) have in common, at each bead; 0 where none is known."""
        shares = shares_of(rests, rests, _HALF * self._config.max_disagreement_nm)
        found = np.zeros_like(rests)
        slopes = plane_slopes(origins[:, :2], rests[:, _Z], shares[:, _Z]) if self._config.tilt else None
        if slopes is not None:
            found[:, _Z] = origins[:, :2] @ slopes
        return np.nan_to_num(found + mean_of_known(rests - found, shares))

    def _get_to_know(self, ids: list[int], at: Floats, known: Booleans, found: Floats) -> None:
        """Find out where beads that are new were when the drift was 0: it is what the others say."""
        others = known.any(axis=0)
        base = np.where(others, found[:3], self._now[:3])
        for bead_id, place in zip(ids, at, strict=True):
            origin = place - base
            origin[_Z] -= origin[:2] @ self._now[3:]
            self._beads[bead_id].learn(origin, seen=not math.isnan(place[0]))
        for axis in np.flatnonzero(~others & np.any([bead.known for bead in self._beads.values()], axis=0)):
            # Who is not known yet was compared with 0 so far: it begins anew, against those that are.
            for bead in self._beads.values():
                if not bead.known[axis]:
                    bead.forget(int(axis))

    def _report(self, frame: Frame, found: Floats, n_good: int) -> DriftAt:
        """Return the mean over the window, of what is known in this frame."""
        mean = self._mean.value()
        seen = [bead.origin_nm[:2] for bead in self._beads.values() if bead.known[0] and not bead.gone]
        is_known = bool(seen) and not math.isnan(found[0])
        self._was_known = self._was_known or is_known
        self._missing_for = 0 if is_known else self._missing_for + 1
        if not is_known:
            # A single frame without a bead is nothing to be told.
            is_said = self._was_known and self._missing_for > self._config.window
            self._doubt = _MISSING if is_said and not self._agreement.is_unclear else ""
            self._far_nm = math.nan
            return DriftAt(frame.frame_id, frame.t_ns, _UNKNOWN, _NOTHING, _UNKNOWN[:2], 0)
        centre, tilt = np.mean(seen, axis=0), np.nan_to_num(mean[3:])
        self._doubt = self._doubt_of_tilt(np.array(seen) @ tilt)
        drift = np.where(np.isnan(found[:3]), np.nan, mean[:3]) + np.array([0.0, 0.0, centre @ tilt])
        self._far_nm = float(np.sqrt(np.nansum(drift**2)))
        return DriftAt(frame.frame_id, frame.t_ns, drift, tilt, centre, n_good)

    def _doubt_of_tilt(self, up_nm: Floats) -> str:
        """Say it if beads (n,) go far apart by tilt: one of few that moves makes a plane with the others."""
        if len(up_nm) >= _TO_TELL_TILT or np.ptp(up_nm) <= self._config.max_disagreement_nm:
            return ""
        return (
            f"the tilt moves beads more than {self._config.max_disagreement_nm:g} nm against each other "
            f"(drift.max_disagreement_nm); with fewer than {_TO_TELL_TILT} beads, "
            "one that moves in z looks the same"
        )
