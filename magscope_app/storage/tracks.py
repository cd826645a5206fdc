"""The tracks file: positions of all beads, readable while it is written and after any end."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike

from magscope_app.datatypes.columns import DRIFT_COLUMNS, TELEMETRY_COLUMNS
from magscope_app.errors import MagscopeError
from magscope_app.storage.frames import FrameAssembler
from magscope_app.storage.hdf5 import copy_in, guarded, set_attributes
from magscope_app.storage.table import Table
from magscope_app.storage.tracking_group import TrackingGroup

#: The oldest file format that can be read while it is written.
_LIBVER = ("v110", "v110")
#: Some network drives know no locks.
_LOCKING = "best-effort"
#: Closing needs room for what is still in memory; it is refused later than any other write.
_CLOSING_BYTES = 2 * 2**20
#: Files that could not be written, and what is open of them: they must never be closed.
_GIVEN_UP: list[object] = []


class TracksFile:
    """Tracks, telemetry, drift and, in simulated runs, the truth, in one HDF5 file.

    ``/tracking`` has the layout of MagScope's "Tracking Data" files, schema 1, in frame order, and beside it
    ``frame_ids``, ``frame_session_ns``, ``focus_nm``, ``sigma_nm``, ``quality`` and ``flags``. Records are
    written before offsets, and frame timestamps last, after the rest has reached the operating system: the
    length of ``frame_timestamps_ns`` says how many frames are whole.

    While the file is written, and after a kill, it opens with ``h5py.File(path, "r", swmr=True)``; after
    `close`, with plain ``h5py.File(path)``. Use it from one thread.

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
    reserve_bytes : int
        `flush` refuses to write when the disk has less left: HDF5 does not survive a disk that is full to the
        brim.

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
        reserve_bytes: int = 32 * 2**20,
    ) -> None:
        devices = telemetry or {}
        if bad := [name for name in devices if not name or "/" in name or name.strip(".") == ""]:
            raise ValueError(f"devices whose names cannot stand in a file: {', '.join(map(repr, bad))}")
        self.path = Path(path)
        self._unix_start_ns = int(unix_start_ns)
        self._frames = FrameAssembler()
        self._n_frames = 0
        self._reserve_bytes = reserve_bytes
        file = guarded(self.path, "made", lambda: h5py.File(self.path, "x", libver=_LIBVER, locking=_LOCKING))
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
        self._tracking = TrackingGroup(file.create_group("tracking"), self._unix_start_ns)
        group = file.create_group("telemetry")
        self._telemetry = {}
        for device, about in devices.items():
            table = Table(group, device, np.float64, len(TELEMETRY_COLUMNS), TELEMETRY_COLUMNS)
            set_attributes(table.dataset, about)
            self._telemetry[device] = table
        self._drift = Table(file, "drift", np.float64, len(DRIFT_COLUMNS), DRIFT_COLUMNS)
        # None or one.
        self._truth = (
            [Table(file, "truth", np.float64, len(truth_columns), truth_columns)] if truth_columns else []
        )
        # From here on nothing new can be created, and readers may open the file.
        file.swmr_mode = True
        file.flush()

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
        rows : array_like (n, 14)
            Columns as in `TRACKS_COLUMNS`; copied. t_ns is ns since session start.

        Raises
        ------
        ValueError
            If a row cannot be right or comes out of order; all rows of the call are refused.
        """
        self._frames.add(rows)

    def append_telemetry(self, device: str, rows: ArrayLike) -> None:
        """Take rows (n, 5) of a device, columns as in `TELEMETRY_COLUMNS`; ValueError on any other."""
        if device not in self._telemetry:
            known = ", ".join(self._telemetry) or "none"
            raise ValueError(f"{self.path.name} has no table for the device {device!r}; devices: {known}")
        self._telemetry[device].add(rows)

    def append_drift(self, rows: ArrayLike) -> None:
        """Take rows (n, 10) of the drift, columns as in `DRIFT_COLUMNS`; ValueError on any other shape."""
        self._drift.add(rows)

    def append_truth(self, rows: ArrayLike) -> None:
        """Take rows (n, k) of the truth, columns as given at the start; ValueError on any other shape."""
        if not self._truth:
            raise ValueError(f"{self.path.name} was made without columns for the truth")
        self._truth[0].add(rows)

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
            If the disk has less than `reserve_bytes` left, for the final call less than closing needs (then
            nothing is lost: flush again when there is room), if it fails (then this file takes nothing
            more, and what was durable stays so), or if the file is closed.
        """
        room_bytes = min(_CLOSING_BYTES, self._reserve_bytes) if final else self._reserve_bytes
        self._write(final=final, room_bytes=room_bytes)
        return self._n_frames

    def _write(self, *, final: bool, room_bytes: int) -> None:
        if self._file is None:
            raise MagscopeError(f"the tracks file {self.path} is closed: nothing can be written any more")
        file = self._file
        try:
            free_bytes = shutil.disk_usage(self.path.parent).free
        except OSError as error:
            raise MagscopeError(
                f"the disk of {self.path} cannot be asked for its room ({error}); check that it is there"
            ) from error
        if free_bytes < room_bytes:
            raise MagscopeError(
                f"the disk of {self.path} is full ({free_bytes / 2**20:.0f} MB left); free some space"
            )
        try:
            guarded(self.path, "written", lambda: self._write_through(file, final=final))
        except MagscopeError:
            self._give_up(file)
            raise

    def _give_up(self, file: h5py.File) -> None:
        """Keep the file open for ever: HDF5 brings the process down if it is closed and cannot be written."""
        self._file = None
        _GIVEN_UP.append((self, file))

    def _write_through(self, file: h5py.File, *, final: bool) -> None:
        for table in (*self._telemetry.values(), self._drift, *self._truth):
            table.write()
        block = self._frames.take(final=final)
        if block is not None:
            self._tracking.write(block)
            file.flush()
            self._tracking.stamp(block)
        file.flush()
        if block is not None:
            self._n_frames += len(block.frame_ids)

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
            If the disk does not take it, or has no room for the rest; the tracks flushed before stay
            readable.
        """
        if self._file is None:
            return
        file = self._file
        try:
            self._write(final=True, room_bytes=_CLOSING_BYTES)
            guarded(self.path, "closed", file.close)
        except MagscopeError:
            # What was refused for want of room is still in memory, and closing would write it.
            self._give_up(file)
            raise
        self._file = None

        def explain() -> None:
            with h5py.File(self.path, "r+", libver=_LIBVER, locking=_LOCKING) as complete:
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
