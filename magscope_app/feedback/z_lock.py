"""Z-lock: the focus follows reference beads, and lets go on any doubt."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from magscope_app.config.feedback import ZLockConfig
from magscope_app.feedback.apart import Apart
from magscope_app.feedback.belief import Belief
from magscope_app.feedback.first_frames import FirstFrames
from magscope_app.feedback.focus_watch import FocusWatch
from magscope_app.feedback.held import MEDIAN_NOISE, HeldBeads, medians
from magscope_app.feedback.readings import Frame
from magscope_app.feedback.response import FocusResponse
from magscope_app.feedback.state import LockStage, LockState
from magscope_app.feedback.swing import Swing

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
    largest_jump_nm : float
        What is farther away in x and y from one frame to the next is another bead.
    """

    def __init__(
        self,
        config: ZLockConfig,
        focal_shift_factor: float,
        exposure_s: float,
        period_s: float,
        z_range: Callable[[int], tuple[float, float] | None],
        largest_jump_nm: float = math.inf,
    ) -> None:
        self._config = config
        self._factor = focal_shift_factor
        self._apart = Apart(config, period_s)
        self.time_frames(exposure_s, period_s)
        self._z_range = z_range
        self._largest_jump_nm = largest_jump_nm
        self._begun = 0
        self._reset()

    def time_frames(self, exposure_s: float, period_s: float) -> None:
        """Take frames to be exposed so long, and to come in this period, from now on."""
        self._exposure_ns, self._period_s = 1e9 * exposure_s, period_s
        self._silent_ns = 1e9 * max(_SILENT_S, self._config.patience_s, _SILENT_PERIODS * period_s)
        self._apart.expect(period_s)

    def _reset(self, bead_ids: Sequence[int] = ()) -> None:
        config = self._config
        self._stage_reason = ""
        self._on = False
        self._bead_ids = tuple(sorted(bead_ids))
        self._apart = Apart(config, self._period_s)
        self._first = FirstFrames(self._bead_ids, self._apart.n_frames)
        self._belief = Belief(config, self._largest_jump_nm)
        self._held = HeldBeads(self._apart.n_frames, config.patience_s)
        #: Of the last frames: z of the good beads, and the error that follows from it.
        self._window: deque[tuple[Mapping[int, float], float]] = deque(maxlen=config.window)
        self._focus = FocusWatch(config.arrival_nm, config.arrival_s)
        self._good_ns = self._decided_ns = -math.inf
        #: Session time of the last look, and of the last one with frames.
        self._now_ns = self._fed_ns = -math.inf
        self._error_nm = self._start_focus_nm = self._noise_nm = math.nan
        self._response = FocusResponse(self._factor, config.gain, config.dead_band_nm, config.max_step_nm)
        self._swing = Swing(self._factor)
        self._corrections = 0
        self._latencies_ms: deque[float] = deque(maxlen=101)

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
        self._held.clear()
        self._stage_reason = reason

    def measure_with(self, z_range: Callable[[int], tuple[float, float] | None]) -> None:
        """Take the ranges of other Z-LUTs; where beads are held in the old z means nothing any more."""
        self._z_range = z_range
        self._first.clear()
        if self._held:
            self.let_go("z is measured with other Z-LUTs now")

    def doubt(self, reasons: Mapping[int, str]) -> None:
        """Let go if one of these beads is held, which may be another bead now, and say why."""
        if said := [reasons[bead_id] for bead_id in self._held.bead_ids if bead_id in reasons]:
            self.let_go("; ".join(dict.fromkeys(said)))
        elif reasons:
            self._belief.forget(list(reasons))
            self._held.forget(reasons.keys())
            self._first.clear()

    def know_size(self, largest_jump_nm: float) -> None:
        """Take how far a bead may jump in x and y before it is another one, from the next start on."""
        self._largest_jump_nm = largest_jump_nm

    def shift(self, distance_nm: float) -> str | None:
        """Hold the beads so much higher above the focal plane; say why not, or None."""
        if not self._held:
            return "the Z-lock is not on"
        for bead_id, held_nm in self._held.places().items():
            if (reason := self._out_of_range(bead_id, held_nm + distance_nm)) is not None:
                return reason
        self._held.shift(distance_nm)
        self._window.clear()
        self._response.shift(-distance_nm)
        self._swing.shift(-distance_nm)
        return None

    def forget(self, bead_ids: Collection[int]) -> None:
        """Follow these beads no more: they are off the list; let go where none is left."""
        gone = [bead_id for bead_id in self._bead_ids if bead_id in bead_ids]
        if not self._on or not gone:
            return
        self._bead_ids = tuple(bead_id for bead_id in self._bead_ids if bead_id not in bead_ids)
        was_held = bool(self._held)
        self._held.forget(gone)
        self._first = FirstFrames(self._bead_ids, self._apart.n_frames)
        if not self._bead_ids or (was_held and not self._held):
            self.let_go(f"bead {', '.join(map(str, gone))} was taken off the list")

    @property
    def on(self) -> bool:
        """Whether it is on, or waits to be."""
        return self._on

    @property
    def bead_ids(self) -> tuple[int, ...]:
        """The beads that are to be followed, those included that it waits for."""
        return self._bead_ids

    @property
    def state(self) -> LockState:
        """How it is."""
        stage: LockStage = "off" if not self._on else "on" if self._held else "waiting"
        latency_ms = float(np.median(self._latencies_ms)) if self._latencies_ms else math.nan
        return LockState(
            "z_lock",
            stage,
            self._belief.text if self._held else self._stage_reason,
            self._held.bead_ids or self._bead_ids,
            self._error_nm,
            self._corrections,
            latency_ms,
            self._begun,
            self._bead_ids,
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
        if not self._held:
            if self._on:
                self._focus.begin(telemetry)
        elif now_ns - self._fed_ns > self._silent_ns:
            self.let_go(f"no frame was tracked for {1e-9 * (now_ns - self._fed_ns):.1f} s")
        elif (wrong := self._focus.look(telemetry, now_ns)) is not None:
            self.let_go(wrong)

    def take(self, frame: Frame, telemetry: npt.NDArray[np.float64]) -> Decision | None:
        """Take in a frame; return what follows from it, if something does."""
        if not self._on:
            return None
        self._fed_ns = max(self._now_ns, frame.t_ns)
        z_nm = self._belief.take(frame, self._bead_ids)
        self._leave_out_of_range(z_nm)
        if self._belief.others:
            self.doubt(self._belief.others)
            return None
        if not self._held:
            self._look_for_beads(z_nm, frame, telemetry)
            return None
        error_nm = self._held.take(z_nm, frame.t_ns)
        if not math.isnan(error_nm):
            self._good_ns = frame.t_ns
        elif frame.t_ns - self._good_ns > 1e9 * self._config.patience_s:
            self.let_go(self._belief.text or "no bead was tracked")
            return None
        self._apart.add(self._held.errors(z_nm), self._belief.sigma_nm)
        # What was exposed while the focus moved says little about where it is now.
        if math.isnan(error_nm) or frame.t_ns - self._exposure_ns < self._focus.settled_ns:
            return None
        self._window.append((z_nm, error_nm))
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

    def _leave_out_of_range(self, z_nm: dict[int, float]) -> None:
        """Hold no bead near the end of its Z-LUT: one that is held ends the lock there."""
        for bead_id in set(z_nm) - set(self._held.bead_ids):
            if (reason := self._out_of_range(bead_id, z_nm[bead_id])) is not None:
                self._belief.doubts[bead_id] = reason
                del z_nm[bead_id]

    def _look_for_beads(
        self, z_nm: dict[int, float], frame: Frame, telemetry: npt.NDArray[np.float64]
    ) -> None:
        """Hold the beads where they are, once they were good for a moment and the focus rests."""
        moving = self._focus.begin(telemetry)
        if moving is not None or not z_nm:
            self._first.clear()
            self._stage_reason = moving or self._belief.text
            return
        self._stage_reason = self._belief.text
        # Frames that are late show where the beads were before the focus arrived.
        if frame.t_ns - self._exposure_ns < self._focus.settled_ns:
            self._first.clear()
            return
        held_nm = self._first.take(z_nm, frame.t_ns)
        if held_nm is None:
            return
        self._held.begin(held_nm, frame.t_ns)
        self._noise_nm = self._first.noise_nm(held_nm, self._config.window)
        self._good_ns, self._start_focus_nm = frame.t_ns, self._focus.target_nm
        self._error_nm = 0.0
        self._response.begin(self._noise_nm, self._start_focus_nm)

    def _decide(self, frame: Frame) -> Decision | None:
        error_nm = float(np.median([error_nm for _, error_nm in self._window]))
        wrong = self._what_is_wrong(error_nm)
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
        n_beads = len(self._window[-1][0])
        return Decision(frame.frame_id, frame.t_ns, error_nm, correction_nm, focus_nm, n_beads)

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

    def _what_is_wrong(self, error_nm: float) -> str | None:
        held = set(self._held.bead_ids)
        for bead_id, at_nm in medians([z_nm for z_nm, _ in self._window]).items():
            if bead_id in held and (reason := self._out_of_range(bead_id, at_nm)) is not None:
                return reason
        focus = self._focus
        at_nm = focus.position_nm if math.isfinite(focus.position_nm) else focus.target_nm
        wrong = self._apart.disagreement() or self._response.look(error_nm, at_nm)
        return wrong or self._swing.look(error_nm, at_nm, self._measurement_noise_nm())

    def _measurement_noise_nm(self) -> float:
        """Return the noise of a measurement as it was at first, or as the beads say if that is more."""
        said_nm = float(np.median([self._belief.sigma_nm[bead_id] for bead_id in self._window[-1][0]]))
        return max(self._noise_nm, MEDIAN_NOISE * said_nm / math.sqrt(self._config.window))

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
