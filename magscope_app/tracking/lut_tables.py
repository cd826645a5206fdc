"""Z-LUTs in the form that the kernels read: all planes in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.lut_splines import noise_beside, smooth_along_z, steady_light
from magscope_app.tracking.natural_splines import spline_slopes
from magscope_app.tracking.qi_kernels import MIN_RADII
from magscope_app.tracking.zlut import ZLUT

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LutTables:
    """Planes of several Z-LUTs below each other, each scaled to mean 0 and standard deviation 1.

    They are smoothed along z as much as cross-validation asks for: noise of the planes would pass for slopes,
    and z would seem better known than it is.

    Attributes
    ----------
    planes, slopes : ndarray of float32, (n_planes, n_radii)
        Profiles and their derivative by z (per nm).
    spreads : ndarray of float32, (n_planes, n_radii)
        Square root of the r-weighted sum of squared deviations over the radii up to this one.
    plane_z : ndarray of float64, (n_planes,)
        z of each plane in nm.
    rows : ndarray of int64, (n_luts, 3)
        First plane, the one after the last, and number of radii of each Z-LUT.
    variances : ndarray of float64, (n_luts,)
        What is left of the planes' own noise, as the variance of one pixel.
    """

    planes: npt.NDArray[np.float32]
    slopes: npt.NDArray[np.float32]
    spreads: npt.NDArray[np.float32]
    plane_z: FloatArray
    rows: npt.NDArray[np.int64]
    variances: FloatArray


def make_tables(zluts: Sequence[ZLUT], n_radii: int) -> LutTables:
    """Put Z-LUTs into one table on the radii 0, 1, 2 … px that tracker and Z-LUT share.

    Raises
    ------
    ValueError
        If a Z-LUT shares fewer than 8 radii with the tracker.
    """
    if not zluts:
        none = _float32(np.zeros((0, n_radii)))
        return LutTables(none, none, none, np.zeros(0), np.zeros((0, 3), np.int64), np.zeros(0))
    scaled = [_scaled(zlut, n_radii) for zlut in zluts]
    parts = [part for part, _ in scaled]
    slopes = [spline_slopes(zlut.z_nm, part) for zlut, part in zip(zluts, parts, strict=True)]
    planes = np.concatenate(parts)
    stops = np.cumsum([zlut.n_planes for zlut in zluts])
    rows = [
        (stop - zlut.n_planes, stop, _shared_radii(zlut, n_radii))
        for stop, zlut in zip(stops, zluts, strict=True)
    ]
    return LutTables(
        _float32(planes),
        _float32(np.concatenate(slopes)),
        _float32(_spreads(planes)),
        np.concatenate([zlut.z_nm for zlut in zluts]),
        np.array(rows, np.int64),
        np.array([variance for _, variance in scaled]),
    )


def _float32(values: FloatArray) -> npt.NDArray[np.float32]:
    """Return the values row by row in memory: another order would be another kernel to compile."""
    return np.ascontiguousarray(values, np.float32)


def _shared_radii(zlut: ZLUT, n_radii: int) -> int:
    shared = min(n_radii, int((zlut.n_radii - 1) * zlut.r_step_px + 1e-9) + 1)
    if shared < MIN_RADII:
        raise ValueError(
            f"the Z-LUT shares only {shared} radii with a tracker that uses {n_radii}; "
            f"at least {MIN_RADII} are needed: sweep again with a larger ROI"
        )
    return shared


def _scaled(zlut: ZLUT, n_radii: int) -> tuple[FloatArray, float]:
    """Return the smoothed profiles on the tracker's radii, in units in which float32 sums lose nothing.

    Also the variance per pixel that is left of their noise, in these units.
    """
    radii = np.arange(n_radii, dtype=np.float64)
    shared = _shared_radii(zlut, n_radii)
    if not np.ptp(zlut.profiles_at(radii[:shared])) > 0:
        raise ValueError("the Z-LUT has the same value everywhere; sweep a bead again")
    profiles = zlut.profiles_at(radii) * steady_light(zlut.z_nm, zlut.profiles)[:, None]
    used = profiles[:, :shared]
    spread = float(used.std())
    counts = np.maximum(zlut.counts, 1).astype(np.float64)
    # A circle has 2 pi r pixels: its mean has so many times less noise than one of them.
    pixels = np.sqrt(2 * np.pi * np.arange(used.shape[1]))[1:]
    matrix, left = smooth_along_z(zlut.z_nm, counts, used[:, 1:] * pixels, pixels)
    noise = noise_beside(matrix, used[:, 1:] * pixels, pixels)
    return np.asarray((matrix @ profiles - used.mean()) / spread), left * noise / spread**2


def _spreads(planes: FloatArray) -> FloatArray:
    weights = np.arange(planes.shape[1], dtype=np.float64)
    total = np.maximum(np.cumsum(weights), 1.0)
    first = np.cumsum(weights * planes, axis=1)
    second = np.cumsum(weights * planes * planes, axis=1)
    return np.sqrt(np.maximum(second - first * first / total, 0.0))
