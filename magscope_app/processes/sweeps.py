"""Sweeps in the experiment process: begun, held, cancelled, and their Z-LUTs saved."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from magscope_app.calibration.messages import (
    CancelSweep,
    PauseSweep,
    SaveZLUTs,
    SweepEnded,
    SweepOrder,
    UseZLUTs,
    ZLUTsSaved,
)
from magscope_app.config import Config
from magscope_app.engine import EventAborted, ExecutionEngine, ExecutionFuture
from magscope_app.errors import MagscopeError
from magscope_app.experiment.microscope import Microscope
from magscope_app.messages import (
    Bead,
    CommandRefused,
    FrameTimes,
    Message,
)
from magscope_app.processes.calibration_file import camera_name, stated_surface_nm
from magscope_app.processes.camera_noise import (
    camera_noise,
    correction_files,
    correction_marks,
    field_correction,
)
from magscope_app.processes.frame_times import frame_times
from magscope_app.processes.handles import Handles

if TYPE_CHECKING:
    from magscope_app.calibration.build import SweepResult
    from magscope_app.calibration.capture import Capture
    from magscope_app.calibration.event import Calibration

_log = logging.getLogger(__name__)


class Sweeps:
    """Carries out the messages about sweeps; one sweep at a time.

    Parameters
    ----------
    handles : Handles
        To the shared memory.
    engine : ExecutionEngine
        Executes them.
    microscope : Microscope
        Moves and looks.
    send : callable
        Sends to the supervisor.
    """

    def __init__(
        self,
        handles: Handles,
        engine: ExecutionEngine,
        microscope: Microscope,
        send: Callable[[Message], None],
    ) -> None:
        self._handles = handles
        self._engine = engine
        self._microscope = microscope
        self._send = send
        self._running: tuple[Calibration, ExecutionFuture] | None = None
        self._result: SweepResult | None = None
        self._times = frame_times(handles.config)
        self._capture: Capture | None = None

    def handle(self, message: Message, busy: str) -> bool:
        """Carry out a message about sweeps; False when it is none. `busy` says what else is running."""
        match message:
            case SweepOrder():
                self._start(message, busy)
            case PauseSweep(paused):
                self._if_running(lambda event, _: event.pause(paused))
            case CancelSweep(stay):
                self._if_running(lambda event, future: _cancel(event, future, stay))
            case SaveZLUTs():
                self._save(message)
            case FrameTimes():
                self._times = message
                if self._capture is not None:
                    self._capture.expect(message.period_s)
            case _:
                return False
        return True

    @property
    def is_running(self) -> bool:
        """True from the order to the end."""
        return self._running is not None

    def on_executed(self, event: object, error: BaseException | None) -> None:
        """Say how a sweep has ended; leave alone what is no sweep."""
        running = self._running
        if running is None or running[0] is not event:
            return
        calibration, future = running
        calibration.close()
        self._running = None
        if error is not None:
            cancelled = isinstance(error, EventAborted)
            text = str(error) if isinstance(error, MagscopeError) else f"{type(error).__name__}: {error}"
            said = "" if cancelled else text
            self._send(SweepEnded(error=said, cancelled=cancelled, warnings=tuple(calibration.warnings)))
            return
        done = future.await_execution(1.0)
        self._result = done.result
        reports, drift = done.result.reports, done.result.drift
        said = "" if drift is None else drift.text
        self._send(SweepEnded(reports, done.dataset, done.saved, warnings=done.warnings, drift=said))

    def close(self) -> None:
        """Leave nothing behind of a sweep that did not end."""
        if self._running is not None:
            self._running[0].close()
            self._running = None

    def _start(self, order: SweepOrder, busy: str) -> None:
        if self.is_running or busy:
            what = busy or "a sweep is running already"
            self._send(SweepEnded(error=f"{what}; wait until it has ended, or end it"))
            return
        try:
            calibration = self._make(order)
        except MagscopeError as error:
            self._send(SweepEnded(error=str(error)))
            return
        self._result = None
        self._running = calibration, self._engine.submit(calibration)

    def _make(self, order: SweepOrder) -> Calibration:
        # Here, not at the top: who only runs a protocol need not wait for storage and tracker.
        from magscope_app.calibration.capture import Capture
        from magscope_app.calibration.event import Calibration
        from magscope_app.calibration.mosaic_correction import MosaicCorrection
        from magscope_app.calibration.raw import RawSweep
        from magscope_app.calibration.saving import why_not_path
        from magscope_app.calibration.unfinished import remove_abandoned

        beads = beads_to_sweep(order)
        problems = [*order.plan.problems(), *sweep_problems(self._handles.config)]
        if (
            order.out is not None
            and (reason := why_not_path(order.out, overwrite=order.overwrite)) is not None
        ):
            problems.append(reason)
        if problems:
            raise MagscopeError("; ".join(problems))
        focus = self._handles.config.motor_with_role("focus")
        assert focus is not None  # one of the problems otherwise
        abandoned = remove_abandoned(order.folder)
        corrections = correction_files(self._handles.config)
        field = field_correction(corrections)
        raw = RawSweep(order.folder, order.config_text, order.facts, order.anchor, corrections)
        try:
            capture = Capture(self._handles, focus.name, tuple(bead.id for bead in beads), order.roi_px)
        except BaseException:
            raw.discard()
            raise
        capture.expect(self._times.period_s)
        self._capture = capture
        about = _about(self._handles.config, capture.bits, order.roi_px)
        about["corrections"] = correction_marks(corrections)
        calibration = Calibration(order.plan, beads, self._microscope, capture, raw, about, self._send)
        calibration.out, calibration.overwrite = order.out, order.overwrite
        calibration.correction = MosaicCorrection(field, about["ceiling_dn"]) if field is not None else None
        calibration.warnings += [abandoned] if abandoned else []
        return calibration

    def _if_running(self, act: Callable[[Calibration, ExecutionFuture], None]) -> None:
        if self._running is None:
            self._refuse("no sweep is running")
        else:
            act(*self._running)

    def _save(self, message: SaveZLUTs) -> None:
        if self._result is None:
            self._refuse("there is no sweep whose Z-LUTs could be saved; sweep first")
            return
        from magscope_app.calibration.saving import save_zluts

        zluts = self._result.only(set(message.bead_ids))
        try:
            save_zluts(zluts, message.path, overwrite=message.overwrite)
        except MagscopeError as error:
            self._refuse(str(error))
            return
        self._send(ZLUTsSaved(message.path, len(zluts)))
        if message.use:
            self._send(UseZLUTs(message.path))

    def _refuse(self, text: str) -> None:
        self._send(CommandRefused("experiment", text))


def _cancel(event: Calibration, future: ExecutionFuture, stay: bool) -> None:
    event.stays = event.stays or stay
    future.abort()


def beads_to_sweep(order: SweepOrder) -> tuple[Bead, ...]:
    """Return the beads that an order means.

    Raises
    ------
    MagscopeError
        There is none, or one that is named does not exist.
    """
    if order.plan.bead_ids is None:
        beads = order.beads
    else:
        known = {bead.id: bead for bead in order.beads}
        missing = [str(bead_id) for bead_id in order.plan.bead_ids if bead_id not in known]
        if missing:
            raise MagscopeError(f"there is no bead {', '.join(missing)}; choose beads of the list")
        beads = tuple(known[bead_id] for bead_id in order.plan.bead_ids)
    if not beads:
        raise MagscopeError("there are no beads to sweep; add some, or set beads.find in the config")
    return beads


def sweep_problems(config: Config) -> list[str]:
    """Return why no sweep can be made with a config."""
    if config.motor_with_role("focus") is None:
        return ["the config has no motor with the role focus, which a sweep moves; add it"]
    return []


def _about(config: Config, bits: int, roi_px: int) -> dict[str, Any]:
    """Return what Z-LUTs have to know about camera and optics."""
    noise = camera_noise(config, None)
    numbers = None
    if noise is not None:
        numbers = {
            "gain_dn_per_e": noise.gain_dn_per_e,
            "offset_dn": noise.offset_dn,
            "read_noise_e": noise.read_noise_e,
        }
    return {
        "roi_px": roi_px,
        "nm_per_px": config.optics.nm_per_px,
        "magnification": config.optics.magnification,
        "focal_shift_factor": config.optics.focal_shift_factor,
        "surface_nm": stated_surface_nm(config),
        "camera": camera_name(config),
        "bits": bits,
        "ceiling_dn": 2**bits - 1,
        "noise": numbers,
    }
