"""Rows of tracks made of numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from magscope_app.datatypes import TRACKS_COLUMNS

NM_PER_PX = 100.0


def tracks(
    places: Mapping[int, tuple[float, float]], frame_id: int = 0, n_frames: int = 1, **columns: float
) -> npt.NDArray[np.float64]:
    """Return rows of beads at places (px), the same in every frame."""
    usual = {"z_nm": 0.0, "sigma_z_nm": 1.0, "quality": 0.9, "focus_nm": 0.0}
    rows = []
    for frame in range(frame_id, frame_id + n_frames):
        for bead_id, (x_px, y_px) in places.items():
            row = usual | columns | {"frame_id": frame, "t_ns": 1e7 * frame, "bead_id": bead_id}
            row |= {"x_nm": NM_PER_PX * x_px, "y_nm": NM_PER_PX * y_px}
            rows.append([row.get(name, np.nan) for name in TRACKS_COLUMNS])
    return np.array(rows, np.float64)
