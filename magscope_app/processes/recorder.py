"""One recording: from the buffers into a dataset folder, with every frame accounted for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from magscope_app.datatypes import BeadRoiBuffer, Gap, MatrixBuffer, VideoBuffer
from magscope_app.devices import Camera
from magscope_app.devices.lookup import load_driver
from magscope_app.messages import Counters, Event, RecordingFinished, RecordingOrder
from magscope_app.processes.handles import TRACKS, TRUTH, Handles, telemetry_name
from magscope_app.processes.id_ranges import Range, SeenIds, clip, subtract, total, union
from magscope_app.processes.status_board import reader_counters
from magscope_app.processes.video_writer import VideoWriter
from magscope_app.storage import DatasetFolder, TracksFile

#: Rows are flushed to the operating system this often; house rule: at most 0.5 s behind.
_FLUSH_EVERY_S = 0.2
#: What was acquired may take this long to be tracked once the camera has stopped.
_DRAIN_S = 1.2


class Recorder:
    """Writes one dataset.

    Parameters
    ----------
    order : RecordingOrder
        Folder, name, mode and what the dataset says about itself.
    handles : Handles
        Gives access to the buffers.
    video : VideoBuffer
        The ring.

    Raises
    ------
    MagscopeError
        The dataset cannot be made.
    """

    def __init__(
        self, order: RecordingOrder, handles: Handles, video: VideoBuffer, rois: BeadRoiBuffer
    ) -> None:
        self._handles = handles
        self._video = video
        self._folder = DatasetFolder.create(
            order.folder,
            order.name,
            config_text=order.config_text,
            facts=order.facts | {"mode": order.mode},
            unix_start_ns=order.anchor.unix_ns,
        )
        self._matrices = self._attach_matrices()
        self._readers = {
            name: matrix.reader("recording", start="newest") for name, matrix in self._matrices.items()
        }
        wants_video, wants_rois = "Video" in order.mode, "ROIs" in order.mode
        self._video_writer = (
            VideoWriter(video, rois if wants_rois else None, self._folder, {"dataset": order.name})
            if wants_video
            else None
        )
        self._file = self._open_tracks_file(order)
        self._wants_tracks = "Track" in order.mode
        self._add_zlut()
        # Last: every frame from here on is read by the cursors above.
        self.start_id = video.counters().next_frame_id
        self._seen_rows = SeenIds(self.start_id)
        if self._video_writer is not None:
            self._video_writer.begin(self.start_id)
        self._newest_row_id = self.start_id - 1
        self._flush_due = 0.0
        self._durable = 0

    @property
    def path(self) -> Path:
        """The dataset's folder."""
        return self._folder.path

    # --- while it runs -----------------------------------------------------------------------

    def wait(self, timeout_s: float) -> None:
        """Wait until there is something to do."""
        if self._video_writer is not None:
            self._video_writer.wait(min(timeout_s, 0.05))
        else:
            time.sleep(timeout_s)

    def turn(self) -> None:
        """Move what has arrived to the disk. Raises what the disk says."""
        if self._video_writer is not None:
            while self._video_writer.take():
                if time.monotonic() > self._flush_due:
                    break
        if time.monotonic() >= self._flush_due:
            self._move_rows(None)

    def event(self, event: Event) -> None:
        """Keep something that happened."""
        self._folder.events.append(
            event.kind, timestamp_ns=event.timestamp_ns, frame_id=event.frame_id, **event.fields
        )

    @property
    def frames_recorded(self) -> int:
        """Frames that are whole in every file and that the operating system has."""
        counts = []
        if self._wants_tracks:
            counts.append(self._durable)
        if self._video_writer is not None:
            counts.append(self._video_writer.frames_stored)
        return min(counts)

    # --- the end -----------------------------------------------------------------------------

    def finish(self, exit_status: str, stop_id: int | None) -> RecordingFinished:
        """Record what was acquired before `stop_id` (None: until now) and complete the dataset."""
        head = self._video.counters()
        stop = head.next_frame_id if stop_id is None else min(stop_id, head.next_frame_id)
        errors: list[str] = []
        self._attempt(errors, lambda: self._drain(head.acquired, stop))
        if self._video_writer is not None:
            self._attempt(errors, self._video_writer.finish)
        counters, ledger = self._account(stop)
        status = "failed" if errors else exit_status
        for gap in ledger:
            self._attempt(errors, partial(self._loss_event, gap))
        self._attempt(errors, lambda: self._close_tracks(status))
        for matrix in self._matrices.values():
            matrix.close()
        self._attempt(errors, lambda: self._finish_folder(status, counters, ledger, errors))
        return RecordingFinished(self.path, status, counters, "; ".join(dict.fromkeys(errors)))

    def _drain(self, head: int, stop: int) -> None:
        """Take what is still on its way through tracking and ring, for a limited time."""
        deadline = time.monotonic() + _DRAIN_S
        while time.monotonic() < deadline:
            tracking = reader_counters(self._video, "tracking")
            tracked = tracking is None or tracking.position >= head
            self._move_rows(stop)
            busy = self._video_writer is not None and self._video_writer.take(stop)
            seen_video = self._video_writer is None or self._video_writer.caught_up_with(head)
            if tracked and seen_video and not busy:
                break
            if not busy:
                time.sleep(0.005)
        self._move_rows(stop, final=True)

    def _account(self, stop: int) -> tuple[Counters, list[Gap]]:
        """Count the frames of this recording by what became of them: each stands in exactly one place."""
        window = (self.start_id, max(stop, self.start_id))
        gaps = self._video.ledger()
        upstream = [gap for gap in gaps if gap.where == "camera" and window[0] < gap.first_id <= window[1]]
        ring = clip([(gap.first_id, gap.first_id + gap.count) for gap in gaps if gap.where == "ring"], window)
        tracking: list[Range] = []
        recording: list[Range] = []
        if self._wants_tracks:
            absent = subtract(clip(self._seen_rows.missing(window[1]), window), ring)
            tracking = subtract(absent, self._seen_rows.overwritten)
            recording = subtract(absent, tracking)
        if self._video_writer is not None:
            unseen = clip(self._video_writer.seen.missing(window[1]), window)
            recording = union([*recording, *subtract(unseen, [*ring, *tracking])])
        acquired = window[1] - window[0] - total(ring)
        counters = Counters(
            frames_acquired=acquired,
            frames_tracked=acquired - total(tracking),
            frames_recorded=acquired - total(tracking) - total(recording),
            lost_upstream=sum(gap.count for gap in upstream),
            lost_ring=total(ring),
            lost_tracking=total(tracking),
            lost_recording=total(recording),
        )
        ledger = list(upstream)
        for where, ranges in (("ring", ring), ("tracking", tracking), ("recording", recording)):
            ledger += [Gap(first, last - first, where, _why(gaps, where, first)) for first, last in ranges]
        return counters, sorted(ledger, key=lambda gap: gap.first_id)

    # --- parts -------------------------------------------------------------------------------

    def _attach_matrices(self) -> dict[str, MatrixBuffer]:
        names = [TRACKS, *(telemetry_name(motor.name) for motor in self._handles.config.motors)]
        if TRUTH in self._handles.locks:
            names.append(TRUTH)
        return {name: self._handles.matrix(name) for name in names}

    def _open_tracks_file(self, order: RecordingOrder) -> TracksFile:
        config = self._handles.config
        units = {
            motor["name"]: {"unit": motor["unit"], "role": motor["role"]} for motor in order.facts["motors"]
        }
        truth_columns: tuple[str, ...] = ()
        if TRUTH in self._handles.locks:
            truth_columns = load_driver(config.camera.driver, Camera, config.drivers.path).truth_columns
        attributes: dict[str, Any] = {
            "nm_per_px": config.optics.nm_per_px,
            "roi_px": config.beads.roi_px,
            "focal_shift_factor": config.optics.focal_shift_factor,
            "surface_nm": config.optics.surface_nm,
            "mode": order.mode,
        }
        return TracksFile(
            self._folder.next_tracks_path(),
            unix_start_ns=order.anchor.unix_ns,
            attributes=attributes,
            telemetry={motor.name: units.get(motor.name, {}) for motor in config.motors},
            truth_columns=truth_columns,
        )

    def _add_zlut(self) -> None:
        zlut = self._handles.config.tracking.zlut
        if zlut is not None:
            self._folder.add_zlut(zlut)

    def _move_rows(self, stop_id: int | None, *, final: bool = False) -> None:
        self._flush_due = time.monotonic() + _FLUSH_EVERY_S
        for name, reader in self._readers.items():
            lost_before = reader.counters.lost
            rows = reader.read()
            if not len(rows):
                continue
            if name == TRACKS:
                self._append_tracks(rows, stop_id, after_loss=reader.counters.lost > lost_before)
            elif name == TRUTH:
                keep = (rows[:, 0] >= self.start_id) & (rows[:, 0] < (np.inf if stop_id is None else stop_id))
                self._file.append_truth(rows[keep])
            else:
                self._file.append_telemetry(name.removeprefix("motor."), rows)
        self._durable = self._file.flush(final=final)

    def _append_tracks(self, rows: npt.NDArray[np.float64], stop_id: int | None, *, after_loss: bool) -> None:
        if not self._wants_tracks:
            return
        keep = rows[:, 0] >= self.start_id
        if stop_id is not None:
            keep &= rows[:, 0] < stop_id
        rows = rows[keep]
        self._file.append_rows(rows)
        self._seen_rows.add(rows[:, 0].astype(np.int64), after_loss=after_loss)

    def _loss_event(self, gap: Gap) -> None:
        now_ns = time.perf_counter_ns() - self._handles.session_start_ns
        self._folder.events.append("loss", timestamp_ns=now_ns, frame_id=gap.first_id, **asdict(gap))

    def _close_tracks(self, status: str) -> None:
        documents = [self.path / "config.toml"]
        self._file.close(
            status,
            events_path=self._folder.events.path if self._folder.events.path.exists() else None,
            zlut_paths=self._folder.zlut_paths,
            documents=documents,
        )

    def _finish_folder(self, status: str, counters: Counters, ledger: list[Gap], errors: list[str]) -> None:
        counts = asdict(counters) | {"frames_lost": counters.frames_lost}
        self._folder.finish(
            status, counts, [asdict(gap) for gap in ledger], start_frame_id=self.start_id, errors=list(errors)
        )

    @staticmethod
    def _attempt(errors: list[str], step: Callable[[], object]) -> None:
        """Take a step of the end; what goes wrong is kept and said, the next steps are taken all the same."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 - it is reported with the dataset
            errors.append(str(error) or type(error).__name__)


def _why(gaps: Sequence[Gap], where: str, frame_id: int) -> str:
    """Return the cause that the ring has noted for a frame, or what is known without one."""
    for gap in gaps:
        if gap.where == where and gap.first_id <= frame_id < gap.first_id + gap.count:
            return gap.why
    return "not tracked before the end" if where == "tracking" else "the disk did not keep up"
