"""Compiled loops of the simulated camera: random numbers, thermal motion, pixels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from magscope_app.kernels import kernel

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S11, _S12 = (np.uint64(n) for n in (27, 30, 31, 11, 12))
_LOW_12 = np.uint64(0xFFF)
_TO_UNIT = 1.0 / 9007199254740992.0
#: Normal numbers of `normal_table`: 12 bits, so that one random word gives five of them.
NORMALS = 4096


@kernel
def mixed(word: Any) -> Any:
    """Scramble a 64-bit word (splitmix64; Steele, Lea & Flood 2014)."""
    word = (word ^ (word >> _S30)) * _MIX_1
    word = (word ^ (word >> _S27)) * _MIX_2
    return word ^ (word >> _S31)


@kernel
def normal_pair(word: Any) -> tuple[float, float]:
    """Return two independent normal numbers made from the word after `word` and the next (Box & Muller)."""
    first = (mixed(word + _GOLDEN) >> _S11) * _TO_UNIT
    second = (mixed(word + _GOLDEN + _GOLDEN) >> _S11) * _TO_UNIT
    size = math.sqrt(-2.0 * math.log(1.0 - first))
    angle = 2.0 * math.pi * second
    return size * math.cos(angle), size * math.sin(angle)


@kernel
def move_beads(
    offsets_nm: npt.NDArray[np.float64],
    seen_nm: npt.NDArray[np.float64],
    steps: npt.NDArray[np.float64],
    key: int,
) -> None:
    """Move every bead through one frame, dead time first, and average it over the exposure.

    Parameters
    ----------
    offsets_nm : ndarray, shape (n_beads, 3)
        Distance from the mean position; changed in place.
    seen_nm : ndarray, shape (n_beads, 3)
        Filled with the average over the exposure.
    steps : ndarray, shape (n_beads, 3, 7)
        Coefficients as `motion.step_coefficients` makes them.
    key : int
        Random key of the frame.
    """
    word = mixed(np.uint64(key))
    for bead in range(offsets_nm.shape[0]):
        for axis in range(3):
            dead_keep, dead_kick, keep, kick, gain, shared, alone = steps[bead, axis]
            a, b = normal_pair(word)
            c, _ = normal_pair(word + _GOLDEN + _GOLDEN)
            word += np.uint64(4) * _GOLDEN
            before = dead_keep * offsets_nm[bead, axis] + dead_kick * a
            offsets_nm[bead, axis] = keep * before + kick * b
            seen_nm[bead, axis] = gain * before + shared * b + alone * c


@kernel
def fill_noise(
    pool: npt.NDArray[Any], mean_dn: float, sigma_dn: float, highest_dn: float, normals: Any, key: int
) -> None:
    """Fill a flat pool of pixels with background light and its noise."""
    word = mixed(np.uint64(key))
    mean, sigma, top = np.float32(mean_dn + 0.5), np.float32(sigma_dn), np.float32(highest_dn + 0.5)
    index = 0
    while index < pool.size:
        word += _GOLDEN
        bits = mixed(word)
        for _ in range(min(5, pool.size - index)):
            level = mean + sigma * normals[bits & _LOW_12]
            bits = bits >> _S12
            pool[index] = int(min(max(level, np.float32(0.0)), top))
            index += 1


@kernel
def copy_background(frame: npt.NDArray[Any], pool: npt.NDArray[Any], key: int) -> None:
    """Fill a frame with rows taken from random places of the pool."""
    word = mixed(np.uint64(key))
    places = np.uint64(pool.size - frame.shape[1])
    for row in range(frame.shape[0]):
        word += _GOLDEN
        start = int(mixed(word) % places)
        frame[row, :] = pool[start : start + frame.shape[1]]


@kernel
def look_up(profile: Any, table: Any, table_z: Any, z_nm: float, light: Any) -> None:
    """Fill `profile` (n_radii, 2) with grey level (plus ½, for rounding) and noise by radius at `z_nm`."""
    background_e, contrast, gain, offset, read_e, _ = light
    plane = min(max((z_nm - table_z[0]) / table_z[1], 0.0), table.shape[0] - 1.000001)
    below = int(plane)
    part = plane - below
    for i in range(table.shape[1]):
        rings = (1.0 - part) * table[below, i] + part * table[below + 1, i]
        profile[i, 0] = offset + gain * background_e * (1.0 + contrast * rings) + 0.5
        # The noise is looked up without interpolation, so it is that of the light between two radii.
        before = max(i - 1, 0)
        electrons = (0.5 * (profile[before, 0] + profile[i, 0]) - offset - 0.5) / gain
        profile[before, 1] = gain * math.sqrt(max(electrons, 0.0) + read_e * read_e)


@kernel
def draw_normals(noise: Any, normals: Any, word: Any) -> Any:
    """Fill `noise` with normal numbers; return the random state after them."""
    index = 0
    while index + 5 <= noise.size:
        word += _GOLDEN
        bits = mixed(word)
        for i in range(5):
            noise[index + i] = normals[bits & _LOW_12]
            bits = bits >> _S12
        index += 5
    word += _GOLDEN
    bits = mixed(word)
    for i in range(index, noise.size):
        noise[i] = normals[bits & _LOW_12]
        bits = bits >> _S12
    return word


@kernel
def draw_row(
    pixels: Any, noise: Any, profile: Any, left_px: float, dy_px: float, steps: float, top: Any
) -> None:
    """Draw one row of a bead, `left_px` and `dy_px` from its centre to the first pixel."""
    left, dy_2, per_px = np.float32(left_px), np.float32(dy_px * dy_px), np.float32(steps)
    # Unsigned, so that no index needs a check for counting from the end.
    last, one = np.uint32(profile.shape[0] - 2), np.uint32(1)
    for i in range(pixels.size):
        dx = left + np.float32(i)
        place = np.sqrt(dx * dx + dy_2) * per_px
        inner = min(np.uint32(place), last)
        part = place - np.float32(inner)
        level = profile[inner, 0] + part * (profile[inner + one, 0] - profile[inner, 0])
        level += profile[inner, 1] * noise[i]
        pixels[i] = int(min(max(level, np.float32(0.0)), top))


@kernel
def draw_beads(
    frame: npt.NDArray[Any],
    centres: npt.NDArray[np.float64],
    sizes: npt.NDArray[np.int64],
    tables: npt.NDArray[np.float32],
    table_z: tuple[float, float, float],
    light: tuple[float, float, float, float, float, float],
    normals: Any,
    key: int,
) -> None:
    """Draw every bead with noise of its own over the background.

    Parameters
    ----------
    frame : ndarray, shape (height, width)
        Written where beads are.
    centres : ndarray, shape (n_beads, 3)
        x_px, y_px, z_nm of each bead.
    sizes : ndarray, shape (n_beads,)
        Which table each bead looks like.
    tables : ndarray, shape (n_sizes, n_z, n_radii), float32
        `BeadTable.contrast` of each size.
    table_z : tuple of float
        z0_nm, z_step_nm and steps_per_px of the tables.
    light : tuple of float
        background_e, contrast, gain_dn_per_e, offset_dn, read_noise_e, highest_dn.
    normals : ndarray, shape (NORMALS,), float32
        Normal numbers to draw from.
    key : int
        Random key of the frame.
    """
    n_radii = tables.shape[2]
    profile = np.empty((n_radii, 2), np.float32)
    reach = (n_radii - 2) / table_z[2]
    noise = np.empty(2 * int(reach) + 8, np.float32)
    top = np.float32(light[5] + 0.5)
    word = mixed(np.uint64(key))
    for bead in range(centres.shape[0]):
        x, y = centres[bead, 0], centres[bead, 1]
        look_up(profile, tables[sizes[bead]], table_z, centres[bead, 2], light)
        first_row = max(math.ceil(y - reach), 0)
        last_row = min(math.floor(y + reach), frame.shape[0] - 1)
        for row in range(first_row, last_row + 1):
            width = math.sqrt(max(reach * reach - (row - y) ** 2, 0.0))
            first = max(math.ceil(x - width), 0)
            after = min(math.floor(x + width), frame.shape[1] - 1) + 1
            if first < after:
                word = draw_normals(noise[: after - first], normals, word)
                draw_row(frame[row, first:after], noise, profile, first - x, row - y, table_z[2], top)
