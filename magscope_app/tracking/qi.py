"""The method "qi": its tables, its work arrays, and one call for a range of ROIs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.lut_tables import LutTables
from magscope_app.tracking.method import Job, Method, Setup
from magscope_app.tracking.noise import CameraNoise
from magscope_app.tracking.pixel_kernels import copy_rois
from magscope_app.tracking.qi_kernels import RIGHT, SMALL_ROI_PX, centre_rois, doubt
from magscope_app.tracking.z_kernels import find_heights

#: Pixels copied at a time as float32: they should stay in a core's second-level cache.
_PIXELS_AT_A_TIME = 1 << 17
_COARSE_ANGLES = 32
#: Mean squared error of rounding to whole grey levels, in DN².
ROUNDING_DN2 = 1 / 12


class QuadrantInterpolation:
    """Tracks ROIs by quadrant interpolation; one object per thread, because it owns its work arrays.

    Parameters
    ----------
    roi_px : int
        Edge of the square ROI.
    tables : LutTables
        All Z-LUTs.
    noise : CameraNoise or None
        None: uncertainties are NaN.
    """

    by_bead = False

    def __init__(self, roi_px: int, tables: LutTables, noise: CameraNoise | None) -> None:
        self._roi_px = roi_px
        self._right = RIGHT if roi_px < SMALL_ROI_PX else 0.0
        self._tables = tables
        self.at_a_time = max(1, _PIXELS_AT_A_TIME // roi_px**2)
        self._pixels = np.empty((self.at_a_time, roi_px * roi_px), np.float32)
        fine_angles = min(max(32, roi_px // 16 * 16), 128)
        self._profiles = np.empty((self.at_a_time, n_radii(roi_px)), np.float32)
        self._fits = np.empty(self.at_a_time, np.int64)
        self._likely, self._clipped = np.empty(self.at_a_time), np.empty(self.at_a_time)
        self._coarse, self._fine = _directions(_COARSE_ANGLES), _directions(fine_angles)
        self._work = np.zeros((8, max(2 * n_radii(roi_px), fine_angles)), np.float32)
        gain = noise.gain_dn_per_e if noise else 0.0
        offset = noise.offset_dn if noise else 0.0
        floor = (gain * noise.read_noise_e) ** 2 + ROUNDING_DN2 if noise else 0.0
        self._noise = np.array([gain, offset, floor], np.float32)

    def run(self, job: Job, first: int, stop: int) -> None:
        """Track the ROIs numbered first..stop − 1 and write into the job's arrays."""
        while first < stop:
            count = min(self.at_a_time, stop - first)
            self.run_few(job, first, count)
            self.doubt(job, first, count, fitted=False)
            first += count

    def run_few(self, job: Job, first: int, count: int) -> npt.NDArray[np.float32]:
        """Track at most `at_a_time` ROIs; return their pixels (at_a_time, roi, roi)."""
        profiles = job.profiles[first : first + count] if len(job.profiles) else self._profiles
        self._copy(job, first, count)
        centre_rois(
            self._pixels,
            job.rois,
            first,
            count,
            self._roi_px,
            self._coarse,
            self._fine,
            self._noise,
            self._work,
            job.columns,
            job.flags,
            profiles,
            self._fits,
            self._likely,
        )
        tables = self._tables
        find_heights(
            profiles,
            self._fits,
            job.lut_of_bead,
            first,
            count,
            self._noise,
            tables.planes,
            tables.slopes,
            tables.spreads,
            tables.plane_z,
            tables.rows,
            tables.variances,
            job.columns,
            job.flags,
        )
        return self._pixels.reshape(-1, self._roi_px, self._roi_px)

    def _copy(self, job: Job, first: int, count: int) -> None:
        """Copy the pixels of the ROIs, and note how many are clipped."""
        copy_rois(
            job.frames,
            job.rois,
            first,
            count,
            job.ceiling,
            self._roi_px,
            self._pixels,
            job.flags,
            self._clipped,
        )

    def doubt(self, job: Job, first: int, count: int, *, fitted: bool) -> None:
        """Take back what is doubtful of the ROIs last run, if beads with a Z-LUT were not fitted since."""
        doubt(
            self._pixels,
            self._likely,
            self._clipped,
            job.lut_of_bead,
            first,
            count,
            self._roi_px,
            fitted,
            self._right,
            job.columns,
            job.flags,
        )


def quadrant_interpolations(setup: Setup) -> list[Method]:
    """Return one object per thread."""
    return [QuadrantInterpolation(setup.roi_px, setup.tables, setup.noise) for _ in range(setup.threads)]


def n_radii(roi_px: int) -> int:
    """Return how many radii 0, 1, 2 … px a centred bead's profile has."""
    return roi_px // 2


def _directions(n_angles: int) -> npt.NDArray[np.float32]:
    """Return cosines and sines (2, n_angles), symmetric in the four quadrants."""
    angles = (np.arange(n_angles) + 0.5) * (2 * np.pi / n_angles)
    return np.stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
