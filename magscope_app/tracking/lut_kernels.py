"""Compiled evaluation of a `LutModel`: radial part and template at any x, y and z."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from magscope_app.kernels import kernel

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

Four = tuple[float, float, float, float]


@kernel
def spline_weights(t: float) -> Four:
    """Return the four weights of a uniform cubic B-spline, 0 <= t < 1 after its second knot."""
    s = 1 - t
    return (
        s * s * s / 6,
        (3 * t * t * t - 6 * t * t + 4) / 6,
        (3 * s * s * s - 6 * s * s + 4) / 6,
        t * t * t / 6,
    )


@kernel
def spline_slopes(t: float) -> Four:
    """Return the derivatives by t of the four weights."""
    s = 1 - t
    return -s * s / 2, (9 * t * t - 12 * t) / 6, (12 * s - 9 * s * s) / 6, t * t / 2


@kernel
def polynomials(coefs: Float64, poly: Float64) -> None:
    """Write a spline's coefficients (n + 3,) as cubics a + b f + c f² + d f³, `poly` (n, 4)."""
    for k in range(poly.shape[0]):
        c0, c1, c2, c3 = coefs[k], coefs[k + 1], coefs[k + 2], coefs[k + 3]
        poly[k, 0] = (c0 + 4 * c1 + c2) / 6
        poly[k, 1] = (c2 - c0) / 2
        poly[k, 2] = (c0 - 2 * c1 + c2) / 2
        poly[k, 3] = (c3 - c0) / 6 + (c1 - c2) / 2


@kernel
def radial_at(
    radial: Float64, plane: float, planes_per_nm: float, work: Float64, poly: Float64, poly_z: Float64
) -> None:
    """Write the cubics in r of I and of dI/dz (per nm) at `plane`, z in steps of the model's planes.

    `radial` is `LutModel.radial` (n_z + 2, n + 3), `work` (2, n + 3), `poly` and `poly_z` (n, 4).
    """
    k = min(max(math.floor(plane), 0), radial.shape[0] - 4)
    a, b, c, d = spline_weights(plane - k)
    da, db, dc, dd = spline_slopes(plane - k)
    for j in range(radial.shape[1]):
        p, q, r, s = radial[k, j], radial[k + 1, j], radial[k + 2, j], radial[k + 3, j]
        work[0, j] = a * p + b * q + c * r + d * s
        work[1, j] = (da * p + db * q + dc * r + dd * s) * planes_per_nm
    polynomials(work[0], poly)
    polynomials(work[1], poly_z)


@kernel
def template_at(template: Float32, plane: float, blended: Float32) -> None:
    """Write the template's coefficients (size + 2, size + 2) at `plane`, z in steps of the model's planes."""
    k = min(max(math.floor(plane), 0), template.shape[0] - 4)
    weights = spline_weights(plane - k)
    a, b, c, d = (
        np.float32(weights[0]),
        np.float32(weights[1]),
        np.float32(weights[2]),
        np.float32(weights[3]),
    )
    for i in range(blended.shape[0]):
        p, q, r, s = template[k, i], template[k + 1, i], template[k + 2, i], template[k + 3, i]
        for j in range(blended.shape[1]):
            blended[i, j] = a * p[j] + b * q[j] + c * r[j] + d * s[j]


@kernel
def shift_template(blended: Float32, x: float, y: float, rows: Float32, image: Float32) -> None:
    """Write the template of a bead at (x, y) px into `image` (roi, roi); `rows` is work space (4, roi).

    Beyond the template's ends its outermost coefficients go on; such pixels are no part of a fit.
    """
    size = blended.shape[0]
    roi = image.shape[0]
    half = (size - 3) // 2
    first_x = math.floor(half - x)
    first_y = math.floor(half - y)
    wx = spline_weights(half - x - first_x)
    wy = spline_weights(half - y - first_y)
    ax, bx, cx, dx = np.float32(wx[0]), np.float32(wx[1]), np.float32(wx[2]), np.float32(wx[3])
    ay, by, cy, dy = np.float32(wy[0]), np.float32(wy[1]), np.float32(wy[2]), np.float32(wy[3])
    low = min(max(-first_x, 0), roi)
    high = max(min(roi, size - 3 - first_x), low)
    for step in range(roi + 3):
        source = blended[min(max(first_y + step, 0), size - 1)]
        target = rows[step % 4]
        for j in range(low, high):
            k = np.uint32(first_x + j)
            target[j] = (
                ax * source[k]
                + bx * source[k + np.uint32(1)]
                + cx * source[k + np.uint32(2)]
                + dx * source[k + np.uint32(3)]
            )
        for j in range(low):
            target[j] = source[0]
        for j in range(high, roi):
            target[j] = source[size - 1]
        if step >= 3:
            r0, r1, r2 = rows[(step - 3) % 4], rows[(step - 2) % 4], rows[(step - 1) % 4]
            line = image[step - 3]
            for j in range(roi):
                line[j] = ay * r0[j] + by * r1[j] + cy * r2[j] + dy * target[j]
