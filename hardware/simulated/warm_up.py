"""Compiles the simulated camera's loops once, into the user's cache folder."""

from __future__ import annotations

import numpy as np


def compile_kernels() -> None:
    """Compile every loop for 8 and 16 bit pixels; quick when the cache is warm."""
    from hardware.simulated import kernels
    from hardware.simulated.motion import BeadMotion
    from hardware.simulated.optics import bead_table
    from hardware.simulated.renderer import Light, Renderer

    table = bead_table(radius_nm=500.0, nm_per_px=100.0, roi_px=16, z_reach_nm=100.0)
    for dtype in (np.dtype(np.uint8), np.dtype(np.uint16)):
        renderer = Renderer(kernels, [table], dtype, 1)
        renderer.set_light(Light(1000.0, 0.5, 0.1, 0.0, 1.0, 255))
        renderer.draw(np.empty((20, 24), dtype), np.array([[12.0, 10.0, 0.0]]), np.zeros(1, np.int64), 1)
    BeadMotion(kernels, np.array([True]), 0.01).advance(1)
