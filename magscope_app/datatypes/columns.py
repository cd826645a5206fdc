"""Column names of the rows that travel through the matrix buffers."""

from __future__ import annotations

#: One bead in one frame. t_ns counts from the start of the session; z_nm is relative to the focal plane;
#: flags are the bits of `magscope_app.tracking.TrackFlag`: why a number is missing or should be doubted.
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
    "flags",
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

#: One decision of the Z-lock. sent_ns is NaN where nothing was sent; correction_nm is focus travel.
Z_LOCK_COLUMNS = ("frame_id", "t_ns", "sent_ns", "error_nm", "correction_nm", "focus_nm", "n_beads")

#: One look of the XY-lock: distances of beads from the centres of their ROIs.
XY_LOCK_COLUMNS = ("frame_id", "t_ns", "rms_px", "farthest_px", "n_beads", "n_moved", "n_held")

#: The drift of one frame: at the centre of the reference beads, and its tilt (nm per nm).
DRIFT_COLUMNS = (
    "frame_id",
    "t_ns",
    "dx_nm",
    "dy_nm",
    "dz_nm",
    "tilt_x",
    "tilt_y",
    "centre_x_nm",
    "centre_y_nm",
    "n_beads",
)
