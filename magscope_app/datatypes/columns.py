"""Column names of the rows that travel through the matrix buffers."""

from __future__ import annotations

#: One bead in one frame. t_ns counts from the start of the session; z_nm is relative to the focal plane.
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

#: One state of one motor, in the unit of its axis.
TELEMETRY_COLUMNS = ("t_ns", "position", "target", "moving", "at_target")

#: Where a simulated bead really was, averaged over the exposure, how hard it was pulled, and how far its
#: tether reached; the extension of a stuck bead is 0.
TRUTH_COLUMNS = (
    "frame_id",
    "bead_id",
    "x_nm",
    "y_nm",
    "z_nm",
    "height_nm",
    "force_pn",
    "extension_nm",
)
