"""A camera that is to give frames of another size or depth: the config with which the run is begun anew."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from magscope_app.config import Config, LoadedConfig
from magscope_app.devices import FrameFormat
from magscope_app.errors import ConfigError, MagscopeError
from magscope_app.messages import Bead, BeadsChanged, FormatAsked, Message, SetCameraSetting
from magscope_app.processes.bead_owner import MAX_ROI_PX, MIN_ROI_PX, BeadOwner, why_outside
from magscope_app.processes.calibration_desk import CalibrationDesk
from magscope_app.processes.calibration_file import why_not_calibration
from magscope_app.processes.camera_desk import CameraDesk
from magscope_app.processes.camera_noise import camera_noise, field_problems
from magscope_app.processes.lock_desk import LockDesk
from magscope_app.processes.preflight import require_ready
from magscope_app.processes.recording_desk import RecordingDesk


class FormatDesk:
    """Decides whether a run may be begun anew for another format of frames, and with which config.

    Parameters
    ----------
    loaded : LoadedConfig
        The config of the run.
    beads, recording, calibration, locks
        What goes on must be ended first.
    log, refuse : callable
        For the user.

    Attributes
    ----------
    protocols : set of str
        Those that run.
    again : LoadedConfig or None
        With which config another run is to follow this one.
    """

    def __init__(
        self,
        loaded: LoadedConfig,
        beads: BeadOwner,
        recording: RecordingDesk,
        calibration: CalibrationDesk,
        locks: LockDesk,
        log: Callable[[int, str], None],
        refuse: Callable[[str], None],
    ) -> None:
        self._loaded = loaded
        self._beads, self._recording, self._calibration, self._locks = beads, recording, calibration, locks
        self._log, self._refuse = log, refuse
        self.protocols: set[str] = set()
        self.again: LoadedConfig | None = None

    def refuses(self, message: Message, camera: CameraDesk) -> bool:
        """Refuse what begins the run anew while that cannot be; the camera need not be stopped to know."""
        if not isinstance(message, SetCameraSetting) or camera.ready is None:
            return False
        known = next((known for known in camera.ready.settings if known.name == message.name), None)
        if known is None or not known.begins_anew or known.value == message.value:
            return False
        if known.why_not(message.value) is not None or not (goes_on := self._goes_on()):
            return False
        self._refuse(_not_while(f"{message.name} = {message.value}", goes_on))
        camera.show()
        return True

    def ask(self, asked: FormatAsked) -> bool:
        """Return True where the run is to end so that another one can follow; say why, or why not."""
        what = f"{asked.name} = {asked.value}"
        if goes_on := self._goes_on():
            self._refuse(_not_while(what, goes_on))
            return False
        beads, before = self._beads.changed(), self._beads.format
        try:
            self.again, said = begin_anew(self._loaded, asked, beads, before, self._calibration.zlut)
        except MagscopeError as error:
            self._refuse(str(error))
            return False
        form = asked.format
        makes = f"makes frames of {form.width_px} × {form.height_px} px, {form.bits} bits"
        if form == self._beads.format:
            makes = "shows another part of the sensor"
        stops = "the run is stopped and begun anew; no motor is moved"
        for text in (f"{what} {makes}: {stops}", *said):
            self._log(logging.WARNING, text)
        return True

    def _goes_on(self) -> str:
        locked = any(state.stage != "off" for state in self._locks.states)
        going = {
            "a recording": self._recording.ordered,
            "a sweep": self._calibration.sweeping,
            "a protocol": bool(self.protocols),
            "a lock": locked,
        }
        return next((name for name, goes in going.items() if goes), "")


def _not_while(what: str, goes_on: str) -> str:
    begins = f"{what} begins the run anew, as frames get another size, depth or place on the sensor"
    return f"{begins}, and {goes_on} goes on; end that first"


def begin_anew(
    loaded: LoadedConfig,
    asked: FormatAsked,
    beads: BeadsChanged,
    before: FrameFormat | None,
    zlut: Path | None,
) -> tuple[LoadedConfig, list[str]]:
    """Return the config of a run that goes on with another format of frames, and what is not as before.

    Parameters
    ----------
    loaded : LoadedConfig
        The config of the run now.
    asked : FormatAsked
        What the camera says of the new format.
    beads, before, zlut
        Beads, format of frames and Z-LUT as they are now.

    Returns
    -------
    LoadedConfig
        With the camera as asked, optics for its pixels, and the beads where they are seen then.
    list of str
        Sentences for the user.

    Raises
    ------
    MagscopeError
        It cannot be run so; one sentence.
    """
    data = _changed(loaded.config, asked)
    said: list[str] = []
    roi_px = _roi_px(beads.roi_px, asked)
    listed = _beads(beads.beads, roi_px, asked, said)
    data["beads"] |= {"find": False, "file": None, "list": listed, "roi_px": roi_px}
    # They ran when the run began; none does now, or the run would go on.
    for name in ("z_lock", "xy_lock", "drift"):
        data[name] = data.get(name, {}) | {"on": False}
    data["recording"] = data.get("recording", {}) | {"start": False}
    data["experiment"] = data.get("experiment", {}) | {"protocol": None}
    data["tracking"] = data.get("tracking", {}) | {"zlut": zlut}
    _drop_what_does_not_fit(data, asked, before, said)
    changed = replace(
        loaded,
        config=Config.model_validate(data),
        overrides=(*loaded.overrides, f"camera: {asked.name} = {asked.value}, while it ran"),
    )
    try:
        require_ready(changed, str(loaded.path), None, None, asked.format)
    except ConfigError as error:
        problems = "; ".join(str(problem) for problem in error.problems)
        raise MagscopeError(f"the run cannot go on with {asked.name} = {asked.value}: {problems}") from error
    return changed, said


def _changed(config: Config, asked: FormatAsked) -> dict[str, Any]:
    # What was not given must not look as if it had been.
    data = config.model_dump(exclude_unset=True)
    data["camera"] |= asked.camera
    data["optics"]["pixel_pitch_um"] *= asked.pixel_scale
    data.setdefault("beads", {})
    return data


def _roi_px(roi_px: int, asked: FormatAsked) -> int:
    """Return the side of ROIs that show as much of the sample as before, as far as there are such."""
    most = min(MAX_ROI_PX, asked.format.width_px, asked.format.height_px)
    return max(MIN_ROI_PX, min(round(roi_px / asked.pixel_scale), most))


def _beads(
    beads: Sequence[Bead], roi_px: int, asked: FormatAsked, said: list[str]
) -> list[dict[str, object]]:
    scale, (dx_px, dy_px) = asked.pixel_scale, asked.offset_px
    moved = [
        replace(
            bead, x_px=(bead.x_px + 0.5) / scale - 0.5 + dx_px, y_px=(bead.y_px + 0.5) / scale - 0.5 + dy_px
        )
        for bead in beads
    ]
    inside = [bead for bead in moved if why_outside(bead, roi_px, asked.format) is None]
    if len(inside) < len(moved):
        gone = len(moved) - len(inside)
        said.append(f"{gone} {'bead is' if gone == 1 else 'beads are'} not in the image any more")
    return [{"id": bead.id, "x_px": bead.x_px, "y_px": bead.y_px, "role": bead.role} for bead in inside]


def _drop_what_does_not_fit(
    data: dict[str, Any], asked: FormatAsked, before: FrameFormat | None, said: list[str]
) -> None:
    noise = Config.model_validate(data).camera.noise
    # Grey levels mean something else then, and so many pixels of the sensor are one of a frame.
    other_pixels = before is None or before.bits != asked.format.bits or asked.pixel_scale != 1.0
    corrected = noise is not None and (noise.dark_frame is not None or noise.flat_field is not None)
    # They know every pixel by its place on the sensor.
    elsewhere = corrected and asked.offset_px != (0.0, 0.0)
    if corrected and (
        other_pixels or elsewhere or any(field_problems(Config.model_validate(data), asked.format))
    ):
        data["camera"]["noise"] |= {"dark_frame": None, "flat_field": None}
        said.append("dark frame and flat field are of other frames, and are not used")
    if camera_noise(Config.model_validate(data), None) is not None and other_pixels:
        data["camera"]["noise"] = None
        said.append(
            "camera.noise is of pixels of another depth or binning, and is not used: sigma is not known"
        )
    # After them: a Z-LUT of corrected images does not fit others.
    config = Config.model_validate(data)
    zlut = config.tracking.zlut
    reason = why_not_calibration(zlut, config) if zlut is not None else None
    if reason is not None:
        data["tracking"]["zlut"] = None
        said.append(f"beads have no z, as their Z-LUT does not fit: {reason}")
