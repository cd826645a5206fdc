"""Compiled making of references: linear functionals of the pixels that answer to x, y, z and gain.

Inverse-compositional alignment (Baker & Matthews, Int. J. Comput. Vis. 56, 221 (2004)) with everything that
depends only on the Z-LUT, the cell in z and the sub-pixel cell computed once.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from magscope_app.kernels import kernel, lean_kernel
from magscope_app.tracking.lut_kernels import radial_at, shift_template, template_at
from magscope_app.tracking.small_matrices import invert

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int8 = npt.NDArray[np.int8]

#: What `numbers` of a reference hold: inverse response (4 × 4), the variances of x, y and z that pixels with
#: the variance of their level, then of 1, cause (2 × 3), a cubic polynomial (20 × 3), 1 if pixels are left
#: out because they could be clipped, and the bead's signal, which is by how much χ² would rise without the
#: bead, for pixels whose weights 1 / variance are 1 on average.
INVERSE, BY_LIGHT, BY_FLOOR, POLYNOMIAL, CLIPS, SIGNAL = 0, 16, 19, 22, 82, 83
N_NUMBERS = 84
N_TERMS = 20
#: A pixel this many standard deviations below the ceiling is never clipped.
_CLEAR_OF_CEILING = 3.0
#: Images in `_Work`: derivatives by the seven parameters, and the weights.
_N_IMAGES = 8
#: The radial part is tabulated so finely that linear interpolation loses nothing.
STEPS_PER_KNOT = 16
_N_PARAMETERS = 7
#: Samples in the cell per axis; Chebyshev's points keep a cubic honest up to the cell's faces.
_N_SAMPLES = 4
_HIGHEST = 127


class Source(NamedTuple):
    """A `LutModel` for the kernels, and the camera's noise.

    Attributes
    ----------
    radial, template, ceiling, planes_per_nm
        Of the model; `template` may have no planes.
    reach : ndarray, (5,)
        Least and largest distance from the bead that may be used along x and along y, and the largest r.
    steps_per_px : float
        Knots per px times `STEPS_PER_KNOT`.
    noise : ndarray, (3,)
        Gain, offset, and the variance in DN² that does not depend on the light.
    """

    radial: Float64
    template: Float32
    ceiling: float
    planes_per_nm: float
    reach: Float64
    steps_per_px: float
    noise: Float64


class Cell(NamedTuple):
    """Which beads a reference is for, and which pixels it reads.

    Attributes
    ----------
    x, y : float
        Centre in px of the window.
    plane : float
        Centre along z in planes of the model.
    half_px, half_nm : float
        Half the cell's width.
    sampled : float
        How far from the centre, in half cells, the polynomial is fitted.
    size : int
        Edge of the window in px.
    every, check_every : int
        Every so many rows of pixels are used, from row every // 2 on; the same for the check.
    """

    x: float
    y: float
    plane: float
    half_px: float
    half_nm: float
    sampled: float
    size: int
    every: int
    check_every: int


class Reference(NamedTuple):
    """What is made: rows (4, n_pixels), numbers (`N_NUMBERS`,), and what the check needs (n_rows · size,)."""

    rows: Int8
    numbers: Float64
    check: Float32


class _Work(NamedTuple):
    """Work space: radial tables, images (8, size²), quantised rows (4, size²), samples; the template's."""

    tables: Float32
    images: Float32
    whole: Int8
    samples: Float64
    line: Float32
    blended: Float32
    lines: Float32
    shifted: Float32


@lean_kernel
def monomials(a: float, b: float, c: float, terms: Float64) -> None:
    """Write the twenty monomials up to third order."""
    terms[0] = 1.0
    terms[1], terms[2], terms[3] = a, b, c
    terms[4], terms[5], terms[6] = a * a, a * b, a * c
    terms[7], terms[8], terms[9] = b * b, b * c, c * c
    for k in range(6):
        terms[10 + k] = a * terms[4 + k]
    for k in range(3):
        terms[16 + k] = b * terms[7 + k]
    terms[19] = c * terms[9]


@kernel
def _tabulate(poly: Float64, table: Float32, slopes: Float32, steps_per_px: float) -> None:
    """Write values and slopes per px of the cubics `poly` (n, 4), `STEPS_PER_KNOT` of each."""
    for k in range(poly.shape[0]):
        a, b, c, d = poly[k, 0], poly[k, 1], poly[k, 2], poly[k, 3]
        for j in range(STEPS_PER_KNOT):
            f = j / STEPS_PER_KNOT
            table[k * STEPS_PER_KNOT + j] = a + f * (b + f * (c + f * d))
            slopes[k * STEPS_PER_KNOT + j] = (b + f * (2 * c + 3 * f * d)) * steps_per_px / STEPS_PER_KNOT


@kernel
def _render(table: Float32, steps_per_px: float, x: float, y: float, size: int, image: Float32) -> None:
    """Write the image (size²,) of a table of radii around (x, y)."""
    scale = np.float32(steps_per_px)
    last = np.float32(table.shape[0] - 2)
    for row in range(size):
        dy = np.float32(row - y)
        start = np.uint64(row) * np.uint64(size)
        for column in range(size):
            dx = np.float32(column) - np.float32(x)
            at = min(np.sqrt(dx * dx + dy * dy) * scale, last)
            below = np.int32(at)
            k = np.uint32(below)
            image[start + np.uint64(column)] = table[k] + (at - np.float32(below)) * (
                table[k + np.uint32(1)] - table[k]
            )


@kernel
def _dot(a: Float32, b: Float32) -> float:
    """Return the dot product, in float32 within a run of pixels and in float64 between the runs."""
    total = 0.0
    for start in range(0, a.shape[0], 256):
        part = np.float32(0)
        for k in range(start, min(start + 256, a.shape[0])):
            part += a[np.uint64(k)] * b[np.uint64(k)]
        total += float(part)
    return total


@kernel
def _weigh(source: Source, cell: Cell, image: Float32, weights: Float32) -> bool:
    """Write 1 / variance of each pixel, 0 where nothing was seen or the camera could clip; True if it can."""
    clips = False
    reach, noise, size = source.reach, source.noise, cell.size
    for row in range(size):
        dy = row - cell.y
        row_seen = reach[2] <= dy <= reach[3]
        for column in range(size):
            k = row * size + column
            variance = noise[0] * max(float(image[k]) - noise[1], 0.0) + noise[2]
            dx = column - cell.x
            seen = row_seen and reach[0] <= dx <= reach[1] and dx * dx + dy * dy <= reach[4] * reach[4]
            clear = image[k] < source.ceiling - _CLEAR_OF_CEILING * math.sqrt(variance)
            clips |= seen and not clear
            weights[k] = 1 / variance if seen and clear else 0.0
    return clips


@kernel
def _quantise(values: Float32, weights: Float32, row: Int8) -> None:
    """Write the values as int8 whose sum is exactly 0, so that an offset of all pixels drops out."""
    highest = np.float32(0)
    for value in values:
        highest = max(highest, abs(value))
    scale = np.float32(_HIGHEST) / highest if highest > 0 else np.float32(0)
    n = values.shape[0]
    total = 0
    for k in range(n):
        rounded = math.floor(values[k] * scale + np.float32(0.5))
        row[k] = rounded
        total += rounded
    # What rounding left over is taken from pixels spread over the image.
    sign = 1 if total > 0 else -1
    left = abs(total)
    stride = max(1, n // max(1, left))
    if n % stride == 0 and stride > 1:
        stride -= 1
    k = 0
    for _ in range(4 * n):
        if left == 0:
            break
        if weights[k] > 0 and abs(row[k] - sign) <= _HIGHEST:
            row[k] -= sign
            left -= 1
        k = (k + stride) % n


@kernel
def _fill_rows(parameters: Float32, weights: Float32, rows: Int8, numbers: Float64, work: Float32) -> bool:
    """Write the four quantised rows of H⁻¹JᵀW, and the signal; `parameters` (7, n) are the images of J."""
    n = weights.shape[0]
    information = np.empty((_N_PARAMETERS, _N_PARAMETERS))
    for a in range(_N_PARAMETERS):
        for k in range(n):
            work[k] = parameters[a, k] * weights[k]
        for b in range(a + 1):
            information[a, b] = information[b, a] = _dot(work, parameters[b])
    sum_of_weights = 0.0
    for weight in weights:
        sum_of_weights += weight
    # The gain's own information, offset and plane being free, is the signal at gain 1.
    covariance = np.empty((_N_PARAMETERS, _N_PARAMETERS))
    if not sum_of_weights > 0 or not invert(information[3:, 3:].copy(), covariance[3:, 3:]):
        return False
    numbers[SIGNAL] = 1 / (covariance[3, 3] * sum_of_weights)
    if not invert(information, covariance):
        return False
    for a in range(4):
        for k in range(n):
            total = 0.0
            for b in range(_N_PARAMETERS):
                total += covariance[a, b] * parameters[b, k]
            work[k] = total * weights[k]
        _quantise(work, weights, rows[a])
    return True


@kernel
def _respond(parameters: Float32, weights: Float32, rows: Int8, numbers: Float64, work: Float32) -> bool:
    """Write the inverse of the exact response of the quantised rows, and the variances of x, y and z."""
    n = weights.shape[0]
    response = np.empty((4, 4))
    for a in range(4):
        for k in range(n):
            work[k] = rows[a, k]
        for b in range(4):
            response[a, b] = _dot(work, parameters[b])
    inverse = np.empty((4, 4))
    if not invert(response, inverse):
        return False
    level = parameters[3]
    for a in range(4):
        numbers[INVERSE + 4 * a : INVERSE + 4 * a + 4] = inverse[a]
    for a in range(3):
        by_light = by_floor = 0.0
        for k in range(n):
            # Rows are 0 where pixels are left out.
            share = 0.0
            for b in range(4):
                share += inverse[a, b] * rows[b, k]
            by_floor += share * share
            by_light += share * share * level[k]
        numbers[BY_LIGHT + a], numbers[BY_FLOOR + a] = by_light, by_floor
    return True


@kernel
def _blend(source: Source, plane: float, work: _Work) -> None:
    """Blend the planes: `tables` (4, …) gets I, its slope, dI/dz and its slope; `blended` the template."""
    n = source.radial.shape[1] - 3
    spline = np.empty((2, n + 3))
    poly, poly_z = np.empty((n, 4)), np.empty((n, 4))
    radial_at(source.radial, plane, source.planes_per_nm, spline, poly, poly_z)
    _tabulate(poly, work.tables[0], work.tables[1], source.steps_per_px)
    _tabulate(poly_z, work.tables[2], work.tables[3], source.steps_per_px)
    if source.template.shape[0] > 0:
        template_at(source.template, plane, work.blended)


@kernel
def _slope_images(
    slopes: Float32, steps_per_px: float, x: float, y: float, size: int, along_x: Float32, along_y: Float32
) -> None:
    """Write the derivatives of the image by the bead's x and y: −I'(r) times the unit vector."""
    _render(slopes, steps_per_px, x, y, size, along_x)
    for row in range(size):
        dy = row - y
        for column in range(size):
            dx = column - x
            k = row * size + column
            slope = along_x[k] / math.sqrt(dx * dx + dy * dy + 1e-12)
            along_x[k] = -slope * dx
            along_y[k] = -slope * dy


@kernel
def _answers(source: Source, cell: Cell, x: float, y: float, work: _Work, answers: Float64) -> None:
    """Write the dot products of the first four images with that of a bead at (x, y) px.

    They are 0 but in every so many rows of pixels.
    """
    table, rows, size, every = work.tables[0], work.images, cell.size, cell.every
    last = np.float32(table.shape[0] - 2)
    scale, at_x = np.float32(source.steps_per_px), np.float32(x)
    row_0, row_1, row_2, row_3 = rows[0], rows[1], rows[2], rows[3]
    answers[:] = 0.0
    for row in range(every // 2, size, every):
        dy = np.float32(row - y)
        square = dy * dy
        start = np.uint64(row) * np.uint64(size)
        line = work.shifted[row]
        a = b = c = d = np.float32(0)
        # Nothing is stored in here: only then does the compiler look up whole vectors in the table.
        for column in range(size):
            j = start + np.uint64(column)
            dx = np.float32(column) - at_x
            at = min(np.sqrt(dx * dx + square) * scale, last)
            below = np.int32(at)
            k = np.uint32(below)
            value = table[k] + (at - np.float32(below)) * (table[k + np.uint32(1)] - table[k])
            value += line[np.uint64(column)]
            a += value * row_0[j]
            b += value * row_1[j]
            c += value * row_2[j]
            d += value * row_3[j]
        answers[0] += float(a)
        answers[1] += float(b)
        answers[2] += float(c)
        answers[3] += float(d)


@kernel
def _sample(source: Source, cell: Cell, numbers: Float64, work: _Work) -> None:
    """Fill the samples (64, 6): what the rows make of the model over the cell, and where it was put."""
    answers = np.empty(4)
    halves = np.array([cell.half_px, cell.half_nm])
    samples = work.samples
    at = cell.sampled * np.cos((np.arange(_N_SAMPLES) + 0.5) * math.pi / _N_SAMPLES)
    number = 0
    for z in at:
        _blend(source, cell.plane + z * cell.half_nm * source.planes_per_nm, work)
        for y in at:
            for x in at:
                moved_x, moved_y = cell.x + x * cell.half_px, cell.y + y * cell.half_px
                if source.template.shape[0] > 0:
                    shift_template(work.blended, moved_x, moved_y, work.lines, work.shifted)
                _answers(source, cell, moved_x, moved_y, work, answers)
                linear(numbers, answers, halves)
                samples[number, :3] = answers[:3]
                samples[number, 3], samples[number, 4], samples[number, 5] = x, y, z
                number += 1


@kernel
def _fit_polynomial(samples: Float64, numbers: Float64) -> bool:
    """Fit the cubic that turns the rows' answers into a position."""
    n = samples.shape[0]
    terms = np.empty((n, N_TERMS))
    for k in range(n):
        monomials(samples[k, 0], samples[k, 1], samples[k, 2], terms[k])
    normal, inverse = np.zeros((N_TERMS, N_TERMS)), np.empty((N_TERMS, N_TERMS))
    right = np.zeros((N_TERMS, 3))
    for k in range(n):
        for a in range(N_TERMS):
            for b in range(N_TERMS):
                normal[a, b] += terms[k, a] * terms[k, b]
            for b in range(3):
                right[a, b] += terms[k, a] * samples[k, 3 + b]
    for a in range(N_TERMS):
        normal[a, a] += 1e-9 * n
    if not invert(normal, inverse):
        return False
    for a in range(N_TERMS):
        for b in range(3):
            total = 0.0
            for c in range(N_TERMS):
                total += inverse[a, c] * right[c, b]
            numbers[POLYNOMIAL + 3 * a + b] = total
    return True


@lean_kernel
def linear(numbers: Float64, answers: Float64, halves: Float64) -> None:
    """Turn answers in place into x, y, z in halves of the cell, and the gain."""
    f0, f1, f2, f3 = answers[0], answers[1], answers[2], answers[3]
    for a in range(4):
        k = INVERSE + 4 * a
        answers[a] = numbers[k] * f0 + numbers[k + 1] * f1 + numbers[k + 2] * f2 + numbers[k + 3] * f3
    answers[0] /= answers[3] * halves[0]
    answers[1] /= answers[3] * halves[0]
    answers[2] /= answers[3] * halves[1]


@kernel
def _work(source: Source, size: int) -> _Work:
    """Allocate the work space."""
    n = size * size
    n_steps = (source.radial.shape[1] - 3) * STEPS_PER_KNOT
    edge = source.template.shape[1]
    return _Work(
        np.empty((4, n_steps), np.float32),
        np.empty((_N_IMAGES, n), np.float32),
        np.empty((4, n), np.int8),
        np.empty((_N_SAMPLES**3, 6)),
        np.empty(n, np.float32),
        np.empty((edge, edge), np.float32),
        np.empty((4, size), np.float32),
        np.zeros((size, size), np.float32),
    )


@kernel
def _draw(source: Source, cell: Cell, work: _Work) -> None:
    """Write the derivatives by x, y, z, gain (the image itself), offset and the plane's slopes."""
    images, tables, size = work.images, work.tables, cell.size
    _blend(source, cell.plane, work)
    _slope_images(tables[1], source.steps_per_px, cell.x, cell.y, size, images[0], images[1])
    _render(tables[2], source.steps_per_px, cell.x, cell.y, size, images[2])
    _render(tables[0], source.steps_per_px, cell.x, cell.y, size, images[3])
    half = 0.5 * (size - 1)
    if source.template.shape[0] > 0:
        shift_template(work.blended, cell.x, cell.y, work.lines, work.shifted)
    for row in range(size):
        for column in range(size):
            k = row * size + column
            images[3, k] += work.shifted[row, column]
            images[4, k] = 1.0
            images[5, k] = (column - half) / half
            images[6, k] = (row - half) / half


@kernel
def _keep_rest(cell: Cell, work: _Work, weights: Float32, check: Float32) -> None:
    """Write what the radial model lacks in the rows that the check reads; NaN where a pixel says nothing."""
    size = cell.size
    for i in range(check.shape[0] // size):
        row = i * cell.check_every + cell.check_every // 2
        for column in range(size):
            seen = weights[row * size + column] > 0
            check[i * size + column] = work.shifted[row, column] if seen else math.nan


@kernel
def _keep_rows(cell: Cell, work: _Work, rows: Int8) -> None:
    """Write the quantised rows of the pixels in use, and all of them as floats for the samples."""
    size = cell.size
    for a in range(4):
        for k in range(size * size):
            work.images[a, k] = work.whole[a, k]
        used = 0
        for row in range(cell.every // 2, size, cell.every):
            rows[a, used : used + size] = work.whole[a, row * size : (row + 1) * size]
            used += size


@kernel
def build_reference(source: Source, cell: Cell, reference: Reference) -> bool:
    """Make one reference; False if the model says nothing there."""
    size, numbers = cell.size, reference.numbers
    work = _work(source, size)
    _draw(source, cell, work)
    images, weights = work.images, work.images[_N_PARAMETERS]
    numbers[CLIPS] = 1.0 if _weigh(source, cell, images[3], weights) else 0.0
    _keep_rest(cell, work, weights, reference.check)
    for row in range(size):
        if (row - cell.every // 2) % cell.every != 0:
            weights[row * size : (row + 1) * size] = 0.0
    if not _fill_rows(images[:_N_PARAMETERS], weights, work.whole, numbers, work.line):
        return False
    if not _respond(images[:4], weights, work.whole, numbers, work.line):
        return False
    _keep_rows(cell, work, reference.rows)
    _sample(source, cell, numbers, work)
    return _fit_polynomial(work.samples, numbers)
