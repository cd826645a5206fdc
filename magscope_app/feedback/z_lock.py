"""Z-lock: the focus follows reference beads, and lets go on any doubt."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from magscope_app.config.feedback import ZLockConfig
from magscope_app.feedback.apart import FEWEST_BEADS, Apart
from magscope_app.feedback.focus_watch import FocusWatch
from magscope_app.feedback.readings import Frame, Reading
from magscope_app.feedback.response import FocusResponse
from magscope_app.feedback.state import LockStage, LockState

#: Frames from which the places are taken at which the beads are held.
_FIRST_FRAMES = 10
#: Scatter of a median of several, relative to that of their mean.
_MEDIAN_NOISE = 1.25
#: Two beads must be so many times their uncertainty apart to disagree.
_APART_SIGMAS = 8.0
#: Without a frame for so long, and for so many frame periods, nobody holds the focus.
_SILENT_S, _SILENT_PERIODS = 1.0, 5


@dataclass(frozen=True, slots=True)
class Decision:
    """What the Z-lock concludes from one measurement.

    Attributes
    ----------
    frame_id, t_ns : int, float
        The newest frame that it rests on.
    error_nm : float
        Median distance of the beads from where they are held; up is positive.
    correction_nm : float
        Focus travel; 0 where nothing is to be done.
    focus_nm : float
        Where the focus is to go.
    n_beads : int
        Beads that were good.
    """

    frame_id: int
    t_ns: float
    error_nm: float
    correction_nm: float
    focus_nm: float
    n_beads: int


class ZLock:
    """Holds reference beads at a constant distance from the focal plane by moving the focus.

    A discrete PI controller in velocity form: every measurement is a median over frames that were exposed
    after the focus had arrived where the last correction sent it, so the latency of camera, tracking and
    motor, which is measured, lengthens the time between corrections but cannot make them swing.

    Parameters
    ----------
    config : ZLockConfig
        Gains and guards.
    focal_shift_factor : float
        Bead z per focus travel.
    exposure_s, period_s : float
        Of a frame.
    z_range : callable
        Takes a bead id and returns lowest and highest z (nm) of its Z-LUT, or None where it has none.
    """

    def __init__(
        self,
        config: ZLockConfig,
        focal_shift_factor: float,
        exposure_s: float,
        period_s: float,
        z_range: Callable[[int], tuple[float, float] | None],
    ) -> None:
        self._config = config
        self._factor = focal_shift_factor
        self._apart = Apart(config.max_disagreement_nm, config.patience_s, period_s)
        self.time_frames(exposure_s, period_s)
        self._z_range = z_range
        self._begun = 0
        self._reset()

    def time_frames(self, exposure_s: float, period_s: float) -> None:
        """Take frames to be exposed so long, and to come in this period, from now on."""
        self._exposure_ns = 1e9 * exposure_s
        self._silent_ns = 1e9 * max(_SILENT_S, self._config.patience_s, _SILENT_PERIODS * period_s)
        self._apart.expect(period_s)

    def _reset(self, bead_ids: Sequence[int] = ()) -> None:
        self._stage_reason = ""
        self._on = False
        self._bead_ids = tuple(sorted(bead_ids))
        self._held_nm: dict[int, float] = {}
        self._window: deque[Mapping[int, float]] = deque(maxlen=self._config.window)
        # Beads are compared with each other from there on: several are held as exactly as they are compared.
        n_first = self._apart.n_frames if len(self._bead_ids) >= FEWEST_BEADS else _FIRST_FRAMES
        self._first: deque[Mapping[int, float]] = deque(maxlen=max(n_first, self._config.window))
        self._apart.clear()
        self._focus = FocusWatch(self._config.arrival_nm, self._config.arrival_s)
        self._good_ns = self._decided_ns = -math.inf
        #: Session time of the last look, and of the last one with frames.
        self._now_ns = self._fed_ns = -math.inf
        self._error_nm = math.nan
        self._start_focus_nm = math.nan
        #: Uncertainty of z in the last frames in which beads were believed.
        self._sigma_nm: dict[int, float] = {}
        config = self._config
        self._response = FocusResponse(self._factor, config.gain, config.dead_band_nm, config.max_step_nm)
        self._corrections = 0
        self._latencies_ms: deque[float] = deque(maxlen=101)
        self._doubts: dict[int, str] = {}

    # --- switching ---------------------------------------------------------------------------

    def begin(self, bead_ids: Sequence[int]) -> None:
        """Follow these beads; hold them where they are once they have been good for a moment."""
        self._reset(bead_ids)
        self._begun += 1
        self._on = True
        if not self._bead_ids:
            self.let_go("no bead is a reference; give one the role reference, or name beads in z_lock.beads")

    def refuse(self, reason: str) -> None:
        """Do not begin at all."""
        self._reset()
        self._begun += 1
        self.let_go(reason)

    def let_go(self, reason: str = "") -> None:
        """Stop correcting; the focus stays where it is."""
        self._on = False
        self._held_nm = {}
        self._stage_reason = reason

    def measure_with(self, z_range: Callable[[int], tuple[float, float] | None]) -> None:
        """Take the ranges of other Z-LUTs; where beads are held in the old z means nothing any more."""
        self._z_range = z_range
        self._first.clear()
        if self._held_nm:
            self.let_go("z is measured with other Z-LUTs now")

    def shift(self, distance_nm: float) -> str | None:
        """Hold the beads so much higher above the focal plane; say why not, or None."""
        if not self._held_nm:
            return "the Z-lock is not on"
        for bead_id, held_nm in self._held_nm.items():
            if (reason := self._out_of_range(bead_id, held_nm + distance_nm)) is not None:
                return reason
        self._held_nm = {bead_id: held_nm + distance_nm for bead_id, held_nm in self._held_nm.items()}
        self._window.clear()
        self._response.shift(-distance_nm)
        return None

    def forget(self, bead_ids: Collection[int]) -> None:
        """Follow these beads no more: they are off the list; let go where none is left."""
        gone = [bead_id for bead_id in self._bead_ids if bead_id in bead_ids]
        if not self._on or not gone:
            return
        self._bead_ids = tuple(bead_id for bead_id in self._bead_ids if bead_id not in bead_ids)
        was_held = bool(self._held_nm)
        self._held_nm = {bead: at_nm for bead, at_nm in self._held_nm.items() if bead not in bead_ids}
        self._window.clear()
        self._first.clear()
        if not self._bead_ids or (was_held and not self._held_nm):
            self.let_go(f"bead {', '.join(map(str, gone))} was taken off the list")

    @property
    def on(self) -> bool:
        """Whether it is on, or waits to be."""
        return self._on

    @property
    def bead_ids(self) -> tuple[int, ...]:
        """The beads that are followed."""
        return self._bead_ids

    @property
    def state(self) -> LockState:
        """How it is."""
        stage: LockStage = "off" if not self._on else "on" if self._held_nm else "waiting"
        reason = self._stage_reason
        if self._on and self._held_nm and self._doubts:
            reason = "; ".join(self._doubts.values())
        latency_ms = float(np.median(self._latencies_ms)) if self._latencies_ms else math.nan
        return LockState(
            "z_lock",
            stage,
            reason,
            self._bead_ids,
            self._error_nm,
            self._corrections,
            latency_ms,
            self._begun,
        )

    @property
    def focus_latency_ms(self) -> float:
        """Median time from a command to the arrival of the focus."""
        return self._focus.latency_ms

    # --- measuring and deciding --------------------------------------------------------------

    def watch(self, telemetry: npt.NDArray[np.float64], now_ns: float) -> None:
        """Look at what the focus does, also while no frames come.

        Parameters
        ----------
        telemetry : ndarray (n, 5)
            The newest TELEMETRY_COLUMNS rows of the focus.
        now_ns : float
            Session time.
        """
        self._now_ns = now_ns
        if not self._held_nm:
            return
        if now_ns - self._fed_ns > self._silent_ns:
            self.let_go(f"no frame was tracked for {1e-9 * (now_ns - self._fed_ns):.1f} s")
        elif (wrong := self._focus.look(telemetry, now_ns)) is not None:
            self.let_go(wrong)

    def take(self, frame: Frame, telemetry: npt.NDArray[np.float64]) -> Decision | None:
        """Take in a frame; return what follows from it, if something does."""
        if not self._on:
            return None
        self._fed_ns = max(self._now_ns, frame.t_ns)
        z_nm = self._believed(frame)
        if not self._held_nm:
            self._look_for_beads(z_nm, frame, telemetry)
            return None
        if z_nm:
            self._good_ns = frame.t_ns
        elif frame.t_ns - self._good_ns > 1e9 * self._config.patience_s:
            self.let_go("; ".join(self._doubts.values()) or "no bead was tracked")
            return None
        self._apart.add({bead_id: at_nm - self._held_nm[bead_id] for bead_id, at_nm in z_nm.items()})
        # What was exposed while the focus moved says little about where it is now.
        if frame.t_ns - self._exposure_ns < self._focus.settled_ns:
            return None
        self._window.append(z_nm)
        full = len(self._window) == self._config.window
        if not full or frame.t_ns - self._decided_ns < 1e9 * self._config.interval_s:
            return None
        return self._decide(frame)

    def sent(self, decision: Decision, now_ns: float) -> None:
        """Note that a correction was sent."""
        self._focus.send(decision.focus_nm, now_ns)
        self._window.clear()
        self._corrections += 1
        self._latencies_ms.append(1e-6 * (now_ns - decision.t_ns))

    def _believed(self, frame: Frame) -> dict[int, float]:
        """Return z of the beads that can be believed, and keep why the others cannot."""
        z_nm: dict[int, float] = {}
        self._doubts = {}
        for bead_id in self._held_nm or self._bead_ids:
            reading = frame.beads.get(bead_id)
            doubt = self._doubt(reading)
            if doubt:
                self._doubts[bead_id] = f"bead {bead_id} {doubt}"
            elif reading is not None:
                z_nm[bead_id] = reading.z_nm
                self._sigma_nm[bead_id] = reading.sigma_z_nm
        return z_nm

    def _doubt(self, reading: Reading | None) -> str:
        config = self._config
        if reading is None:
            return "is not tracked"
        if math.isnan(reading.x_nm):
            return "is lost"
        if math.isnan(reading.z_nm):
            return "has no z (no Z-LUT, or beyond its range)"
        if not reading.quality >= config.min_quality:
            return f"has a quality of {reading.quality:.2f}, below {config.min_quality:g}"
        if math.isnan(reading.sigma_z_nm):
            return "has no uncertainty of z"
        if reading.sigma_z_nm > config.max_sigma_nm:
            return f"is uncertain by {reading.sigma_z_nm:.0f} nm, more than {config.max_sigma_nm:g}"
        return ""

    def _look_for_beads(
        self, z_nm: dict[int, float], frame: Frame, telemetry: npt.NDArray[np.float64]
    ) -> None:
        """Hold the beads where they are, once they were good for a moment and the focus rests."""
        if not z_nm:
            self._first.clear()
            self._stage_reason = "; ".join(self._doubts.values())
            return
        if (moving := self._focus.begin(telemetry)) is not None:
            self._first.clear()
            self._stage_reason = moving
            return
        self._first.append(z_nm)
        if len(self._first) < (self._first.maxlen or 0):
            self._stage_reason = ""
            return
        held_nm = _medians(self._first)
        reasons = [self._out_of_range(bead_id, at_nm) for bead_id, at_nm in held_nm.items()]
        if said := [reason for reason in reasons if reason is not None]:
            self._first.clear()
            self._stage_reason = "; ".join(said)
            return
        self._held_nm = held_nm
        self._stage_reason = ""
        self._good_ns, self._start_focus_nm = frame.t_ns, self._focus.target_nm
        self._error_nm = 0.0
        self._response.begin(self._noise_nm(), self._start_focus_nm)

    def _noise_nm(self) -> float:
        """Return the scatter of a measurement, from the first frames."""
        frames = [
            [z_nm - self._held_nm[one] for one, z_nm in first.items() if one in self._held_nm]
            for first in self._first
        ]
        scatter_nm = float(np.std([np.median(errors) for errors in frames if errors]))
        return _MEDIAN_NOISE * scatter_nm / math.sqrt(self._config.window)

    def _decide(self, frame: Frame) -> Decision | None:
        z_nm = _medians(self._window)
        if not z_nm:
            return None
        errors = {bead_id: at_nm - self._held_nm[bead_id] for bead_id, at_nm in z_nm.items()}
        error_nm = float(np.median(list(errors.values())))
        at_nm = self._focus.position_nm if math.isfinite(self._focus.position_nm) else self._focus.target_nm
        wrong = self._what_is_wrong(z_nm, errors) or self._response.look(error_nm, at_nm)
        if wrong is not None:
            self._error_nm = error_nm
            self.let_go(wrong)
            return None
        correction_nm = self._correction(error_nm)
        self._error_nm, self._decided_ns = error_nm, frame.t_ns
        focus_nm = self._focus.target_nm + correction_nm
        if abs(focus_nm - self._start_focus_nm) > self._config.max_travel_nm:
            self.let_go(f"the focus would be {self._config.max_travel_nm:g} nm from where the lock began")
            return None
        return Decision(frame.frame_id, frame.t_ns, error_nm, correction_nm, focus_nm, len(errors))

    def _correction(self, error_nm: float) -> float:
        """Return the focus travel: PI in velocity form, and test steps, within the largest step."""
        config = self._config
        if self._response.holds:
            return 0.0
        extra_nm = self._response.test_step()
        if not extra_nm:
            extra_nm = self._response.step_back()
            error_nm -= self._factor * extra_nm
        wanted_nm = config.gain * error_nm + config.damping * (error_nm - self._error_nm)
        room_nm = config.max_step_nm - abs(extra_nm)
        if abs(error_nm) <= config.dead_band_nm:
            return extra_nm
        return min(max(wanted_nm / self._factor, -room_nm), room_nm) + extra_nm

    def _what_is_wrong(self, z_nm: Mapping[int, float], errors: Mapping[int, float]) -> str | None:
        for bead_id, at_nm in z_nm.items():
            if (reason := self._out_of_range(bead_id, at_nm)) is not None:
                return reason
        return self._disagreement(errors)

    def _disagreement(self, errors: Mapping[int, float]) -> str | None:
        """Say which bead has moved against the others, or None."""
        limit_nm = self._config.max_disagreement_nm
        if len(errors) == 2:
            # The median of two follows half of what one of them does: they are compared with each other.
            (one, one_nm), (other, other_nm) = errors.items()
            sigma_nm = math.hypot(self._sigma_nm[one], self._sigma_nm[other]) / math.sqrt(self._config.window)
            limit_nm = min(max(limit_nm / 2, _APART_SIGMAS * _MEDIAN_NOISE * sigma_nm), limit_nm)
            apart_nm = abs(one_nm - other_nm)
            if apart_nm <= limit_nm:
                return None
            return (
                f"the beads disagree: {one} and {other} have moved {apart_nm:.0f} nm against each other, "
                f"more than {limit_nm:.0f} nm (z_lock.max_disagreement_nm)"
            )
        if len(errors) < FEWEST_BEADS or (found := self._apart.farthest()) is None:
            return None
        farthest, apart_nm = found
        return (
            f"the beads disagree: bead {farthest} has moved {apart_nm:.0f} nm against the median of "
            f"{len(errors)} (z_lock.max_disagreement_nm = {limit_nm:g})"
        )

    def _out_of_range(self, bead_id: int, z_nm: float) -> str | None:
        limits = self._z_range(bead_id)
        if limits is None:
            return f"bead {bead_id} has no Z-LUT, or nothing of it is usable"
        low, high = limits[0] + self._config.lut_margin_nm, limits[1] - self._config.lut_margin_nm
        if low <= z_nm <= high:
            return None
        return (
            f"bead {bead_id} at z = {z_nm:.0f} nm is near the end of its Z-LUT ({low:.0f} to {high:.0f} nm)"
        )


def _medians(frames: Sequence[Mapping[int, float]] | deque[Mapping[int, float]]) -> dict[int, float]:
    """Return the median z of every bead that was good in more than half of the frames."""
    ids = {bead_id for frame in frames for bead_id in frame}
    seen = {bead_id: [frame[bead_id] for frame in frames if bead_id in frame] for bead_id in sorted(ids)}
    return {bead_id: float(np.median(z)) for bead_id, z in seen.items() if 2 * len(z) > len(frames)}
