"""Rows of tracks, for tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from magscope_app.datatypes import TRACKS_COLUMNS


def make_rows(frames: range, n_beads: int) -> NDArray[np.float64]:
    """Return rows of `frames`, their values following from frame and bead; bead_id -1 without beads."""
    beads = np.arange(n_beads) if n_beads else np.array([-1])
    frame_id = np.repeat(np.asarray(frames, dtype=np.float64), len(beads))
    bead_id = np.tile(beads, len(frames)).astype(np.float64)
    values = {
        "frame_id": frame_id,
        "t_ns": frame_id * 10_000_000 + 123,
        "x_nm": frame_id + 0.25,
        "y_nm": bead_id + 0.5,
        "z_nm": -frame_id * bead_id,
        "bead_id": bead_id,
        "roi_x_px": 10 * np.maximum(bead_id, 0),
        "roi_y_px": 10 * np.maximum(bead_id, 0) + 1,
        "sigma_x_nm": bead_id + 1,
        "sigma_y_nm": bead_id + 2,
        "sigma_z_nm": bead_id + 3,
        "quality": np.full(len(frame_id), 0.5),
        "focus_nm": 2 * frame_id,
        "flags": bead_id % 200 + 1.0,
    }
    return np.column_stack([values[name] for name in TRACKS_COLUMNS])
