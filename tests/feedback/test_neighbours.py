"""Two beads near each other, in images: a ROI stays with its own bead, or where it is."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from hardware.simulated import kernels
from hardware.simulated.make_zlut import DEMO_LIGHT, DEMO_ROI_PX, NM_PER_PX, RADIUS_NM, sweep_images
from hardware.simulated.optics import bead_table
from hardware.simulated.renderer import Renderer
from magscope_app.config.feedback import XYLockConfig
from magscope_app.feedback.xy_lock import XYLock
from magscope_app.processes.rows import make_rows
from magscope_app.tracking import ZLUT, CameraNoise, Tracker

WIDTH, HEIGHT, ROI_PX, N_FRAMES = 320, 200, 64, 10
NOISE = CameraNoise(0.012, 8.0, 10.0, 255)
IDS = np.array([1, 2], np.int64)
Centres = dict[int, tuple[float, float]]


@cache
def _zlut() -> ZLUT:
    z_nm = np.arange(100.0, 901.0, 50.0)
    return ZLUT.from_sweep(sweep_images(z_nm, 1)[:, :, 4:68, 4:68].copy(), z_nm)


class Pair:
    """A camera, a tracker and an XY-lock on two beads."""

    def __init__(self, method: str) -> None:
        table = bead_table(radius_nm=RADIUS_NM, nm_per_px=NM_PER_PX, roi_px=DEMO_ROI_PX)
        self._renderer = Renderer(kernels, [table], np.dtype(np.uint8), 1)
        self._renderer.set_light(DEMO_LIGHT)
        self.tracker = Tracker(ROI_PX, _zlut(), NOISE, method=method)
        self.lock = XYLock(XYLockConfig(), ROI_PX, NM_PER_PX)
        self.lock.begin()
        self._count = 0

    def look(self, beads: list[tuple[float, float]], centres: Centres) -> Centres:
        """Let the lock look at a few frames of the beads; return where the ROIs are then."""
        frames = np.empty((N_FRAMES, HEIGHT, WIDTH), np.uint8)
        places = np.array([(x, y, 500.0) for x, y in beads])
        for frame in frames:
            self._count += 1
            self._renderer.draw(frame, places, np.zeros(len(beads), np.int64), self._count)
        corners = np.array([centres[bead_id] for bead_id in IDS]) - (ROI_PX - 1) / 2
        tracks = self.tracker.track(frames, corners.astype(np.int64), IDS)
        number = np.arange(self._count - N_FRAMES, self._count, dtype=float)
        rows = make_rows(tracks, number, 1e7 * number, number, IDS.astype(float), corners, NM_PER_PX)
        look = self.lock.look(rows, centres, (WIDTH, HEIGHT))
        return centres | {move.bead_id: (move.x_px, move.y_px) for move in look.moves}


@pytest.mark.parametrize("method", ["qi", "fast"])
@pytest.mark.parametrize("apart_px", [36.0, 52.0])
def test_a_roi_does_not_jump_to_the_neighbours_bead(method: str, apart_px: float) -> None:
    """Both drift, each followed by its own ROI; then one bead is gone, and its ROI leaves the other alone.

    Where the rings of both reach into both ROIs, the beads may not be believed: then ROIs stay.
    """
    pair = Pair(method)
    first = (100.0, 100.0)
    centres: Centres = {1: (99.5, 99.5), 2: (99.5 + apart_px, 99.5)}
    with pair.tracker:
        for step in range(12):
            moved_px = 1.5 * step
            beads = [(first[0] + moved_px, first[1]), (first[0] + apart_px + moved_px, first[1])]
            centres = pair.look(beads, centres)
            for bead_id, (x_px, y_px) in zip(IDS, beads, strict=True):
                if apart_px > 0.75 * ROI_PX:
                    assert math.dist(centres[bead_id], (x_px, y_px)) < 5, (step, centres)
            assert math.dist(centres[1], centres[2]) >= ROI_PX / 2
            assert math.dist(centres[1], beads[1]) >= ROI_PX / 2
        for _ in range(12):
            centres = pair.look(beads[1:], centres)
            assert math.dist(centres[2], beads[1]) < ROI_PX / 2
            assert math.dist(centres[1], beads[1]) >= ROI_PX / 2 - 5
            assert math.dist(centres[1], centres[2]) >= ROI_PX / 2


@pytest.mark.parametrize("method", ["qi", "fast"])
def test_a_bead_that_wanders_takes_no_other_roi_with_it(method: str) -> None:
    """One bead is gone; the other wanders to where it was. Neither ROI comes over the other."""
    pair = Pair(method)
    centres: Centres = {1: (99.5, 99.5), 2: (159.5, 99.5)}
    with pair.tracker:
        for step in range(26):
            centres = pair.look([(160.0 - 2.0 * step, 100.0)], centres)
            assert math.dist(centres[1], centres[2]) >= ROI_PX / 2
    assert "would come within" in pair.lock.state.reason


def test_a_bead_that_is_gone_is_not_believed_from_noise() -> None:
    """Without a neighbour: an empty ROI stays where it is."""
    pair = Pair("qi")
    centres: Centres = {1: (99.5, 99.5), 2: (249.5, 99.5)}
    with pair.tracker:
        for _ in range(5):
            centres = pair.look([(250.0, 100.0)], centres)
    assert centres == {1: (99.5, 99.5), 2: (249.5, 99.5)}
