"""How many ROIs a second the tracker alone manages."""

from __future__ import annotations

import time

from magscope_app.bench.scene import Scene, frame_edge_px, make_scene, usual_noise
from magscope_app.devices import FrameFormat
from magscope_app.tracking import ZLUT, Tracker

_BEADS, _BITS = 100, 8
#: Calls that are not counted: the method "fast" makes its references in the first ones.
_WARM_CALLS = 4


def tracker_and_scene(roi_px: int, method: str, threads: int, zlut: ZLUT | None) -> tuple[Tracker, Scene]:
    """Return a tracker, to be closed, and frames of the camera that it was told of; arguments as below."""
    edge = frame_edge_px(_BEADS, roi_px)
    noise = usual_noise(_BITS)
    scene = make_scene(_BEADS, roi_px, FrameFormat(edge, edge, _BITS), zlut, noise)
    return Tracker(roi_px, zlut=zlut, noise=noise, method=method, threads=threads), scene


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
    tracker, scene = tracker_and_scene(roi_px, method, threads, zlut)
    with tracker:
        for _ in range(_WARM_CALLS):
            tracker.track(scene.frames, scene.corners)
        tracked, started = 0, time.perf_counter()
        while (passed := time.perf_counter() - started) < seconds:
            tracker.track(scene.frames, scene.corners)
            tracked += len(scene.frames) * _BEADS
    return tracked / passed
