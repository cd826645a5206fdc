"""Tracks less the drift."""

from __future__ import annotations

import numpy as np

from magscope_app.storage.reading.tracks_content import Records


def corrected(tracks: Records, drift: Records) -> Records:
    """Return tracks (n,) less the drift (m,) of their frames; NaN in frames without drift.

    The drift in z is a plane: dz + tilt_x · (x − centre_x) + tilt_y · (y − centre_y).
    """
    found = tracks.copy()
    if not len(drift):
        for name in ("x_nm", "y_nm", "z_nm", "height_nm"):
            found[name] = np.nan
        return found
    frame_ids = tracks["frame_id"].astype(np.float64)
    at = np.minimum(np.searchsorted(drift["frame_id"], frame_ids), len(drift) - 1)
    mine = drift[at]
    known = mine["frame_id"] == frame_ids
    dz_nm = (
        mine["dz_nm"]
        + mine["tilt_x"] * (tracks["x_nm"] - mine["centre_x_nm"])
        + mine["tilt_y"] * (tracks["y_nm"] - mine["centre_y_nm"])
    )
    for name, moved_nm in (
        ("x_nm", mine["dx_nm"]),
        ("y_nm", mine["dy_nm"]),
        ("z_nm", dz_nm),
        ("height_nm", dz_nm),
    ):
        found[name] = np.where(known, tracks[name] - moved_nm, np.nan)
    return found
