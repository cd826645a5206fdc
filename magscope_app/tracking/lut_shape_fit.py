"""From the images of a focus sweep to the bead's shape: splines in r, and a 2-D template per plane.

Each plane's spline is fitted to all pixels around the estimated centres; the images are then fitted with
that spline, which gives better centres and each image's brightness, and the spline is fitted again. The
template is the mean of what then is left, shifted to the bead's centre.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.full_kernels import N_UNKNOWNS
from magscope_app.tracking.lut_kernels import polynomials, shift_template
from magscope_app.tracking.lut_shape import KNOTS_PER_PX, BeadShape
from magscope_app.tracking.lut_shape_kernels import add_to_spline, fit_at_plane, left_over
from magscope_app.tracking.lut_splines import coefficients

FloatArray = npt.NDArray[np.float64]
Images = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

#: Pulls coefficients that no pixel decides to a smooth course; pixels count 1 each.
_SMOOTHNESS = 1e-3
_EVEN = 1e4
#: Share of the mean grey level that is the variance without light, so that dark pixels do not decide alone.
_FLOOR = 0.05


def bead_shape(images: Images, centres_px: FloatArray, ceiling_dn: float) -> BeadShape:
    """Return the shape of a bead.

    Parameters
    ----------
    images : ndarray of uint8 or uint16, (n_planes, n_per_plane, size, size)
        The square ROI of one bead; every plane has an image in which it was found.
    centres_px : ndarray of float64, (n_planes, n_per_plane, 2)
        Estimated x and y; NaN where the bead was not found.
    ceiling_dn : float
        Grey level at which the camera clips.
    """
    planes = [_Plane(stack, xy, ceiling_dn) for stack, xy in zip(images, centres_px, strict=True)]
    reach = np.array([plane.reach() for plane in planes])
    # Seen in every plane is the narrowest reach; the tables go as far as the widest.
    seen = np.array([reach[:, 0].max(), reach[:, 1].min(), reach[:, 2].max(), reach[:, 3].min()])
    half = math.ceil(np.abs(reach).max())
    n_intervals = math.floor(math.sqrt(2.0) * (half + 1) * KNOTS_PER_PX) + 1
    radial = np.stack([plane.fit(n_intervals) for plane in planes])
    parts = [plane.template(coefs, half) for plane, coefs in zip(planes, radial, strict=True)]
    centres = np.full(centres_px.shape, np.nan)
    for plane, place in zip(planes, centres, strict=True):
        place[plane.found] = plane.unknowns[:, :2]
    templates = np.stack([part[0] for part in parts]).astype(np.float32)
    noise = np.array([part[1] for part in parts])
    return BeadShape(radial, templates, seen, centres, noise, ceiling_dn)


class _Plane:
    """The images of one plane and what is known of each."""

    def __init__(self, images: Images, centres_px: FloatArray, ceiling_dn: float) -> None:
        self.found = np.isfinite(centres_px).all(axis=1)
        self._images = images[self.found].astype(np.float32)
        self.unknowns = np.zeros((len(self._images), N_UNKNOWNS))
        self.unknowns[:, :2] = centres_px[self.found]
        self.unknowns[:, 3] = 1.0
        level = float(self._images.mean())
        self._noise = np.array([1.0, 0.0, _FLOOR * level, 0.0, ceiling_dn])
        self._ceiling_dn = ceiling_dn

    def reach(self) -> tuple[float, float, float, float]:
        """Return the least and largest x and y, from the bead, that an image of this plane shows."""
        last = self._images.shape[-1] - 1
        x, y = self.unknowns[:, 0], self.unknowns[:, 1]
        return -x.max(), last - x.min(), -y.max(), last - y.min()

    def fit(self, n_intervals: int) -> FloatArray:
        """Return the spline's coefficients (n_intervals + 3,), having improved centres and brightnesses."""
        coefs = self._spline(n_intervals)
        poly = np.zeros((n_intervals, 4))
        polynomials(coefs, poly)
        everywhere = np.array([-np.inf, np.inf, -np.inf, np.inf, self._ceiling_dn])
        for image, unknowns in zip(self._images, self.unknowns, strict=True):
            start = unknowns.copy()
            done = fit_at_plane(image, poly, everywhere, self._noise, unknowns)
            if not done or not unknowns[3] > 0 or np.hypot(*(unknowns[:2] - start[:2])) > 1.0:
                unknowns[:] = start
        # Only differences within the plane are known: its mean brightness stays.
        self.unknowns[:, 4] -= self.unknowns[:, 4].mean()
        self.unknowns[:, 3] /= self.unknowns[:, 3].mean()
        return self._spline(n_intervals)

    def template(self, coefs: FloatArray, half: int) -> tuple[FloatArray, float]:
        """Return the mean rest (2 half + 1, 2 half + 1) around the bead, and the variance around it."""
        size = self._images.shape[-1]
        poly = np.zeros((len(coefs) - 3, 4))
        polynomials(coefs, poly)
        n = 2 * half + 1
        total, squares, count = np.zeros((n, n)), np.zeros((n, n)), np.zeros((n, n))
        rest, moved, rows = np.zeros((size, size)), np.zeros((n, n), np.float32), np.zeros((4, n), np.float32)
        for image, unknowns in zip(self._images, self.unknowns, strict=True):
            left_over(image, unknowns, poly, rest)
            bent = coefficients(coefficients(rest).T).T.astype(np.float32)
            origin = (size - 1) // 2 + half - unknowns[:2]
            shift_template(np.ascontiguousarray(bent), origin[0], origin[1], rows, moved)
            seen = _seen(half, size, unknowns[1])[:, None] & _seen(half, size, unknowns[0])[None, :]
            total += np.where(seen, moved, 0.0)
            squares[seen] += moved[seen].astype(np.float64) ** 2
            count += seen
        mean = total / np.maximum(count, 1)
        several = count > 1
        spread = (squares - count * mean**2)[several] / (count[several] - 1)
        return mean, float(spread.mean()) if several.any() else math.nan

    def _spline(self, n_intervals: int) -> FloatArray:
        n = n_intervals + 3
        band, right = np.zeros((n, 4)), np.zeros(n)
        for image, unknowns in zip(self._images, self.unknowns, strict=True):
            add_to_spline(image, unknowns, band, right)
        third = np.diff(np.eye(n), 3, axis=0)
        matrix = _SMOOTHNESS * third.T @ third
        for offset in range(4):
            at = np.arange(n - offset)
            matrix[at, at + offset] += band[: n - offset, offset]
            if offset:
                matrix[at + offset, at] += band[: n - offset, offset]
        # A function of the radius is even: its slope at r = 0 vanishes.
        matrix[np.ix_([0, 2], [0, 2])] += _EVEN * np.array([[1.0, -1.0], [-1.0, 1.0]])
        return np.asarray(np.linalg.solve(matrix, right))


def _seen(half: int, size: int, centre: float) -> npt.NDArray[np.bool_]:
    """Return which whole distances −half..half from the centre lie inside the image."""
    at = centre + np.arange(-half, half + 1)
    return np.asarray((at >= 0) & (at <= size - 1))
