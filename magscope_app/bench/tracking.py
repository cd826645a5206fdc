"""How many ROIs a second the tracker alone manages."""

from __future__ import annotations

import time

from magscope_app.bench.scene import frame_edge_px, make_scene
from magscope_app.devices import FrameFormat
from magscope_app.tracking import ZLUT, Tracker

_BEADS = 100


def rois_per_s(roi_px: int, method: str, threads: int, zlut: ZLUT | None, seconds: float = 0.5) -> float:
    """Return the ROIs tracked in a second, at 8 bit, 100 beads to a frame.

    Parameters
    ----------
    roi_px : int
        Edge of the ROIs.
    method, threads, zlut
        As for `Tracker`.
    seconds : float
        How long is measured.
    """
    edge = frame_edge_px(_BEADS, roi_px)
    scene = make_scene(_BEADS, roi_px, FrameFormat(edge, edge, 8), zlut)
    with Tracker(roi_px, zlut=zlut, method=method, threads=threads) as tracker:
        tracker.track(scene.frames, scene.corners)
        tracked, started = 0, time.perf_counter()
        while (passed := time.perf_counter() - started) < seconds:
            tracker.track(scene.frames, scene.corners)
            tracked += len(scene.frames) * _BEADS
    return tracked / passed
