"""Pixels and ROIs in, x y z and their uncertainty out; Z-LUTs; bead finding."""

from __future__ import annotations

from magscope_app.tracking.finding import find_beads, rois_around
from magscope_app.tracking.flags import TrackFlag
from magscope_app.tracking.noise import CameraNoise
from magscope_app.tracking.tracker import Tracker
from magscope_app.tracking.tracks import Tracks
from magscope_app.tracking.zlut import ZLUT
from magscope_app.tracking.zlut_set import ZLUTSet

__all__ = ["ZLUT", "CameraNoise", "TrackFlag", "Tracker", "Tracks", "ZLUTSet", "find_beads", "rois_around"]
