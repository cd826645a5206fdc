"""Where a frame looks like a template: normalised cross-correlation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def match(frame: npt.NDArray[np.generic], template: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """Return the correlation coefficient (−1..1) of the template with the frame around every pixel.

    Pixels around which the template leaves the frame get 0. The template's middle is its pixel (h − 1) // 2,
    (w − 1) // 2.

    Raises
    ------
    ValueError
        If the template is not a 2-D image with contrast that fits into the frame.
    """
    image = frame.astype(np.float64)
    given = np.asarray(template)
    if given.dtype.kind not in "biuf":
        raise ValueError(f"the template must be an image of numbers, not {given.dtype}; cut out one bead")
    pattern = given.astype(np.float64)
    if (
        pattern.ndim != 2
        or not pattern.size
        or any(a > b for a, b in zip(pattern.shape, image.shape, strict=True))
    ):
        raise ValueError(
            f"the template must be an image that fits into the frame, not {pattern.shape}; cut out one bead"
        )
    if not np.isfinite(pattern).all():
        raise ValueError("the template has pixels that are no finite number; cut out one bead")
    pattern -= pattern.mean()
    norm = float(np.sqrt((pattern**2).sum()))
    if not norm > 0:
        raise ValueError("the template is the same grey everywhere; cut out one bead")
    image -= image.mean()
    h, w = pattern.shape
    spectrum = np.fft.rfft2(image) * np.conj(np.fft.rfft2(pattern, image.shape))
    product = np.fft.irfft2(spectrum, image.shape)[: image.shape[0] - h + 1, : image.shape[1] - w + 1]
    variance = _window_sums(image**2, h, w) - _window_sums(image, h, w) ** 2 / (h * w)
    score = np.zeros(image.shape, np.float32)
    top, left = (h - 1) // 2, (w - 1) // 2
    # A window without contrast has no correlation; its variance is what rounding leaves.
    flat = variance <= 1e-9 * h * w
    score[top : top + product.shape[0], left : left + product.shape[1]] = np.where(
        flat, 0.0, product / (np.sqrt(np.where(flat, 1.0, variance)) * norm)
    )
    return score


def _window_sums(image: FloatArray, h: int, w: int) -> FloatArray:
    """Return the sum of every window of h x w pixels."""
    sums = np.zeros((image.shape[0] + 1, image.shape[1] + 1))
    np.cumsum(np.cumsum(image, axis=0), axis=1, out=sums[1:, 1:])
    return np.asarray(sums[h:, w:] - sums[:-h, w:] - sums[h:, :-w] + sums[:-h, :-w])
