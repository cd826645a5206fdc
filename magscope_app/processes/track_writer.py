"""Rows of a recording: tracks, telemetry and truth from their buffers into tracks files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from magscope_app.datatypes import MatrixBuffer
from magscope_app.datatypes.matrix_reader import MatrixReader
from magscope_app.datatypes.reader_entries import Start
from magscope_app.devices import Camera
from magscope_app.devices.lookup import load_driver
from magscope_app.messages import RecordingOrder
from magscope_app.operating_system import release_memory
from magscope_app.processes.handles import DRIFT, TRACKS, TRUTH, Handles, telemetry_name
from magscope_app.processes.id_ranges import SeenIds
from magscope_app.processes.part_limits import PartLimits
from magscope_app.storage import DatasetFolder, TracksFile

Rows = npt.NDArray[np.float64]
#: Drift that is farther behind is not measured any more.
_DRIFT_FRAMES = 500


class TrackWriter:
    """Moves rows from the buffers to the disk.

    Parameters
    ----------
    order : RecordingOrder
        What is recorded; without "Track" in its mode only telemetry and truth are written.
    handles : Handles
        Gives access to the buffers.
    folder : DatasetFolder
        Gives the parts their place.
    limits : PartLimits
        When a new part begins.
    start : str
        Where reading begins: ``"newest"``, or ``"resume"`` where the last reader ended.
    """

    def __init__(
        self,
        order: RecordingOrder,
        handles: Handles,
        folder: DatasetFolder,
        limits: PartLimits,
        *,
        start: Start = "newest",
    ) -> None:
        self._order = order
        self._handles = handles
        self._folder = folder
        self._limits = limits
        self.wants_tracks = "Track" in order.mode
        self._matrices = self._attach()
        self._readers = {
            name: matrix.reader("recording", start=start) for name, matrix in self._matrices.items()
        }
        # What was overwritten while nobody read stands before the first rows.
        self._lost = {
            name: -1 if start == "resume" else reader.counters.lost for name, reader in self._readers.items()
        }
        self._durable_before = 0
        self._durable = 0
        self._bytes_before = 0
        self._first = 0
        self._last_rows: dict[str, float] = {}
        self._tracked_frame, self._drift_frame = 0, -_DRIFT_FRAMES - 1
        self.seen = SeenIds(0)
        try:
            self._file = self._open_file()
        except BaseException:
            self._detach()
            raise

    def begin(
        self,
        first_frame_id: int,
        seen: SeenIds | None = None,
        last_rows: Mapping[str, float] | None = None,
    ) -> None:
        """Write frames from this id on; `seen` are those written before, `last_rows` as `Earlier` says."""
        self._first = first_frame_id
        self._last_rows = dict(last_rows or {})
        self._limits.begin()
        self.seen = seen if seen is not None else SeenIds(first_frame_id)
        self._durable_before = self.seen.count

    @property
    def frames_durable(self) -> int:
        """Frames that the operating system has."""
        return self._durable_before + self._durable

    @property
    def bytes_written(self) -> int:
        """Size of the parts written so far."""
        return self._bytes_before + self._file.path.stat().st_size

    def move(self, stop_frame_id: int | None = None, *, final: bool = False) -> None:
        """Write what has arrived, of frames before `stop_frame_id`, and hand it to the operating system.

        Raises
        ------
        MagscopeError
            What the disk says; rows that were not taken are kept and written by the next call.
        """
        # A part is begun only for rows that are there: the last one is never empty.
        if stop_frame_id is None and self._is_full() and self._readers[TRACKS].available:
            self._next_part()
        for name, reader in self._readers.items():
            rows = self._read(name, reader)
            if not len(rows):
                continue
            if name == TRACKS:
                self._tracked_frame = int(rows[-1, 0])
                lost_before, self._lost[name] = self._lost[name], reader.counters.lost
                self._append_tracks(rows, stop_frame_id, after_loss=self._lost[name] > lost_before)
            elif name == DRIFT:
                self._file.append_drift(self._wanted(rows, stop_frame_id))
                self._drift_frame = int(rows[-1, 0])
            elif name == TRUTH:
                self._file.append_truth(self._wanted(rows, stop_frame_id))
            else:
                self._file.append_telemetry(name.removeprefix("motor."), rows)
        self._durable = self._file.flush(final=final)

    def _is_full(self) -> bool:
        """Return whether the part has frames, and as much as it may."""
        size = self._file.path.stat().st_size
        return bool(self._durable) and self._limits.reached(size, self._durable)

    def _read(self, name: str, reader: MatrixReader) -> Rows:
        """Read what has come and, at first, what the recorder before had read and could not store."""
        last = self._last_rows.pop(name, None)
        # First: what comes meanwhile is read below.
        again = self._rows_after(last, self._matrices[name]) if last is not None else None
        rows: Rows = reader.read()
        if again is None:
            return rows
        return np.concatenate((again[again[:, 0] < rows[0, 0]] if len(rows) else again, rows))

    def _rows_after(self, last: float, matrix: MatrixBuffer) -> Rows:
        """Return what a buffer still holds of whole frames after `last`, in telemetry of times."""
        written = matrix.rows_written
        rows = matrix.newest(written)
        if len(rows) and len(rows) < written:
            # Of the oldest frame some rows may be overwritten.
            last = max(last, rows[0, 0])
        return rows[rows[:, 0] > last]

    @property
    def awaits_drift(self) -> bool:
        """Whether drift is measured, and that of the newest frames is still to come."""
        return self._tracked_frame - _DRIFT_FRAMES <= self._drift_frame < self._tracked_frame

    def settle(self, stop_frame_id: int) -> None:
        """Write the last of what has come of frames before `stop_frame_id`; `seen` is then what is written.

        Raises
        ------
        MagscopeError
            As `move`; what was not written is lost.
        """
        try:
            self.move(stop_frame_id, final=True)
        finally:
            if self.wants_tracks:
                self.seen.take_back(self.seen.count - self.frames_durable)

    def finish(self, exit_status: str) -> None:
        """Complete the file with what explains it, and let go of the buffers."""
        self._detach()
        self._close_file(exit_status)

    def _wanted(self, rows: Rows, stop_frame_id: int | None) -> Rows:
        """Return the rows of this recording's frames; the frame id is the first column."""
        stop = np.inf if stop_frame_id is None else stop_frame_id
        wanted: Rows = rows[(rows[:, 0] >= self._first) & (rows[:, 0] < stop)]
        return wanted

    def _append_tracks(self, rows: Rows, stop_frame_id: int | None, *, after_loss: bool) -> None:
        if self.wants_tracks:
            rows = self._wanted(rows, stop_frame_id)
            self._file.append_rows(rows)
            self.seen.add(rows[:, 0].astype(np.int64), after_loss=after_loss)

    def _next_part(self) -> None:
        # Tracking publishes whole frames, so no frame is cut in two.
        self._durable_before += self._file.flush(final=True)
        self._durable = 0
        self._close_file("continued")
        self._bytes_before = self.bytes_written
        release_memory()
        self._file = self._open_file()
        self._limits.begin()

    def _attach(self) -> dict[str, MatrixBuffer]:
        names = [TRACKS, DRIFT, *(telemetry_name(motor.name) for motor in self._handles.config.motors)]
        if TRUTH in self._handles.locks:
            names.append(TRUTH)
        return {name: self._handles.matrix(name) for name in names}

    def _detach(self) -> None:
        for matrix in self._matrices.values():
            matrix.close()

    def _open_file(self) -> TracksFile:
        config = self._handles.config
        units = {motor["name"]: motor for motor in self._order.facts["motors"]}
        truth_columns: tuple[str, ...] = ()
        if TRUTH in self._handles.locks:
            truth_columns = load_driver(config.camera.driver, Camera, config.drivers.path).truth_columns
        attributes: dict[str, Any] = {
            "nm_per_px": config.optics.nm_per_px,
            "roi_px": self._order.facts.get("roi_px", config.beads.roi_px),
            "focal_shift_factor": config.optics.focal_shift_factor,
            "surface_nm": config.optics.surface_nm,
            "mode": self._order.mode,
        }
        return TracksFile(
            self._folder.next_tracks_path(),
            unix_start_ns=self._order.anchor.unix_ns,
            attributes=attributes,
            telemetry={
                motor.name: {"unit": units.get(motor.name, {}).get("unit", ""), "role": motor.role}
                for motor in config.motors
            },
            truth_columns=truth_columns,
        )

    def _close_file(self, exit_status: str) -> None:
        events = self._folder.events.path
        self._file.close(
            exit_status,
            events_path=events if events.exists() else None,
            zlut_paths=self._folder.zlut_paths,
            documents=[self._folder.path / "config.toml"],
        )
