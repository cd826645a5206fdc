"""Compiled part of bead finding: gradients vote for the centres of the rings that they belong to.

After Loy and Zelinsky, IEEE Trans. Pattern Anal. Mach. Intell. 25, 959 (2003), with votes along both
directions and over all radii at once, because diffraction rings are dark and bright at many radii.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from magscope_app.kernels import kernel

Float32 = npt.NDArray[np.float32]


@kernel
def smooth(image: Float32, scratch: Float32, passes: int) -> None:
    """Blur `image` in place by the weights 1 4 6 4 1 along both axes; a border of 2 px stays as it is."""
    height, width = image.shape
    a, b, c = np.float32(1 / 16), np.float32(4 / 16), np.float32(6 / 16)
    for _ in range(passes):
        for y in range(height):
            row = image[y]
            target = scratch[y]
            for x in range(width):
                if 2 <= x < width - 2:
                    target[x] = a * (row[x - 2] + row[x + 2]) + b * (row[x - 1] + row[x + 1]) + c * row[x]
                else:
                    target[x] = row[x]
        for y in range(2, height - 2):
            r0, r1, r2, r3, r4 = scratch[y - 2], scratch[y - 1], scratch[y], scratch[y + 1], scratch[y + 2]
            target = image[y]
            for x in range(width):
                target[x] = a * (r0[x] + r4[x]) + b * (r1[x] + r3[x]) + c * r2[x]


@kernel
def vote(image: Float32, lowest: float, r_min: int, r_max: int, votes: Float32) -> None:
    """Add gradients above `lowest` to the pixels r_min..r_max away along their line, on both sides."""
    height, width = image.shape
    limit = np.float32(lowest * lowest)
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            gx = image[y, x + 1] - image[y, x - 1]
            gy = image[y + 1, x] - image[y - 1, x]
            squared = gx * gx + gy * gy
            if squared < limit:
                continue
            steepness = np.float32(math.sqrt(squared))
            ux = gx / steepness
            uy = gy / steepness
            for r in range(r_min, r_max + 1):
                dx = round(ux * r)
                dy = round(uy * r)
                if 0 <= x + dx < width and 0 <= y + dy < height:
                    votes[y + dy, x + dx] += steepness
                if 0 <= x - dx < width and 0 <= y - dy < height:
                    votes[y - dy, x - dx] += steepness


@kernel
def local_maxima(score: Float32, lowest: float, reach: int, found: npt.NDArray[np.int64]) -> int:
    """Write x, y of pixels above `lowest` that nothing within `reach` exceeds; return how many."""
    height, width = score.shape
    count = 0
    for y in range(height):
        for x in range(width):
            value = score[y, x]
            if not value > lowest:
                continue
            highest = True
            for v in range(max(0, y - reach), min(height, y + reach + 1)):
                for u in range(max(0, x - reach), min(width, x + reach + 1)):
                    # Of equal neighbours the first counts.
                    if score[v, u] > value or (score[v, u] == value and (v < y or (v == y and u < x))):
                        highest = False
                        break
                if not highest:
                    break
            if highest and count < len(found):
                found[count, 0] = x
                found[count, 1] = y
                count += 1
    return count
