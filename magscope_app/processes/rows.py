"""Tracks of a batch as rows of the tracks buffer."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from magscope_app.datatypes import TRACKS_COLUMNS
from magscope_app.tracking import TrackFlag, Tracks

#: The bead id of the row that stands for a frame without beads, so that every tracked frame is seen.
NO_BEAD = -1
#: The quality where the bead has no Z-LUT and so no z; others are 0 to 1, or NaN for a lost bead.
NO_ZLUT_QUALITY = -1.0
_COLUMN = {name: index for index, name in enumerate(TRACKS_COLUMNS)}

Floats = npt.NDArray[np.float64]


def make_rows(
    tracks: Tracks,
    frame_ids: Floats,
    t_ns: Floats,
    focus_nm: Floats,
    bead_ids: Floats,
    corners: Floats,
    nm_per_px: float,
) -> Floats:
    """Arrange tracks as TRACKS_COLUMNS rows, in frame order.

    Parameters
    ----------
    tracks : Tracks
        Arrays (n_frames, n_beads) in pixels and nm.
    frame_ids, t_ns, focus_nm : ndarray, (n_frames,)
        Of each frame.
    bead_ids : ndarray, (n_beads,)
        Of each ROI.
    corners : ndarray, (n_beads, 2)
        x0, y0 of each ROI in px.
    nm_per_px : float
        Pixel size at the sample.

    Returns
    -------
    ndarray, (n_frames · max(n_beads, 1), 14)
        A frame without beads gives one row with the bead id `NO_BEAD` and no position.
    """
    n_frames, n_beads = len(frame_ids), len(bead_ids)
    rows = np.full((n_frames, max(n_beads, 1), len(TRACKS_COLUMNS)), np.nan)

    def put(name: str, values: npt.NDArray[Any] | float) -> None:
        rows[:, :, _COLUMN[name]] = values

    put("frame_id", frame_ids[:, None])
    put("t_ns", t_ns[:, None])
    put("focus_nm", focus_nm[:, None])
    if not n_beads:
        put("bead_id", NO_BEAD)
        return rows.reshape(-1, len(TRACKS_COLUMNS))
    put("bead_id", bead_ids)
    put("roi_x_px", corners[:, 0])
    put("roi_y_px", corners[:, 1])
    put("x_nm", tracks.x_px * nm_per_px)
    put("y_nm", tracks.y_px * nm_per_px)
    put("z_nm", tracks.z_nm)
    put("sigma_x_nm", tracks.sigma_x_px * nm_per_px)
    put("sigma_y_nm", tracks.sigma_y_px * nm_per_px)
    put("sigma_z_nm", tracks.sigma_z_nm)
    put("quality", np.where(tracks.has(TrackFlag.NO_ZLUT), NO_ZLUT_QUALITY, tracks.quality))
    put("flags", tracks.flags)
    return rows.reshape(-1, len(TRACKS_COLUMNS))
