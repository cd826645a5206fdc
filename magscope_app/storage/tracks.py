"""The tracks file: positions of all beads, readable while it is written and after any end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike

from magscope_app.errors import MagscopeError
from magscope_app.storage.columns import TELEMETRY_COLUMNS
from magscope_app.storage.frames import FrameAssembler, FrameBlock
from magscope_app.storage.hdf5 import copy_in, guarded, set_attributes
from magscope_app.storage.table import Table

#: The oldest file format that can be read while it is written.
_LIBVER = ("v110", "v110")


class TracksFile:
    """Tracks, telemetry and, in simulated runs, the truth, in one HDF5 file.

    ``/tracking`` has the layout of MagScope's "Tracking Data" files, schema 1, in frame order, and beside it
    ``frame_ids``, ``frame_session_ns``, ``focus_nm``, ``sigma_nm`` and ``quality``. Records are written before
    offsets, and frame timestamps last, after the rest has reached the operating system: the length of
    ``frame_timestamps_ns`` says how many frames are whole.

    While the file is written, and after a kill, open it with ``h5py.File(path, "r", swmr=True)``; after `close`,
    with plain ``h5py.File(path)``. Use it from one thread.

    Parameters
    ----------
    path : str or Path
        Must not exist yet.
    unix_start_ns : int
        Unix time of the session's start: what is added to session times to get ``frame_timestamps_ns``.
    attributes : mapping, optional
        Attributes of the file, such as ``nm_per_px``; what HDF5 cannot hold is written as JSON.
    telemetry : mapping of str to mapping, optional
        The devices that may send rows, and the attributes of each, such as ``{"magnet": {"unit": "mm"}}``.
        Devices cannot be added later.
    truth_columns : sequence of str
        Columns of ``/truth``, such as `TRUTH_COLUMNS`; without them there is no such table.

    Raises
    ------
    MagscopeError
        If the file cannot be made, for one because it exists.
    ValueError
        If a device's name holds a slash or is empty.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        unix_start_ns: int,
        attributes: Mapping[str, Any] | None = None,
        telemetry: Mapping[str, Mapping[str, Any]] | None = None,
        truth_columns: Sequence[str] = (),
    ) -> None:
        devices = telemetry or {}
        if bad := [name for name in devices if not name or "/" in name or name.strip(".") == ""]:
            raise ValueError(f"devices whose names cannot stand in a file: {', '.join(map(repr, bad))}")
        self.path = Path(path)
        self._unix_start_ns = int(unix_start_ns)
        self._frames = FrameAssembler()
        self._n_records = 0
        self._n_frames = 0
        self._n_batches = 0
        file = guarded(self.path, "made", lambda: h5py.File(self.path, "x", libver=_LIBVER))
        self._file: h5py.File | None = file
        try:
            guarded(
                self.path, "written", lambda: self._lay_out(file, attributes or {}, devices, truth_columns)
            )
        except BaseException:
            file.close()
            raise

    def _lay_out(
        self,
        file: h5py.File,
        attributes: Mapping[str, Any],
        devices: Mapping[str, Mapping[str, Any]],
        truth_columns: Sequence[str],
    ) -> None:
        set_attributes(file, {**attributes, "exit_status": "running"})
        self._lay_out_tracking(file.create_group("tracking"))
        group = file.create_group("telemetry")
        self._telemetry = {}
        for device, about in devices.items():
            table = Table(group, device, np.float64, len(TELEMETRY_COLUMNS), TELEMETRY_COLUMNS)
            set_attributes(table.dataset, about)
            self._telemetry[device] = table
        self._truth = (
            Table(file, "truth", np.float64, len(truth_columns), truth_columns) if truth_columns else None
        )
        # From here on nothing new can be created, and readers may open the file.
        file.swmr_mode = True
        file.flush()

    def _lay_out_tracking(self, group: h5py.Group) -> None:
        set_attributes(
            group,
            {
                "schema_version": 1,
                "include_roi_positions": np.uint8(1),
                "record_order": "writer_append_order",
                "batch_sequence_order": "video_task_enqueue_order",
                "recording_start_ns": np.uint64(self._unix_start_ns),
            },
        )
        self._batch = {
            name: Table(group, f"batch_{name}", np.uint64)
            for name in ("sequence", "frame_start", "frame_count", "record_start", "record_count")
        }
        self._frame_timestamps = Table(group, "frame_timestamps_ns", np.uint64)
        self._frame_offsets = Table(group, "frame_offsets", np.uint64)
        self._frame_offsets.append([0])
        self._frame_batch = Table(group, "frame_batch_sequence", np.uint64)
        self._frame_ids = Table(group, "frame_ids", np.uint64)
        self._frame_session = Table(group, "frame_session_ns", np.int64)
        self._focus = Table(group, "focus_nm", np.float64)
        self._bead_ids = Table(group, "bead_ids", np.uint16)
        self._positions = Table(group, "positions_nm", np.float64, 3)
        self._roi_positions = Table(group, "roi_positions_px", np.uint16, 2)
        self._sigma = Table(group, "sigma_nm", np.float32, 3)
        self._quality = Table(group, "quality", np.float32)

    @property
    def durable_frames(self) -> int:
        """Frames that the operating system has: they are read back after any death of this process."""
        return self._n_frames

    def append_rows(self, rows: ArrayLike) -> None:
        """Take rows of tracks, one per bead and frame, grouped by frame, in frame order.

        The rows of a frame may come in several calls: it is complete when a row of a later frame comes or at
        ``flush(final=True)``. A row with bead_id -1 adds a frame without records.

        Parameters
        ----------
        rows : array_like (n, 13)
            Columns as in `TRACKS_COLUMNS`; copied. t_ns is ns since session start.

        Raises
        ------
        ValueError
            If a row cannot be right or comes out of order; all rows of the call are refused.
        """
        self._frames.add(rows)

    def append_telemetry(self, device: str, rows: ArrayLike) -> None:
        """Take rows (n, 5) of a device, columns as in `TELEMETRY_COLUMNS`; ValueError on another shape or device."""
        if device not in self._telemetry:
            known = ", ".join(self._telemetry) or "none"
            raise ValueError(f"{self.path.name} has no table for the device {device!r}; devices: {known}")
        self._telemetry[device].add(rows)

    def append_truth(self, rows: ArrayLike) -> None:
        """Take rows (n, k) of the truth, columns as given at the start; ValueError on any other shape."""
        if self._truth is None:
            raise ValueError(f"{self.path.name} was made without columns for the truth")
        self._truth.add(rows)

    def flush(self, *, final: bool = False) -> int:
        """Write what is complete and hand it to the operating system.

        Parameters
        ----------
        final : bool
            Write the last frame, too: no more rows of it will come.

        Returns
        -------
        int
            Frames in the file that are durable, from its start.

        Raises
        ------
        MagscopeError
            If the disk does not take them, or the file is closed.
        """
        if self._file is None:
            raise MagscopeError(f"{self.path} is closed: nothing can be written any more")
        file = self._file

        def write() -> None:
            for table in self._telemetry.values():
                table.write()
            if self._truth is not None:
                self._truth.write()
            block = self._frames.take(final=final)
            if block is None:
                file.flush()
                return
            self._write_frames(block)
            file.flush()
            self._frame_timestamps.append((block.session_ns + self._unix_start_ns).astype(np.uint64))
            file.flush()
            self._n_frames += len(block.frame_ids)
            self._n_records += len(block.bead_ids)
            self._n_batches += 1

        guarded(self.path, "written", write)
        return self._n_frames

    def _write_frames(self, block: FrameBlock) -> None:
        self._positions.append(block.positions_nm)
        self._bead_ids.append(block.bead_ids)
        self._roi_positions.append(block.roi_positions_px)
        self._sigma.append(block.sigma_nm)
        self._quality.append(block.quality)
        self._frame_offsets.append(block.record_ends + np.uint64(self._n_records))
        self._frame_ids.append(block.frame_ids)
        self._frame_session.append(block.session_ns)
        self._focus.append(block.focus_nm)
        self._frame_batch.append(np.full(len(block.frame_ids), self._n_batches))
        counts = {"frame_count": len(block.frame_ids), "record_count": len(block.bead_ids)}
        starts = {"frame_start": self._n_frames, "record_start": self._n_records, "sequence": self._n_batches}
        for name, value in {**starts, **counts}.items():
            self._batch[name].append([value])

    def close(
        self,
        exit_status: str = "completed",
        *,
        events_path: Path | None = None,
        zlut_paths: Iterable[Path] = (),
        documents: Iterable[Path] = (),
    ) -> None:
        """Write the rest, complete the file and copy into it what explains it. Calling it again does nothing.

        Parameters
        ----------
        exit_status : str
            Written as the attribute of that name.
        events_path : Path, optional
            A file of JSON lines; becomes ``/events``, one string per event.
        zlut_paths : iterable of Path
            Become ``/zluts/<file name>``, bytes.
        documents : iterable of Path
            Text files, such as dataset.json and config.toml; become ``/documents/<file name>``, strings.

        Raises
        ------
        MagscopeError
            If the disk does not take it; the tracks flushed before stay readable.
        """
        if self._file is None:
            return
        try:
            self.flush(final=True)
        finally:
            file, self._file = self._file, None
            guarded(self.path, "closed", file.close)

        def explain() -> None:
            with h5py.File(self.path, "r+", libver=_LIBVER) as complete:
                copy_in(complete, events_path, zlut_paths, documents)
                if self._n_frames:
                    stamps = complete["tracking/frame_timestamps_ns"]
                    extremes = {
                        "min_frame_timestamp_ns": np.min(stamps),
                        "max_frame_timestamp_ns": np.max(stamps),
                    }
                    set_attributes(complete["tracking"], extremes)
                complete.attrs["exit_status"] = exit_status

        guarded(self.path, "completed", explain)
