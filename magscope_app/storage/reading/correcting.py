"""Tracks less the drift."""

from __future__ import annotations

import numpy as np

from magscope_app.storage.reading.tracks_content import Records


def corrected(tracks: Records, drift: Records, *, has_focus: bool) -> Records:
    """Return tracks (n,) less the drift (m,) of their frames; NaN in frames without drift.

    The drift in z is that of the height, a plane: dz + tilt_x · (x − centre_x) + tilt_y · (y − centre_y).
    z_nm is the distance from a focus that moves, and may have followed the drift: it stays as measured.
    Without such a focus it is the height itself, and is corrected.
    """
    found = tracks.copy()
    upwards = ("height_nm",) if has_focus else ("z_nm", "height_nm")
    if not len(drift):
        for name in ("x_nm", "y_nm", *upwards):
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
        *((name, dz_nm) for name in upwards),
    ):
        found[name] = np.where(known, tracks[name] - moved_nm, np.nan)
    return found
