"""Makes the Z-LUT that the demo tracks with: ``python -m hardware.simulated.make_zlut OUT.npz``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hardware.simulated import kernels
from hardware.simulated.optics import bead_table
from hardware.simulated.renderer import Light, Renderer
from magscope_app.tracking import ZLUT

#: The demo's bead, optics and camera.
RADIUS_NM, NM_PER_PX, FOCAL_SHIFT_FACTOR = 500.0, 100.0, 0.88
DEMO_LIGHT = Light(
    background_e=8000.0, contrast=0.5, gain_dn_per_e=0.012, offset_dn=8.0, read_noise_e=10.0, highest_dn=255
)
#: The rings fade out as in a ROI of 64 px, whatever the ROI of the sweep.
DEMO_ROI_PX, SWEEP_ROI_PX = 64, 72
FIRST_NM, LAST_NM, STEP_NM = -3000.0, 5000.0, 50.0
FRAMES_PER_PLANE = 24


def sweep_images(z_nm: npt.NDArray[np.float64], seed: int) -> npt.NDArray[np.uint8]:
    """Return noisy images of one bead, (n_planes, FRAMES_PER_PLANE, SWEEP_ROI_PX, SWEEP_ROI_PX).

    The bead lies at a random part of a pixel in every image, so that pixels average out.
    """
    rng = np.random.default_rng(seed)
    table = bead_table(radius_nm=RADIUS_NM, nm_per_px=NM_PER_PX, roi_px=DEMO_ROI_PX)
    renderer = Renderer(kernels, [table], np.dtype(np.uint8), int(rng.integers(1 << 62)))
    renderer.set_light(DEMO_LIGHT)
    images = np.empty((len(z_nm), FRAMES_PER_PLANE, SWEEP_ROI_PX, SWEEP_ROI_PX), np.uint8)
    usual = np.zeros(1, np.int64)
    middle_px = 0.5 * (SWEEP_ROI_PX - 1)
    for plane, z in enumerate(z_nm):
        for image in images[plane]:
            x, y = middle_px + rng.uniform(-0.5, 0.5, 2)
            renderer.draw(image, np.array([[x, y, z]]), usual, int(rng.integers(1 << 62)))
    return images


def make_zlut(seed: int = 1) -> ZLUT:
    """Return the demo's Z-LUT from a simulated focus sweep; the same seed gives the same table."""
    z_nm = np.arange(FIRST_NM, LAST_NM + 0.5 * STEP_NM, STEP_NM)
    return ZLUT.from_sweep(
        sweep_images(z_nm, seed),
        z_nm,
        nm_per_px=NM_PER_PX,
        focal_shift_factor=FOCAL_SHIFT_FACTOR,
        metadata={"source": "simulated sweep", "bead_radius_nm": RADIUS_NM, "seed": seed},
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the table to the file that the command line names."""
    parser = argparse.ArgumentParser(description="Make the Z-LUT of the simulated demo.")
    parser.add_argument("out", type=Path, help="file to write, ending in .npz")
    out: Path = parser.parse_args(arguments).out
    make_zlut().save(out)


if __name__ == "__main__":
    main()
