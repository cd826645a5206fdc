"""What stands in one tracks file, as numpy arrays."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from magscope_app.datatypes.columns import DRIFT_COLUMNS, TELEMETRY_COLUMNS
from magscope_app.storage.reading.guard import DAMAGE
from magscope_app.storage.table import CHUNK_ROWS

#: One bead in one frame.
TRACKS_DTYPE: Final = np.dtype(
    [
        ("frame_id", np.uint64),
        ("timestamp_ns", np.uint64),
        ("t_ns", np.int64),
        ("bead_id", np.uint16),
        ("x_nm", np.float64),
        ("y_nm", np.float64),
        ("z_nm", np.float64),
        ("height_nm", np.float64),
        ("sigma_x_nm", np.float32),
        ("sigma_y_nm", np.float32),
        ("sigma_z_nm", np.float32),
        ("quality", np.float32),
        ("flags", np.uint8),
        ("roi_x_px", np.uint16),
        ("roi_y_px", np.uint16),
        ("focus_nm", np.float64),
    ]
)
#: One frame.
FRAMES_DTYPE: Final = np.dtype(
    [
        ("frame_id", np.uint64),
        ("timestamp_ns", np.uint64),
        ("t_ns", np.int64),
        ("focus_nm", np.float64),
        ("n_beads", np.uint32),
    ]
)
#: One state of one motor.
TELEMETRY_DTYPE: Final = np.dtype([(name, np.float64) for name in TELEMETRY_COLUMNS])
#: The drift of one frame.
DRIFT_DTYPE: Final = np.dtype([(name, np.float64) for name in DRIFT_COLUMNS])

_PER_FRAME: Final = ("frame_timestamps_ns", "frame_ids", "frame_session_ns", "focus_nm")
_PER_RECORD: Final = ("bead_ids", "positions_nm", "roi_positions_px", "sigma_nm", "quality", "flags")
Records = NDArray[np.void]
#: Bead ids are uint16.
_MOST_BEADS: Final = 65536


@dataclass(frozen=True, slots=True)
class Height:
    """From z and focus to the height above the surface: z_nm + factor · focus_nm − surface_nm."""

    focal_shift_factor: float
    surface_nm: float


class TracksContent:
    """The group /tracking of an open file; frames count from 0 here.

    Parameters
    ----------
    file : h5py.File
        Open.
    salvage : bool
        Go on behind damage: then `whole` says which frames make sense, and not all of them can be read.

    Raises
    ------
    KeyError, ValueError …
        If it is damaged: use it inside of `readable`.
    """

    def __init__(self, file: h5py.File, *, salvage: bool = False) -> None:
        self._file = file
        self._salvage = salvage
        self.lost_rows: dict[str, int] = {}
        self._group = file["tracking"]
        lengths = [len(self._group[name]) for name in _PER_FRAME]
        table = self._group["frame_offsets"]
        offsets = _salvaged(table) if salvage else table[:].astype(np.int64)
        n_records = min(len(self._group[name]) for name in _PER_RECORD)
        # Timestamps are appended last: what they count is whole.
        n_frames = min(*lengths, len(offsets) - 1)
        begins, ends = offsets[:n_frames], offsets[1 : n_frames + 1]
        self.whole = (begins >= 0) & (begins <= ends) & (ends <= np.minimum(n_records, begins + _MOST_BEADS))
        self.n_stamped = max(lengths)
        self.n_frames = n_frames if salvage or self.whole.all() else int(np.argmin(self.whole))
        self._offsets: NDArray[np.int64] = offsets[: self.n_frames + 1]

    @property
    def n_records(self) -> int:
        """Records of the whole frames."""
        return int(self._offsets[-1]) if self.n_frames else 0

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Where the records of each frame begin (n_frames + 1,)."""
        return self._offsets

    @property
    def height(self) -> Height:
        """How heights follow; NaN where the file does not say."""
        attributes = self._file.attrs
        factor, surface = (
            float(attributes.get(name, np.nan)) for name in ("focal_shift_factor", "surface_nm")
        )
        return Height(factor, surface)

    def frames(self, first: int = 0, stop: int | None = None) -> Records:
        """Return frames `first` to before `stop`, structured as `FRAMES_DTYPE`."""
        end = self.n_frames if stop is None else min(stop, self.n_frames)
        found = np.empty(max(0, end - first), FRAMES_DTYPE)
        if len(found):
            for name, source in zip(
                ("timestamp_ns", "frame_id", "t_ns", "focus_nm"), _PER_FRAME, strict=True
            ):
                found[name] = self._group[source][first:end]
            found["n_beads"] = np.diff(self._offsets[first : end + 1])
        return found

    def records(self, first: int = 0, stop: int | None = None) -> Records:
        """Return the records of frames `first` to before `stop`, structured as `TRACKS_DTYPE`."""
        frames = self.frames(first, stop)
        counts = frames["n_beads"]
        found = np.empty(int(counts.sum()), TRACKS_DTYPE)
        if not len(found):
            return found
        begin = int(self._offsets[first])
        rows = slice(begin, begin + len(found))
        for name in ("frame_id", "timestamp_ns", "t_ns", "focus_nm"):
            found[name] = np.repeat(frames[name], counts)
        found["bead_id"] = self._group["bead_ids"][rows]
        found["quality"] = self._group["quality"][rows]
        found["flags"] = self._group["flags"][rows]
        for source, names in (
            ("positions_nm", ("x_nm", "y_nm", "z_nm")),
            ("sigma_nm", ("sigma_x_nm", "sigma_y_nm", "sigma_z_nm")),
            ("roi_positions_px", ("roi_x_px", "roi_y_px")),
        ):
            block = self._group[source][rows]
            for column, name in enumerate(names):
                found[name] = block[:, column]
        height = self.height
        found["height_nm"] = found["z_nm"] + height.focal_shift_factor * found["focus_nm"] - height.surface_nm
        return found

    def devices(self) -> dict[str, dict[str, Any]]:
        """Return the devices with telemetry, and what is known about each: unit, role."""
        group = self._file["telemetry"]
        return {
            name: {key: value for key, value in group[name].attrs.items() if key != "columns"}
            for name in group
        }

    def telemetry(self, device: str) -> Records:
        """Return the rows of a device, structured as `TELEMETRY_DTYPE`."""
        return _structured(self._rows(self._file["telemetry"][device]), TELEMETRY_DTYPE)

    def drift(self) -> Records:
        """Return the drift, structured as `DRIFT_DTYPE`; empty where none was measured."""
        rows = self._rows(self._file["drift"]) if "drift" in self._file else np.empty((0, len(DRIFT_COLUMNS)))
        return _structured(rows, DRIFT_DTYPE)

    def truth(self) -> Records | None:
        """Return the truth with a field per column; None where there is none."""
        if "truth" not in self._file:
            return None
        table = self._file["truth"]
        names = [str(name) for name in table.attrs["columns"]]
        return _structured(self._rows(table), np.dtype([(name, np.float64) for name in names]))

    def _rows(self, table: h5py.Dataset) -> NDArray[np.float64]:
        if not self._salvage:
            return np.asarray(table[:], np.float64)
        pieces = [np.empty((0, table.shape[1]))]
        for begin in range(0, len(table), CHUNK_ROWS):
            with contextlib.suppress(*DAMAGE):
                pieces.append(np.asarray(table[begin : begin + CHUNK_ROWS], np.float64))
        found = np.concatenate(pieces)
        if len(found) < len(table):
            self.lost_rows[str(table.name)] = len(table) - len(found)
        return found


def _salvaged(offsets: h5py.Dataset) -> NDArray[np.int64]:
    """Return offsets (n,), -1 in the chunks that cannot be read."""
    found = np.full(len(offsets), -1, np.int64)
    for begin in range(0, len(offsets), CHUNK_ROWS):
        with contextlib.suppress(*DAMAGE):
            found[begin : begin + CHUNK_ROWS] = offsets[begin : begin + CHUNK_ROWS].astype(np.int64)
    return found


def _structured(table: NDArray[np.float64], dtype: np.dtype[np.void]) -> Records:
    found = np.empty(len(table), dtype)
    for column, name in enumerate(dtype.names or ()):
        found[name] = table[:, column]
    return found
