"""The group /tracking of a tracks file."""

from __future__ import annotations

import h5py
import numpy as np

from magscope_app.storage.frames import FrameBlock
from magscope_app.storage.hdf5 import set_attributes
from magscope_app.storage.table import Table


class TrackingGroup:
    """Frames and their records in the layout of MagScope's "Tracking Data" files, schema 1.

    Beside that layout stand ``frame_ids``, ``frame_session_ns``, ``focus_nm``, ``sigma_nm``, ``quality``,
    ``flags``.
    One call of `write` is one batch.

    Parameters
    ----------
    group : h5py.Group
        Empty.
    unix_start_ns : int
        Unix time of the session's start.
    """

    def __init__(self, group: h5py.Group, unix_start_ns: int) -> None:
        self._group = group
        self._unix_start_ns = unix_start_ns
        set_attributes(
            group,
            {
                "schema_version": 1,
                "include_roi_positions": np.uint8(1),
                "record_order": "writer_append_order",
                "batch_sequence_order": "video_task_enqueue_order",
                "recording_start_ns": np.uint64(unix_start_ns),
            },
        )
        self._batches = {
            name: Table(group, f"batch_{name}", np.uint64)
            for name in ("sequence", "frame_start", "frame_count", "record_start", "record_count")
        }
        self._timestamps = Table(group, "frame_timestamps_ns", np.uint64)
        self._offsets = Table(group, "frame_offsets", np.uint64)
        self._offsets.append([0])
        self._frame_batch = Table(group, "frame_batch_sequence", np.uint64)
        self._frame_ids = Table(group, "frame_ids", np.uint64)
        self._session = Table(group, "frame_session_ns", np.int64)
        self._focus = Table(group, "focus_nm", np.float64)
        self._bead_ids = Table(group, "bead_ids", np.uint16)
        self._positions = Table(group, "positions_nm", np.float64, 3)
        self._rois = Table(group, "roi_positions_px", np.uint16, 2)
        self._sigma = Table(group, "sigma_nm", np.float32, 3)
        self._quality = Table(group, "quality", np.float32)
        self._flags = Table(group, "flags", np.uint8)

    def write(self, block: FrameBlock) -> None:
        """Append frames, all but their timestamps, and their records: records first, then offsets."""
        n_records, n_frames, sequence = (
            len(self._bead_ids),
            len(self._frame_ids),
            len(self._batches["sequence"]),
        )
        self._positions.append(block.positions_nm)
        self._bead_ids.append(block.bead_ids)
        self._rois.append(block.roi_positions_px)
        self._sigma.append(block.sigma_nm)
        self._quality.append(block.quality)
        self._flags.append(block.flags)
        self._offsets.append(block.record_ends + np.uint64(n_records))
        self._frame_ids.append(block.frame_ids)
        self._session.append(block.session_ns)
        self._focus.append(block.focus_nm)
        self._frame_batch.append(np.full(len(block.frame_ids), sequence))
        numbers = {
            "sequence": sequence,
            "frame_start": n_frames,
            "frame_count": len(block.frame_ids),
            "record_start": n_records,
            "record_count": len(block.bead_ids),
        }
        for name, number in numbers.items():
            self._batches[name].append([number])

    def stamp(self, block: FrameBlock) -> None:
        """Append the timestamps of frames that are written: from now on readers count them."""
        self._timestamps.append((block.session_ns + self._unix_start_ns).astype(np.uint64))
