"""The sweep itself, an event of the engine: the focus goes from plane to plane, frames go to disk."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from magscope_app.calibration.capture import Capture, Shot
from magscope_app.calibration.live import LiveProfiles, profile_length
from magscope_app.calibration.messages import MakeSweepBuffer, SweepPhase, SweepProgress
from magscope_app.calibration.mosaic_correction import MosaicCorrection
from magscope_app.calibration.plan import SweepPlan
from magscope_app.calibration.raw import RawSweep
from magscope_app.calibration.saturation import saturated_planes
from magscope_app.data import DataCoordinates, DataCoordinatesIterator
from magscope_app.engine import Abortable, DataProducing, EventAborted, ExecutorEvent
from magscope_app.errors import MagscopeError
from magscope_app.experiment.microscope import Microscope
from magscope_app.messages import Bead

_log = logging.getLogger(__name__)
#: A plane that fails is tried so often.
_ATTEMPTS = 3
#: A plane that is too bright is taken again after a moment, as light may have been on; so often in a sweep.
_BRIGHT_RETRIES, _BRIGHT_PAUSE_S = 9, 0.5
#: How long the focus may take to be back, and in a whole sweep, axes whose process is started again.
_RETURN_S, _REVIVAL_S = 20.0, 20.0
_PAUSE_LOOK_S = 0.1
#: A force that differs by less is the same.
_SAME_FORCE = 0.02


class FocusSweep(ExecutorEvent, DataProducing, Abortable):
    """Sweeps the focus over the beads and leaves a finished dataset in `raw`; the focus is back at the end.

    On every way out, aborted or failed, the focus and the magnets return to where they were. What is raised
    then is MagscopeError; `EventAborted` when it was cancelled.

    Parameters
    ----------
    plan : SweepPlan
        Without problems.
    beads : tuple of Bead
        The beads to be swept, at least one.
    microscope : Microscope
        Moves and looks.
    capture : Capture
        Takes frames of these beads.
    raw : RawSweep
        Where they go.
    about : dict
        What else the dataset is to say about the sweep.
    tell : callable
        Takes `SweepProgress`.

    Attributes
    ----------
    correction : MosaicCorrection or None
        By dark frame and flat field, of the profiles that can be watched.
    """

    correction: MosaicCorrection | None = None

    def __init__(
        self,
        plan: SweepPlan,
        beads: tuple[Bead, ...],
        microscope: Microscope,
        capture: Capture,
        raw: RawSweep,
        about: dict[str, Any],
        tell: Callable[[SweepProgress], None],
    ) -> None:
        DataProducing.__init__(self, raw.handler, DataCoordinatesIterator.create(_Planes(plan.n_steps)))
        self.plan = plan
        self.beads = beads
        self.raw = raw
        #: What the user should know: repeated planes, a force that was not set, beads that dropped out.
        self.warnings: list[str] = []
        #: Leave focus and magnets where they are: somebody has stopped the motors.
        self.stays = False
        self._microscope = microscope
        self._capture = capture
        self._about = about
        self._tell = tell
        focus = microscope.config.motor_with_role("focus")
        assert focus is not None  # asked for before a sweep is made
        self._focus = focus.name
        self._go_on = threading.Event()
        self._go_on.set()
        self._steps: list[dict[str, Any]] = []
        self._closing: dict[str, Any] | None = None
        self._bright_tries = 0
        self._removed: dict[str, str] = {}
        self._live: LiveProfiles | None = None
        self._began = self._paused_s = 0.0
        self._patience_s = _REVIVAL_S

    def pause(self, paused: bool) -> None:
        """Hold the sweep after the plane it is at, or let it go on; may be called from any thread."""
        if paused:
            self._go_on.clear()
        else:
            self._go_on.set()

    def close(self) -> None:
        """Let go of everything, and of the dataset unless it was kept."""
        self._capture.close()
        self.raw.discard()

    def execute(self) -> Any:
        """Sweep; see the class."""
        scope = self._microscope
        scope.obey(self.check_abort, self.wait)
        self._report("prepare", 0, "preparing")
        start_nm = scope.position(self._focus)
        info = scope.motor_info(self._focus)
        problem = self.plan.limit_problem(start_nm, info.limits) if info is not None else None
        if problem:
            raise MagscopeError(problem)
        # A lock would take the sweep for somebody's interference.
        scope.take_focus()
        start_nm = scope.position(self._focus)
        undo: list[Callable[[], object]] = []
        try:
            force_pn = self._set_force(undo)
            undo.append(lambda: self._return(start_nm))
            self._watched(start_nm)
        except BaseException as error:
            self._undo(undo, error)
            raise
        self._undo(undo, None)
        self._describe(start_nm, force_pn)

    # --- before and after --------------------------------------------------------------------

    def _set_force(self, undo: list[Callable[[], object]]) -> float | None:
        """Pull tethered beads straight; return the force, None where nothing is known of it."""
        scope, wanted = self._microscope, self.plan.force_pn
        tethered = sum(bead.role == "tethered" for bead in self.beads)
        magnet = scope.config.motor_with_role("magnet_height")
        known = magnet is not None and (scope.config.force is not None)
        if not tethered or wanted is None or not known or magnet is None:
            if tethered and not known:
                self.warnings.append(
                    f"{tethered} beads are tethered, and no force can be set: the config has no [force] and "
                    "magnet_height; see to a force of 10 pN or more yourself"
                )
            return scope.force() if known else None
        height_mm = scope.position(magnet.name)
        # Beyond the force table the force now is not known, and is set all the same.
        if not abs(scope.force() / wanted - 1.0) <= _SAME_FORCE:
            self._report("force", 0, f"setting {wanted:g} pN for {tethered} tethered beads")
            undo.append(lambda: scope.move(magnet.name, height_mm))
            scope.set_force(wanted)
        return wanted

    def _return(self, start_nm: float) -> None:
        """Bring the focus back to where it was, from the side from which the planes were approached."""
        scope = self._microscope
        try:
            scope.move(
                self._focus, start_nm + self.plan.approach_nm - self.plan.start_nm, timeout_s=_RETURN_S
            )
        except MagscopeError as error:
            # From the wrong side is better than not at all.
            _log.warning("%s; the focus returns on the straight way", error)
        scope.move(self._focus, start_nm, timeout_s=_RETURN_S)

    def _await_axes(self) -> None:
        """Wait for axes whose process is being started again."""
        scope = self._microscope
        magnet = scope.config.motor_with_role("magnet_height")
        mine = [self._focus, *([] if magnet is None else [magnet.name])]
        while self._patience_s > 0 and any(scope.motor_state(name) in ("lost", "opening") for name in mine):
            scope.wait(_PAUSE_LOOK_S)
            self._patience_s -= _PAUSE_LOOK_S

    def _undo(self, undo: list[Callable[[], object]], error: BaseException | None) -> None:
        """Bring everything back, also while the event is being aborted."""
        if self.stays:
            return
        self._report("return", len(self._steps), "bringing the focus back")
        self._microscope.obey(lambda: None, _sleep)
        self._await_axes()
        said = []
        for step in reversed(undo):
            try:
                step()
            except MagscopeError as trouble:
                said.append(str(trouble))
        if not said:
            return
        text = f"not everything is back where it was: {'; '.join(said)}"
        if error is None:
            self.warnings.append(text)
        elif isinstance(error, EventAborted):
            _log.error("the sweep was cancelled, but %s", text)
        else:
            raise MagscopeError(f"{error}; {text}") from error

    # --- planes ------------------------------------------------------------------------------

    def _watched(self, start_nm: float) -> None:
        """Sweep, with the profiles in shared memory where that can be had."""
        ids = tuple(bead.id for bead in self.beads)
        roi_px, frames = self._capture.roi_px, self.plan.frames
        count = self.plan.n_steps * len(ids) * frames
        sizes = MakeSweepBuffer(count, profile_length(roi_px), self.plan.n_steps, len(ids), frames)
        try:
            buffer = self._microscope.make_sweep_buffer(sizes)
            self._live = LiveProfiles(buffer, ids, roi_px, self.correction)
        except EventAborted:
            raise
        except MagscopeError as error:
            self.warnings.append(f"the sweep goes on unwatched: {error}")
        try:
            self._sweep(start_nm)
        finally:
            if self._live is not None:
                self._live.close(complete=len(self._steps) == self.plan.n_steps)

    def _sweep(self, start_nm: float) -> None:
        offsets_nm = self.plan.offsets_nm
        self._approach(start_nm + offsets_nm[0])
        self._began = time.monotonic()
        for step, offset_nm in enumerate(offsets_nm):
            if self._hold(step):
                self._approach(start_nm + offset_nm)
            self._report("sweep", step, f"plane {step + 1} of {self.plan.n_steps}")
            self._steps.append(self._plane(step, start_nm + offset_nm))
            self._note_removed(step)
        self._closing = self._look_again(start_nm)

    def _look_again(self, start_nm: float) -> dict[str, Any] | None:
        """Take an early plane once more: where a bead is seen elsewhere, the sample has drifted since.

        Not the very first plane: a bead that has drifted must still be within its Z-LUT.
        """
        plane, n_steps = self.plan.closing_plane, self.plan.n_steps
        self._report("sweep", n_steps, f"plane {plane + 1} once more, for the drift")
        focus_nm = start_nm + self.plan.offsets_nm[plane]
        try:
            self._approach(focus_nm)
            return self._plane(n_steps, focus_nm) | {"plane": plane}
        except EventAborted:
            raise
        except MagscopeError as error:
            self.warnings.append(f"how far the sample drifted during the sweep is not known: {error}")
            return None

    def _approach(self, focus_nm: float) -> None:
        """Go to where a plane is reached in the direction of the sweep."""
        self._microscope.move(self._focus, focus_nm - self.plan.direction * self.plan.backlash_nm)

    def _hold(self, step: int) -> bool:
        """Wait while the sweep is paused; return whether it was."""
        if self._go_on.is_set():
            return False
        since = time.monotonic()
        self._report("pause", step, f"paused before plane {step + 1}")
        while not self._go_on.is_set():
            self.wait(_PAUSE_LOOK_S)
        self._paused_s += time.monotonic() - since
        return True

    def _plane(self, step: int, focus_nm: float) -> dict[str, Any]:
        """Take one plane, several times if need be, and return what is to be remembered of it."""
        at_nm, shots = self._taken(step, focus_nm)
        for shot in shots:
            metadata = {"t_ns": shot.t_ns, "focus_nm": at_nm, "rois_px": shot.rois_px}
            self.put_data({"time": shot.frame_id, "step": step}, shot.mosaic, metadata)
        # What is looked at once more is no plane of a Z-LUT.
        if self._live is not None and step < self.plan.n_steps:
            self._live.add(step, at_nm, shots)
        t_ns = sum(shot.t_ns for shot in shots) // len(shots)
        return {"step": step, "focus_nm": at_nm, "t_ns": t_ns, "frames": [shot.frame_id for shot in shots]}

    def _taken(self, step: int, focus_nm: float) -> tuple[float, list[Shot]]:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                if attempt > 1:
                    self._await_axes()
                    self._approach(focus_nm)
                at_nm, shots = self._frames(focus_nm)
                self._require_dim(shots, last=attempt == _ATTEMPTS)
                break
            except EventAborted:
                raise
            except MagscopeError as error:
                name = (
                    f"plane {step + 1} of {self.plan.n_steps}"
                    if step < self.plan.n_steps
                    else "the last look"
                )
                text = f"{name}, attempt {attempt} of {_ATTEMPTS}: {error}"
                if attempt == _ATTEMPTS:
                    raise MagscopeError(f"the sweep was given up at {text}") from error
                self.warnings.append(text)
                self._report("sweep", len(self._steps), f"{name} is tried again")
        return at_nm, shots

    def _require_dim(self, shots: list[Shot], *, last: bool) -> None:
        """Raise MagscopeError where beads are saturated and another try may help; wait a moment before."""
        ceiling_dn = 2**self._capture.bits - 1
        edge = self._capture.roi_px
        rois = np.stack([shot.mosaic for shot in shots]).reshape(len(shots), -1, edge, edge)
        bright = [
            bead.id
            for place, bead in enumerate(self.beads)
            if saturated_planes(rois[np.newaxis, :, place], ceiling_dn).any()
        ]
        if not bright or last or self._bright_tries >= _BRIGHT_RETRIES:
            return
        self._bright_tries += 1
        self.wait(_BRIGHT_PAUSE_S)
        many = f"bead {bright[0]} is" if len(bright) == 1 else f"{len(bright)} beads are"
        raise MagscopeError(f"{many} saturated; reduce the exposure or the light")

    def _frames(self, focus_nm: float) -> tuple[float, list[Shot]]:
        self._microscope.move(self._focus, focus_nm)
        arrived_ns = self._capture.arrival_ns()
        settled_ns = arrived_ns + round(1e9 * self.plan.settle_s)
        passed_over = self.plan.settle_frames
        shots = self._capture.take(passed_over + self.plan.frames, settled_ns, self.check_abort)[passed_over:]
        return self._capture.focus_nm(arrived_ns, shots, self.check_abort), shots

    def _note_removed(self, step: int) -> None:
        for bead_id in sorted(self._capture.removed):
            if str(bead_id) not in self._removed:
                self._removed[str(bead_id)] = f"taken off the list at plane {step + 1}"
                self.warnings.append(f"bead {bead_id} dropped out: it was taken off the list")
        if len(self._removed) == len(self.beads):
            raise MagscopeError("no bead is left to sweep: all were taken off the list")

    # --- what is said about it ---------------------------------------------------------------

    def _report(self, phase: SweepPhase, done: int, text: str) -> None:
        total = self.plan.n_steps
        spent = time.monotonic() - self._began - self._paused_s
        left_s = spent / done * (total - done) if done else float("nan")
        self._tell(SweepProgress(phase, done, total, left_s, text, tuple(self.warnings)))

    def _report_built(self, done: int, total: int, text: str) -> None:
        self._tell(SweepProgress("build", done, total, float("nan"), text, tuple(self.warnings)))

    def _describe(self, start_nm: float, force_pn: float | None) -> None:
        """Complete the dataset, so that Z-LUTs can be made of it without this program running."""
        beads = [
            {"id": bead.id, "role": bead.role, "x_px": bead.x_px, "y_px": bead.y_px} for bead in self.beads
        ]
        about = self._about | {
            "plan": asdict(self.plan),
            "beads": beads,
            "removed": self._removed,
            "focus": self._focus,
            "focus_start_nm": start_nm,
            "force_pn": force_pn,
            "steps": self._steps,
            "closing": self._closing,
            "warnings": self.warnings,
        }
        looks = [*self._steps, *([] if self._closing is None else [self._closing])]
        self.raw.finish(about, sum(len(look["frames"]) for look in looks))


class _Planes:
    """The coordinates of a sweep: the planes and the last look are known, the frames not before they come."""

    def __init__(self, n_steps: int) -> None:
        self._n_steps = n_steps

    def is_finite(self) -> bool:
        return False

    def might_produce_coordinates(self, coordinates: DataCoordinates) -> bool | None:
        step = coordinates.coordinate_dict.get("step")
        return None if isinstance(step, int) and 0 <= step <= self._n_steps else False

    def __iter__(self) -> Iterator[DataCoordinates]:
        return iter(())


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False
