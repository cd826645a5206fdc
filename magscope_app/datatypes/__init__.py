"""Shared-memory buffers: what one process writes, others see, without a copy and without a silent loss."""

from __future__ import annotations

import logging

from magscope_app.datatypes.bead_roi_buffer import BeadRoiBuffer
from magscope_app.datatypes.block import check_fits
from magscope_app.datatypes.columns import (
    DRIFT_COLUMNS,
    TELEMETRY_COLUMNS,
    TRACKS_COLUMNS,
    TRUTH_COLUMNS,
    XY_LOCK_COLUMNS,
    Z_LOCK_COLUMNS,
)
from magscope_app.datatypes.dtypes import bit_to_dtype, int_to_uint_dtype
from magscope_app.datatypes.errors import (
    BufferOverflow,
    BufferUnderflow,
    DatasetNotReadyError,
    SharedMemoryFullError,
)
from magscope_app.datatypes.frames import NO_PIXELS, Frame, FrameBatch
from magscope_app.datatypes.gaps import Gap
from magscope_app.datatypes.live_profile_buffer import LiveProfileBuffer
from magscope_app.datatypes.matrix_buffer import MatrixBuffer
from magscope_app.datatypes.matrix_reader import MatrixReader
from magscope_app.datatypes.reader_mode import (
    ReaderCounters,
    ReaderMode,
    ReaderStatus,
    RingCounters,
    RowCounters,
)
from magscope_app.datatypes.ring import required_bytes
from magscope_app.datatypes.session import Session, reap_dead_sessions
from magscope_app.datatypes.video_buffer import VideoBuffer
from magscope_app.datatypes.video_reader import VideoReader
from magscope_app.datatypes.wakes import make_wakes, wake_key
from magscope_app.datatypes.zlut_sweep_dataset import ZLUTSweepDataset

logger = logging.getLogger("magscope_app.datatypes")

__all__ = [
    "DRIFT_COLUMNS",
    "NO_PIXELS",
    "TELEMETRY_COLUMNS",
    "TRACKS_COLUMNS",
    "TRUTH_COLUMNS",
    "XY_LOCK_COLUMNS",
    "Z_LOCK_COLUMNS",
    "BeadRoiBuffer",
    "BufferOverflow",
    "BufferUnderflow",
    "DatasetNotReadyError",
    "Frame",
    "FrameBatch",
    "Gap",
    "LiveProfileBuffer",
    "MatrixBuffer",
    "MatrixReader",
    "ReaderCounters",
    "ReaderMode",
    "ReaderStatus",
    "RingCounters",
    "RowCounters",
    "Session",
    "SharedMemoryFullError",
    "VideoBuffer",
    "VideoReader",
    "ZLUTSweepDataset",
    "bit_to_dtype",
    "check_fits",
    "int_to_uint_dtype",
    "logger",
    "make_wakes",
    "reap_dead_sessions",
    "required_bytes",
    "wake_key",
]
