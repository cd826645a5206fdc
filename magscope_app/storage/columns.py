"""The columns of the rows that the tracks file takes."""

from __future__ import annotations

#: One row per bead and frame. t_ns is ns since session start; positions are nm, ROI corners px.
#: bead_id -1 says that the frame was tracked and holds no bead.
TRACKS_COLUMNS = (
    "frame_id",
    "t_ns",
    "x_nm",
    "y_nm",
    "z_nm",
    "bead_id",
    "roi_x_px",
    "roi_y_px",
    "sigma_x_nm",
    "sigma_y_nm",
    "sigma_z_nm",
    "quality",
    "focus_nm",
)

#: One row per reading of a device; position and target in the device's unit, moving and at_target 0 or 1.
TELEMETRY_COLUMNS = ("t_ns", "position", "target", "moving", "at_target")

#: One row per simulated bead and frame.
TRUTH_COLUMNS = ("frame_id", "bead_id", "x_nm", "y_nm", "z_nm", "height_nm")
