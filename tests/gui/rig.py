"""A microscope without processes: real buffers, a real pipe, and a person who writes into them."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Collection, Mapping
from multiprocessing.context import SpawnContext
from typing import Any, TypeVar, cast

import numpy as np

from gui.session import Session as GuiSession
from magscope_app.calibration import BeadReport
from magscope_app.config import CameraConfig, Config, ForceConfig, ForceModel, MotorConfig, Optics
from magscope_app.datatypes import TRACKS_COLUMNS, Session, VideoBuffer
from magscope_app.devices import FrameFormat
from magscope_app.devices.setting import Setting, SettingKind
from magscope_app.messages import (
    Bead,
    CameraReady,
    Counters,
    Message,
    MotorInfo,
    MotorsReady,
    ProcessState,
    SystemStatus,
    VideoReady,
)
from magscope_app.processes.bead_owner import BeadOwner, roi_of
from magscope_app.processes.handles import make_handles, telemetry_name
from magscope_app.processes.link import Link
from magscope_app.processes.segments import LOCK_SHAPES, Segments
from magscope_app.tracking.flags import TrackFlag

FORMAT = FrameFormat(320, 240, 8)
ROI_PX = 32
NM_PER_PX = 100.0
SETTINGS = (
    Setting("exposure", SettingKind.FLOAT, 5.0, "ms", (0.1, 10.0), help="Time of light per frame"),
    Setting("gain", SettingKind.INT, 3, "", (0, 24)),
    Setting("trigger", SettingKind.CHOICE, "internal", choices=("internal", "external")),
    Setting("flip", SettingKind.BOOL, value=False),
    Setting("label", SettingKind.TEXT, "left"),
    Setting("temperature", SettingKind.FLOAT, 31.5, "°C", read_only=True),
)
_Sent = TypeVar("_Sent", bound=Message)


def config(**more: Any) -> Config:
    focus = MotorConfig(name="focus", driver="some.where:Focus", role="focus", limits=(-500.0, 500.0))
    return Config(
        camera=CameraConfig(driver="some.where:Camera", fps=100.0),
        optics=Optics(pixel_pitch_um=5.0, magnification=50.0),
        motors=(focus,),
        beads={"roi_px": ROI_PX, "max_beads": 50},
        **more,
    )


REPORTS = (
    BeadReport(0, "reference", "good", (), 2.5, 4.0, 2.6, 0.5, (-1700.0, 1700.0), 0.16, 1.1),
    BeadReport(2, "tethered", "poor", ("the rings are hardly seen",), 9.0),
    BeadReport(5, "tethered", "lost", ("it left its ROI",)),
)


def with_magnet() -> Config:
    """Return the config of a microscope with a focus, and a magnet whose force is known."""
    base = config()
    magnet = MotorConfig(
        name="magnet", driver="some.where:Magnet", role="magnet_height", limits=(1.0, 10.0), lowest=1.0
    )
    force = ForceConfig(model=ForceModel(f0_pn=40.0, decay_mm=2.0))
    return base.model_copy(update={"motors": (*base.motors, magnet), "force": force})


MAGNET = MotorInfo("magnet", "magnet_height", "mm", (1.0, 10.0))
FOCUS = MotorInfo("focus", "focus", "nm", (-500.0, 500.0))


class Rig:
    """The supervisor's end of one window."""

    def __init__(self, settings: Config | None = None) -> None:
        self.config = config() if settings is None else settings
        self.start_ns = time.perf_counter_ns()
        self._shared = Session.create()
        # No process is started here, and semaphores of this kind have no name that could outlive the test.
        kind = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
        context = cast("SpawnContext", multiprocessing.get_context(kind))
        shapes = {telemetry_name(motor.name): (500, 5) for motor in self.config.motors}
        shapes |= {"tracks": (20_000, len(TRACKS_COLUMNS)), **LOCK_SHAPES}
        self.handles = make_handles(context, self.config, self._shared, self.start_ns, shapes)
        self.segments = Segments(self.handles, shapes)
        near, far = context.Pipe()
        self.link, self.far = Link(near, "rig"), Link(far, "window")
        self.session = GuiSession(self.far, self.handles)
        assert self.segments.rois is not None
        self.beads = BeadOwner(self.segments.rois, ROI_PX)
        self.beads.format = FORMAT
        self._tracks = self.handles.tracks()
        self._axes = {motor.name: self.handles.telemetry(motor.name) for motor in self.config.motors}
        self._profile = self.handles.profile()
        self._frame_id = 0
        self.video: VideoBuffer | None = None

    def close(self) -> None:
        self.session.close()
        for axis in self._axes.values():
            axis.close()
        self._tracks.close()
        self._profile.close()
        self.link.close()
        self.far.close()
        self.segments.close()
        self._shared.close()

    # --- what the processes would do -----------------------------------------------------------

    def send(self, *messages: Message) -> None:
        """Send and wait until it is in the window's pipe."""
        for message in messages:
            self.link.send(message)
        assert self.link.flush(2.0)

    def open_devices(self, settings: tuple[Setting, ...] = SETTINGS) -> None:
        self.video = self.segments.create_video(FORMAT)
        self.send(VideoReady(FORMAT), CameraReady(FORMAT, settings, ""), self.status())
        known = [FOCUS, MAGNET]
        self.send(MotorsReady(tuple(info for info in known if info.name in self._axes)))

    def status(self, **changes: Any) -> SystemStatus:
        facts: dict[str, Any] = {
            "timestamp_ns": time.perf_counter_ns() - self.start_ns,
            "acquiring": True,
            "fps": 100.0,
            "beads": len(self.beads),
            "buffer_level": 0.02,
            "counters": Counters(frames_acquired=1000, frames_tracked=1000),
            "recording": None,
            "recording_seconds": 0.0,
            "free_disk_bytes": 812_000_000_000,
            "processes": (ProcessState("camera", "running", 11), ProcessState("tracking", "running", 12)),
            "awake": True,
        }
        return SystemStatus(**(facts | changes))

    def add_beads(self, *centres: tuple[float, float]) -> None:
        first = len(self.beads)
        self.beads.add(Bead(first + index, x, y) for index, (x, y) in enumerate(centres))
        self.send(self.beads.changed())

    def frame(self, *, age_s: float = 0.0) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Publish a frame with a ramp from left to right and a mark at (column 200, row 50)."""
        assert self.video is not None
        image = np.empty((FORMAT.height_px, FORMAT.width_px), np.uint8)
        image[:] = np.arange(FORMAT.width_px) // 2
        image[50, 200] = 255
        slot = self.video.begin()
        assert slot is not None
        slot[:] = image
        self.video.commit(timestamp_ns=self.now_ns() - int(age_s * 1e9), camera_frame=-1, device_tick=0)
        return image

    def rows(
        self,
        n_frames: int,
        *,
        z_nm: float = 300.0,
        step_ns: int = 10_000_000,
        flags: int = 0,
        lost: Collection[int] = (),
        ahead_s: float = 0.0,
    ) -> None:
        """Write rows of all beads, ending now: x swings by ±20 nm around the ROI.

        Some beads may be lost, and the last row may lie ahead of now, after those written before.
        """
        beads = self.beads.changed().beads
        end_ns, nowhere = self.now_ns() + int(ahead_s * 1e9), (np.nan,) * 3
        for index in range(n_frames):
            t_ns = end_ns - (n_frames - 1 - index) * step_ns
            swing = 20.0 * np.sin(self._frame_id / 7)
            rest = 1.0, 1.0, 2.5, 0.987, 0.0
            made = [
                (
                    self._frame_id,
                    t_ns,
                    *(
                        nowhere
                        if b.id in lost
                        else (b.x_px * NM_PER_PX + swing, b.y_px * NM_PER_PX, z_nm + b.id)
                    ),
                    b.id,
                    *roi_of(b.x_px, b.y_px, self.beads.roi_px)[::2],
                    *rest,
                    flags | TrackFlag.LOST if b.id in lost else flags,
                )
                for b in beads
            ]
            self._tracks.write(made)
            self._frame_id += 1

    def positions(
        self, tracks: Mapping[int, np.ndarray[Any, Any]], *, fps: float = 100.0, t0_s: float = 0.0
    ) -> None:
        """Write x, y, z in nm (n_frames, 3) of beads by their ids, from a session time on."""
        places = {
            bead.id: roi_of(bead.x_px, bead.y_px, self.beads.roi_px)[::2]
            for bead in self.beads.changed().beads
        }
        rest = 1.0, 1.0, 2.5, 0.987, 0.0, 0.0
        for index, of_frame in enumerate(zip(*tracks.values(), strict=True)):
            t_ns = (t0_s + index / fps) * 1e9
            self._tracks.write(
                [
                    (self._frame_id, t_ns, *xyz, bead_id, *places[bead_id], *rest)
                    for bead_id, xyz in zip(tracks, of_frame, strict=True)
                ]
            )
            self._frame_id += 1

    def profile(self, bead_id: int, values: np.ndarray[Any, Any] | None = None) -> None:
        made = np.cos(np.arange(16) / 2) * 40 + 100 if values is None else values
        self._profile.write_profile(0.0, bead_id, made)

    def focus(self, position: float, target: float, *, moving: bool) -> None:
        self.axis("focus", position, target, moving=moving)

    def axis(self, name: str, position: float, target: float, *, moving: bool, age_s: float = 0.0) -> None:
        t_ns = self.now_ns() - int(age_s * 1e9)
        self._axes[name].write(np.array([[t_ns, position, target, moving, not moving]]))

    def now_ns(self) -> int:
        return time.perf_counter_ns() - self.start_ns

    # --- what the window has said ---------------------------------------------------------------

    def heard(self) -> list[Message]:
        """Return what the window has sent; commands about beads are carried out."""
        assert self.far.flush(2.0)
        messages = []
        message = self.link.receive(0.05)
        while message is not None:
            messages.append(message)
            if self.beads.handle(message):
                self.send(self.beads.changed())
            message = self.link.receive(0.02)
        return messages

    def expect(self, kind: type[_Sent]) -> _Sent:
        """Return the only message of a kind that the window has sent since the last look."""
        found = [message for message in self.heard() if isinstance(message, kind)]
        assert len(found) == 1, found
        return found[0]


def _place(bead: Bead, swing_nm: float, z_nm: float) -> tuple[float, float, float]:
    return bead.x_px * NM_PER_PX + swing_nm, bead.y_px * NM_PER_PX, z_nm + bead.id
