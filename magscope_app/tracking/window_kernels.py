"""Compiled handling of the window of pixels that follows a bead through the frame."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from magscope_app.kernels import lean_kernel

#: Pixels as the dot products read them: uint8 as they are, uint16 less 32768.
Window = npt.NDArray[np.uint8] | npt.NDArray[np.int16]
Frame = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Float64 = npt.NDArray[np.float64]


@lean_kernel
def window_start(centre: float, size: int, first: int, stop: int) -> int:
    """Return the first pixel of the window around a centre, inside the pixels first..stop − 1.

    Away from their ends the centre lies at size / 2 − 1 ... size / 2 in the window.
    """
    return min(max(math.floor(centre - 0.5 * size + 1), first), stop - size)


@lean_kernel
def copy_rows(frame: Frame, x0: int, y0: int, size: int, every: int, shift: int, window: Window) -> int:
    """Copy `every`-th rows of size × size pixels, less `shift`, below each other; return how many pixels."""
    # Unsigned indices: only then does the compiler copy and multiply whole vectors.
    target = np.uint64(0)
    for row in range(every // 2, size, every):
        source = np.uint64(y0 + row)
        for column in range(size):
            value = np.int32(frame[source, np.uint64(x0) + np.uint64(column)])
            window[target + np.uint64(column)] = value - np.int32(shift)
        target += np.uint64(size)
    return int(target)


@lean_kernel
def copy_window(frame: Frame, x0: int, y0: int, size: int, shift: int, window: Window) -> int:
    """Copy size × size pixels, less `shift`, into `window` (size²,); return the highest grey level."""
    copy_rows(frame, x0, y0, size, 1, shift, window)
    return highest_level(window, shift)


@lean_kernel
def highest_level(window: Window, shift: int) -> int:
    """Return the highest grey level of a window that was copied less `shift`."""
    highest = window[0]
    for k in range(window.shape[0]):
        highest = max(highest, window[np.uint64(k)])
    return int(highest) + shift


@lean_kernel
def four_dots(window: Window, rows: npt.NDArray[np.int8], n: int, at_a_time: int, forces: Float64) -> None:
    """Write the exact dot products of `rows` (4, n) with the window; `at_a_time` pixels cannot overflow."""
    row_0, row_1, row_2, row_3 = rows[0], rows[1], rows[2], rows[3]
    total_0 = total_1 = total_2 = total_3 = np.int64(0)
    start = 0
    while start < n:
        stop = min(n, start + at_a_time)
        a = b = c = d = np.int32(0)
        for j in range(start, stop):
            # Products cast back to int32 become one instruction per 32 pixels (vpdpwssd).
            k = np.uint64(j)
            value = np.int32(window[k])
            a = np.int32(a + value * np.int32(row_0[k]))
            b = np.int32(b + value * np.int32(row_1[k]))
            c = np.int32(c + value * np.int32(row_2[k]))
            d = np.int32(d + value * np.int32(row_3[k]))
        total_0 += np.int64(a)
        total_1 += np.int64(b)
        total_2 += np.int64(c)
        total_3 += np.int64(d)
        start = stop
    forces[0], forces[1], forces[2], forces[3] = total_0, total_1, total_2, total_3


@lean_kernel
def window_centre(window: Window, size: int) -> tuple[float, float]:
    """Centre (px) of what stands out from the perimeter by more than two standard deviations."""
    total = squares = np.int64(0)
    last = (size - 1) * size
    for k in range(size - 1):
        for at in (k, last + k + 1, (k + 1) * size, k * size + size - 1):
            value = np.int64(window[at])
            total += value
            squares += value * value
    n = 4 * size - 4
    mean = total / n
    spread = math.sqrt(max(squares / n - mean * mean, 0.0))
    background, threshold = np.int32(round(mean)), np.int32(2 * spread + 0.5)
    mass = moment_x = moment_y = np.int64(0)
    for row in range(size):
        row_mass = row_moment = np.int32(0)
        start = np.uint64(row) * np.uint64(size)
        for column in range(size):
            off = np.int32(np.int32(window[start + np.uint64(column)]) - background)
            weight = np.int32(max(np.int32(abs(off) - threshold), np.int32(0)))
            row_mass = np.int32(row_mass + weight)
            row_moment = np.int32(row_moment + weight * np.int32(column))
        mass += np.int64(row_mass)
        moment_x += np.int64(row_moment)
        moment_y += np.int64(row) * np.int64(row_mass)
    if mass <= 0:
        return 0.5 * (size - 1), 0.5 * (size - 1)
    return float(moment_x / mass), float(moment_y / mass)
