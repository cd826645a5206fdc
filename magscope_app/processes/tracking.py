"""The tracking process: frames in, bead rows out, in batches of whatever has arrived."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from magscope_app.calibration.messages import UseZLUTs, ZLUTsLoaded, ZLUTsUsed
from magscope_app.datatypes import FrameBatch, ReaderMode, VideoBuffer, VideoReader
from magscope_app.messages import (
    BeadsFound,
    CommandRefused,
    CorrectionsUsed,
    Event,
    FindBeads,
    FrameTimes,
    Message,
    ProcessReady,
    SelectBead,
    Shutdown,
    VideoReady,
)
from magscope_app.processes.calibration_doubts import calibration_doubts
from magscope_app.processes.calibration_file import (
    copy_of,
    load_calibration,
    why_not_calibration,
    why_not_roi,
)
from magscope_app.processes.camera_noise import camera_noise, correction_files, field_correction
from magscope_app.processes.focus import FocusHistory
from magscope_app.processes.frame_times import frame_times
from magscope_app.processes.handles import Handles
from magscope_app.processes.link import Link
from magscope_app.processes.lut_check import LutCheck
from magscope_app.processes.lut_places import LutPlaces
from magscope_app.processes.makeshift import KIND, Makeshift
from magscope_app.processes.patience import Patience
from magscope_app.processes.recorded_focus import RecordedFocus
from magscope_app.processes.rows import make_rows
from magscope_app.processes.segments import camera_waits, expected_format
from magscope_app.processes.speed_meter import SpeedMeter
from magscope_app.tracking import ZLUT, Tracker, TrackFlag, Tracks, ZLUTSet, find_beads

_log = logging.getLogger(__name__)
#: Longest wait for frames before messages are looked at.
_WAIT_S = 0.1
#: Frames wait in the ring for the first bead list at most this long.
_BEADS_WAIT_S = 3.0
#: Frames are taken together as far as they are tracked within this: the ring waits for a reader that gives a
#: sign of life, and a call of the tracker gives none.
_CALL_S = 0.2
#: The live profile is renewed no more often than this.
_PROFILE_EVERY_NS = 40_000_000
#: A preview reports what is at least so round, for the user to choose from.
_PREVIEW_THRESHOLD = 0.2


def run(link: Link, handles: Handles) -> None:
    """Track what the camera delivers until told to end."""
    loop = _TrackingLoop(link, handles)
    try:
        loop.run()
    finally:
        loop.close()


class _BeadList:
    """The ROIs as tracking needs them, renewed when the shared list has changed."""

    def __init__(self, handles: Handles) -> None:
        self._shared = handles.rois()
        self._version = -1
        self.ids: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self.corners: npt.NDArray[np.int64] = np.empty((0, 2), np.int64)
        #: Side of the ROIs; None as long as there are none.
        self.roi_px: int | None = None

    @property
    def version(self) -> int:
        return int(self._shared.version)

    def renew(self) -> None:
        if self.version == self._version:
            return
        self._version = self.version
        ids, rois = self._shared.get_beads()
        self.ids = ids.astype(np.int64)
        self.corners = np.ascontiguousarray(rois[:, (0, 2)].astype(np.int64))
        self.roi_px = int(rois[0, 1] - rois[0, 0]) if len(rois) else None

    def close(self) -> None:
        self._shared.close()


class _TrackingLoop:
    def __init__(self, link: Link, handles: Handles) -> None:
        self._link = link
        self._handles = handles
        config = handles.config
        self._nm_per_px = config.optics.nm_per_px
        self._roi_px = config.beads.roi_px
        self._zlut: ZLUT | ZLUTSet | None = None
        self._zlut_copy: Path | None = None
        self._corrections = CorrectionsUsed(correction_files(config))
        if config.tracking.zlut is not None:
            link.send(ZLUTsLoaded(self._load(config.tracking.zlut)))
            if not handles.restarted:
                self._tell_doubts()
        self._field = field_correction(self._corrections.files)
        self._form = expected_format(config)
        self._patience = Patience(camera_waits=camera_waits(config))
        self._makeshift = Makeshift(self._tell_makeshift)
        self._lut_check = LutCheck(lambda text: _log.warning("%s", text))
        self._lut_places = LutPlaces(lambda text: _log.error("%s", text))
        self._tracker = self._make_tracker()
        self._speed = SpeedMeter(config.camera.fps, config.tracking.threads)
        self._rows = handles.tracks()
        self._profile = handles.profile()
        self._beads = _BeadList(handles)
        focus = config.motor_with_role("focus")
        exposure_s = frame_times(config).exposure_s
        self._focus = FocusHistory(handles.telemetry(focus.name), exposure_s) if focus else None
        recorded = config.tracking.recorded_focus
        self._recorded_focus = RecordedFocus(recorded) if recorded else None
        self._video: VideoBuffer | None = None
        self._reader: VideoReader | None = None
        # Looked for in the very first frame, so that every bead is tracked from there on.
        self._finding = config.beads.find and not handles.restarted
        self._previewing = False
        self._selected: int | None = None
        self._profile_due_ns = 0
        self._frame_s = _CALL_S
        self._next_frame_id = 0
        self._ending = False

    def run(self) -> None:
        self._warm_up()
        if not self._handles.restarted:
            self._link.send(self._corrections)
        self._link.send(ProcessReady("tracking"))
        while not self._ending:
            reader = self._reader
            self._listen(0.2 if reader is None else 0.0)
            if reader is not None and reader.wait(_WAIT_S):
                batch = reader.acquire(1 if self._finding else self._frames_at_once())
                if batch is not None and self._finding:
                    self._find(batch)
                if batch is not None and self._previewing:
                    self._preview(batch)
                if batch is not None:
                    began = time.perf_counter()
                    self._track(batch)
                    self._tell_speed(len(batch), began)

    def _frames_at_once(self) -> int:
        return max(1, min(self._handles.config.buffer.n_images, int(_CALL_S / self._frame_s)))

    def _make_tracker(self) -> Tracker:
        config = self._handles.config
        noise = camera_noise(config, self._form)
        if self._field is not None:
            noise = self._field.noise(noise)
        # Beside the line: where the ring fills, no frame waits for a reference of the method "fast".
        return Tracker(
            self._roi_px,
            zlut=self._zlut,
            noise=noise,
            method=config.tracking.method,
            threads=config.tracking.threads,
            build="beside",
            has_time=self._patience,
        )

    def close(self) -> None:
        for part in (
            self._reader,
            self._video,
            self._tracker,
            self._rows,
            self._profile,
            self._beads,
            self._focus,
        ):
            if part is not None:
                part.close()

    def _warm_up(self) -> None:
        """Load the compiled kernels now, so that the first frame is not late."""
        blank = np.zeros((1, self._roi_px, self._roi_px), np.uint8)
        self._tracker.track(blank, np.zeros((1, 2), np.int64), bead_ids=np.zeros(1, np.int64), profiles=True)
        self._tracker.prepare()
        if self._finding:
            find_beads(blank[0], self._roi_px)

    def _positions(
        self,
        frames: npt.NDArray[Any],
        corners: npt.NDArray[np.int64],
        ids: npt.NDArray[np.int64],
        profiles: bool = False,
    ) -> Tracks:
        """Track ROIs, corrected by dark frame and flat field where the config names them."""
        if self._field is None:
            return self._tracker.track(frames, corners, ids, profiles)
        ceiling = 2**self._form.bits - 1 if self._form else None
        return self._field.track(self._tracker, frames, corners, ids, profiles, ceiling)

    def _listen(self, timeout_s: float) -> None:
        message = self._link.receive(timeout_s)
        while message is not None:
            self._handle(message)
            message = self._link.receive()

    def _handle(self, message: Message) -> None:
        match message:
            case VideoReady(form):
                if form != self._form:
                    self._form = form
                    self._tracker.close()
                    self._tracker = self._make_tracker()
                    self._warm_up()
                self._video = self._handles.video()
                self._reader = self._video.reader("tracking", ReaderMode.LOSSLESS)
                self._patience.attach(self._video, self._reader)
                self._link.send(ProcessReady("tracking-video"))
            case FindBeads(preview):
                self._previewing |= preview
                self._finding |= not preview
            case SelectBead(bead_id):
                if bead_id != self._selected:
                    self._selected = bead_id
                    self._profile.clear()
            case UseZLUTs(path, copy):
                self._use(path, copy)
            case FrameTimes(exposure_s, period_s):
                self._speed.expect(1.0 / period_s)
                if self._focus is not None:
                    self._focus.expose(exposure_s)
            case Shutdown():
                self._ending = True
            case _:
                _log.warning("the tracking process cannot handle %s", type(message).__name__)

    def _load(self, path: Path) -> Path:
        """Load a copy of these Z-LUTs, and return it: somebody may write other ones into the file."""
        self._zlut_copy = copy_of(path, self._handles.session)
        self._zlut = load_calibration(self._zlut_copy)
        return self._zlut_copy

    def _use(self, path: Path, copy: Path | None) -> None:
        """Take other Z-LUTs from the next batch on; what cannot be used leaves everything as it is.

        A process that was started again is given the copy that the one before had made, and used.
        """
        if copy is not None and copy == self._zlut_copy:
            return
        self._follow_beads()
        reason = None if copy else why_not_calibration(path, self._handles.config, self._roi_px)
        if reason is not None:
            self._link.send(CommandRefused("tracking", reason))
            return
        loaded = self._load(copy or path)
        if copy is None:
            self._tell_doubts()
        self._tracker.close()
        self._tracker = self._make_tracker()
        self._link.send(ZLUTsUsed(path, self._next_frame_id, loaded))

    def _tell_doubts(self) -> None:
        """Say what is not known of the Z-LUTs, and what z means with them."""
        if self._zlut is not None:
            for said in calibration_doubts(self._zlut, self._handles.config, self._corrections.files):
                _log.warning("%s", said)

    def _find(self, batch: FrameBatch) -> None:
        """Look for beads in a frame, which stays in the ring until their ROIs are known."""
        self._finding = False
        version = self._beads.version
        found = find_beads(batch.frames[0], self._roi_px)
        self._link.send(BeadsFound(tuple((float(x), float(y), float(score)) for x, y, score in found)))
        deadline = time.monotonic() + _BEADS_WAIT_S
        while len(found) and self._beads.version == version and time.monotonic() < deadline:
            if self._reader is not None:
                self._reader.beat()
            time.sleep(0.002)

    def _preview(self, batch: FrameBatch) -> None:
        """Report what may be a bead, certain or not, and change nothing."""
        self._previewing = False
        found = find_beads(batch.frames[-1], self._roi_px, threshold=_PREVIEW_THRESHOLD)
        centres = tuple((float(x), float(y), float(score)) for x, y, score in found)
        self._link.send(BeadsFound(centres, preview=True))

    def _follow_beads(self) -> None:
        """Take the bead list as it is now; ROIs of another size need another tracker."""
        self._beads.renew()
        roi_px = self._beads.roi_px
        if roi_px is not None and roi_px != self._roi_px:
            self._roi_px = roi_px
            if self._zlut is not None and (said := why_not_roi(self._zlut, roi_px)) is not None:
                _log.warning("%s; until then z comes from the pixels that were swept", said)
            self._tracker.close()
            self._tracker = self._make_tracker()
        self._lut_places.look(self._zlut, self._beads.ids, self._beads.corners, self._roi_px)

    def _track(self, batch: FrameBatch) -> None:
        """Track a batch, write the rows of its valid frames, and only then let go of it."""
        self._follow_beads()
        n_makeshift = self._tracker.n_makeshift
        if self._handles.restarted and not self._next_frame_id:
            self._link.send(replace(self._corrections, frame_id=int(batch.frame_ids[0])))
        tracks = self._positions(batch.frames, self._beads.corners, self._beads.ids)
        n_makeshift = self._tracker.n_makeshift - n_makeshift
        self._makeshift.batch(int(batch.frame_ids[0]), int(batch.frame_ids[-1]), n_makeshift)
        self._renew_profile(batch)
        self._check_lut(batch)
        valid = batch.validate()
        t_ns = batch.timestamps_ns.astype(np.float64)
        rows = make_rows(
            tracks,
            batch.frame_ids.astype(np.float64),
            t_ns,
            self._focus_nm(batch, t_ns),
            self._beads.ids.astype(np.float64),
            self._beads.corners.astype(np.float64),
            self._nm_per_px,
        )
        if not valid.all():
            rows = rows[np.repeat(valid, len(rows) // len(valid))]
        if len(rows):
            self._rows.write(rows)
        self._next_frame_id = int(batch.frame_ids[-1]) + 1
        batch.release()

    def _focus_nm(self, batch: FrameBatch, t_ns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        if self._recorded_focus is not None:
            return self._recorded_focus.at(batch.device_ticks)
        return self._focus.at(t_ns) if self._focus is not None else np.full(len(t_ns), np.nan)

    def _tell_makeshift(self, frame_id: int, fields: dict[str, Any]) -> None:
        t_ns = time.perf_counter_ns() - self._handles.session_start_ns
        self._link.send(Event(KIND, frame_id, t_ns, fields))

    def _tell_speed(self, n_frames: int, began_s: float) -> None:
        now_s = time.perf_counter()
        self._frame_s = max(1e-6, (now_s - began_s) / n_frames)
        self._speed.add(n_frames, now_s - began_s)
        waiting = self._video.level() if self._video is not None else 0.0
        speed = self._speed.news(now_s, waiting, len(self._beads.ids))
        if speed is not None:
            self._link.send(speed)

    def _check_lut(self, batch: FrameBatch) -> None:
        """Compare one bead with its Z-LUT, as long as there is one that was not."""
        bead = self._lut_check.due(self._beads.ids, self._zlut)
        # A line that is behind has other worries.
        if bead is None or not self._patience(True):
            return
        which = np.flatnonzero(self._beads.ids == bead)[:1]
        tracks = self._positions(
            batch.frames[-1:], self._beads.corners[which], self._beads.ids[which], profiles=True
        )
        seen = tracks.profiles is not None and not tracks.has(TrackFlag.LOST | TrackFlag.AT_EDGE).any()
        self._lut_check.look(bead, tracks.profiles[0, 0] if tracks.profiles is not None and seen else None)

    def _renew_profile(self, batch: FrameBatch) -> None:
        now_ns = time.perf_counter_ns()
        if self._selected is None or now_ns < self._profile_due_ns:
            return
        self._profile_due_ns = now_ns + _PROFILE_EVERY_NS
        which = np.flatnonzero(self._beads.ids == self._selected)
        if not len(which):
            return
        tracks = self._positions(
            batch.frames[-1:], self._beads.corners[which], self._beads.ids[which], profiles=True
        )
        if tracks.profiles is not None:
            self._profile.write_profile(
                float(batch.timestamps_ns[-1]) * 1e-9, self._selected, tracks.profiles[0, 0]
            )
