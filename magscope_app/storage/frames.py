"""From rows, one per bead and frame, to whole frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magscope_app.datatypes.columns import TRACKS_COLUMNS

_FRAME, _TIME, _BEAD, _QUALITY, _FOCUS, _FLAGS = (
    TRACKS_COLUMNS.index(name) for name in ("frame_id", "t_ns", "bead_id", "quality", "focus_nm", "flags")
)
_POSITION = slice(TRACKS_COLUMNS.index("x_nm"), TRACKS_COLUMNS.index("z_nm") + 1)
_ROI = slice(TRACKS_COLUMNS.index("roi_x_px"), TRACKS_COLUMNS.index("roi_y_px") + 1)
_SIGMA = slice(TRACKS_COLUMNS.index("sigma_x_nm"), TRACKS_COLUMNS.index("sigma_z_nm") + 1)
_LARGEST_UINT16 = 65535
_ALL_FLAGS = 255


@dataclass(frozen=True, slots=True)
class FrameBlock:
    """Whole frames with their records.

    Attributes
    ----------
    frame_ids : ndarray (n_frames,) uint64
        Ascending.
    session_ns : ndarray (n_frames,) int64
        Time since session start.
    focus_nm : ndarray (n_frames,) float64
        Focus travel.
    record_ends : ndarray (n_frames,) uint64
        Where the records of each frame end.
    bead_ids : ndarray (n_records,) uint16
    positions_nm : ndarray (n_records, 3) float64
    roi_positions_px : ndarray (n_records, 2) uint16
    sigma_nm : ndarray (n_records, 3) float32
    quality : ndarray (n_records,) float32
    flags : ndarray (n_records,) uint8
        One record per bead and frame.
    """

    frame_ids: NDArray[np.uint64]
    session_ns: NDArray[np.int64]
    focus_nm: NDArray[np.float64]
    record_ends: NDArray[np.uint64]
    bead_ids: NDArray[np.uint16]
    positions_nm: NDArray[np.float64]
    roi_positions_px: NDArray[np.uint16]
    sigma_nm: NDArray[np.float32]
    quality: NDArray[np.float32]
    flags: NDArray[np.uint8]


class FrameAssembler:
    """Collect rows until their frames are complete: when a row of a later frame has come, or at the end."""

    def __init__(self) -> None:
        self._waiting: list[NDArray[np.float64]] = []
        self._latest = -1.0
        self._lowest_allowed = 0.0

    def add(self, rows: ArrayLike) -> None:
        """Take rows, grouped by frame, in frame order; a frame may be split over several calls.

        Parameters
        ----------
        rows : array_like (n, 14)
            Columns as in `TRACKS_COLUMNS`; copied.

        Raises
        ------
        ValueError
            If a row cannot be right; all rows of the call are refused.
        """
        table = np.array(rows, dtype=np.float64)
        if table.ndim != 2 or table.shape[1] != len(TRACKS_COLUMNS):
            raise ValueError(f"rows of tracks have the shape (n, {len(TRACKS_COLUMNS)}), not {table.shape}")
        if not len(table):
            return
        _check_values(table)
        frames = table[:, _FRAME]
        first_allowed = max(self._latest, self._lowest_allowed)
        if frames[0] < first_allowed or np.any(np.diff(frames) < 0):
            expected = (
                "in ascending order"
                if frames[0] >= first_allowed
                else f"after frame {int(first_allowed) - 1}"
            )
            raise ValueError(
                f"rows of tracks come in frame order: {expected}, not from frame {int(frames.min())}"
            )
        self._waiting.append(table)
        self._latest = float(frames[-1])

    def take(self, *, final: bool) -> FrameBlock | None:
        """Return the complete frames, or all with `final`, and forget them; None if there are none."""
        if not self._waiting:
            return None
        table = np.concatenate(self._waiting)
        frames = table[:, _FRAME]
        end = len(table) if final else int(np.searchsorted(frames, frames[-1], side="left"))
        self._waiting = [table[end:]] if end < len(table) else []
        if not end:
            return None
        self._lowest_allowed = float(frames[end - 1]) + 1
        return _block(table[:end])


def _check_values(table: NDArray[np.float64]) -> None:
    whole = table[:, [_FRAME, _TIME, _BEAD]]
    if not np.all(np.isfinite(whole)) or np.any(whole != np.floor(whole)) or np.any(table[:, _FRAME] < 0):
        raise ValueError("frame_id, t_ns and bead_id are whole numbers, and no frame_id is negative")
    beads = table[:, _BEAD]
    if beads.min() < -1 or beads.max() > _LARGEST_UINT16:
        raise ValueError(f"bead_id lies between 0 and {_LARGEST_UINT16}, or is -1 for a frame without beads")
    corners = table[beads >= 0, _ROI]
    if not np.all((corners >= 0) & (corners <= _LARGEST_UINT16) & (corners == np.floor(corners))):
        raise ValueError(f"roi_x_px and roi_y_px are whole numbers between 0 and {_LARGEST_UINT16}")
    flags = table[beads >= 0, _FLAGS]
    if not np.all((flags >= 0) & (flags <= _ALL_FLAGS) & (flags == np.floor(flags))):
        raise ValueError(f"flags are whole numbers between 0 and {_ALL_FLAGS}")


def _block(table: NDArray[np.float64]) -> FrameBlock:
    frames = table[:, _FRAME]
    starts = np.flatnonzero(np.concatenate(([True], frames[1:] != frames[:-1])))
    is_record = table[:, _BEAD] >= 0
    records_before = np.concatenate(([0], np.cumsum(is_record)))
    records = table[is_record]
    return FrameBlock(
        frame_ids=frames[starts].astype(np.uint64),
        session_ns=table[starts, _TIME].astype(np.int64),
        focus_nm=table[starts, _FOCUS],
        record_ends=records_before[np.append(starts[1:], len(table))].astype(np.uint64),
        bead_ids=records[:, _BEAD].astype(np.uint16),
        positions_nm=records[:, _POSITION],
        roi_positions_px=records[:, _ROI].astype(np.uint16),
        sigma_nm=records[:, _SIGMA].astype(np.float32),
        quality=records[:, _QUALITY].astype(np.float32),
        flags=records[:, _FLAGS].astype(np.uint8),
    )
