"""Compiled: whether what is seen in a ROI lies at its edge, and the noise of its pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from magscope_app.kernels import kernel

Float32 = npt.NDArray[np.float32]

#: The middle of what is seen lies further from the ROI's than this share of its edge, or than this one where
#: the search for a centre ran over the edge, too. Of beads lost there it is 0.14 to 0.46, the less the wider
#: their rings, of two beads in a ROI up to 0.16.
_AT_EDGE, _AT_EDGE_TOO = 0.2, 0.1
#: Something is seen if pixels vary by this much more than by their noise.
_SEEN = 1.2


@kernel
def noise_seen(image: Float32, size: int) -> float:
    """Return the variance of the pixels' noise: second differences along x of those along y (Immerkær 1996).

    To rings that are 5 px apart it adds a hundredth of their variance, to wider ones less.
    """
    total = np.float32(0)
    for row in range(1, size - 1):
        for at in range(row * size + 1, row * size + size - 1):
            above = image[at - size - 1] - np.float32(2) * image[at - size] + image[at - size + 1]
            middle = image[at - 1] - np.float32(2) * image[at] + image[at + 1]
            below = image[at + size - 1] - np.float32(2) * image[at + size] + image[at + size + 1]
            total += (above - np.float32(2) * middle + below) ** 2
    return float(total) / (36 * (size - 2) ** 2)


@kernel
def is_at_edge(image: Float32, size: int, ran_over: bool) -> bool:
    """Return whether what stands out from the noise of a ROI (size²) lies at its edge.

    `ran_over` says that the search for a centre ended there. The middle of the squared deviations from the
    mean tells, as it does where the rings of a bead outside are all that is seen.
    """
    noise = noise_seen(image, size)
    mean = 0.0
    for at in range(size * size):
        mean += image[at]
    mean /= size * size
    power = along_x = along_y = 0.0
    for row in range(size):
        of_row = 0.0
        for column in range(size):
            square = (image[row * size + column] - mean) ** 2 - noise
            of_row += square
            along_x += square * column
        power += of_row
        along_y += of_row * row
    if not power > (_SEEN - 1) * noise * size * size:
        return False
    middle = 0.5 * (size - 1)
    off = max(abs(along_x / power - middle), abs(along_y / power - middle))
    return bool(off > (_AT_EDGE_TOO if ran_over else _AT_EDGE) * size)
