"""Which candidates of bead finding are single beads."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.requests import MIN_ROI_PX
from magscope_app.tracking.symmetry_kernels import N_VERDICTS, judge

Frame = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
FloatArray = npt.NDArray[np.float64]

#: What is no ring may have this share of the bead's variance in one sector: more is a neighbour in the ROI.
_MOST_IN_A_SECTOR = 0.5
#: Share of the typical bead's variance that a bead must have: smaller dirt is symmetrical, too.
_FAINTEST = 0.1
#: The same where a template says what a bead is.
_FAINTEST_BY_TEMPLATE = 0.25
#: A spot without rings is a bead in focus only if it is this symmetrical and this wide, …
_ROUND = 0.97
_WIDE_PX = 1.5
#: … and if such spots are this share of what is found: beads beside a single one would be in focus, too.
_COMMON = 0.2
#: Median of the magnitude of a normal number of standard deviation 1.
_MEDIAN_OF_NORMAL = 0.6745


def choose(
    frame: Frame,
    centres: FloatArray,
    roi_px: int,
    threshold: float,
    template: npt.NDArray[np.generic] | None,
) -> FloatArray:
    """Return x, y, score (n, 3) of the single beads, best first, of equal ones the strongest.

    Parameters
    ----------
    frame : ndarray of uint8 or uint16, (height, width)
        Row by row in memory and read-only: the one layout that the kernel is compiled for.
    centres : ndarray of float64, (n, 2)
        Candidates whose ROI is inside the frame.
    roi_px, threshold, template
        As of `find_beads`.
    """
    noise_dn2 = _pixel_noise_dn2(frame)
    verdicts = np.empty((len(centres), N_VERDICTS))
    judge(frame, centres, roi_px, verdicts)
    variance, unexplained, worst, turns, half_width = verdicts.T
    signal = np.maximum(variance - noise_dn2, 1e-9)
    score = 1 - np.clip((unexplained - noise_dn2) / signal, 0, 1)
    kept = (score >= threshold) & (worst - noise_dn2 <= _MOST_IN_A_SECTOR * signal)
    spots = kept & (turns == 0)
    kept &= (turns > 0) | ((score >= _ROUND) & (half_width > _WIDE_PX))
    if template is not None:
        typical = max(float(np.var(np.asarray(template, float))) - noise_dn2, 0.0)
        kept &= signal >= _FAINTEST_BY_TEMPLATE * typical
    elif kept.any():
        kept &= signal >= _FAINTEST * np.median(signal[kept])
    if not (
        (kept & spots).sum() >= _COMMON * kept.sum() or (template is not None and not _has_rings(template))
    ):
        kept &= ~spots
    order = np.lexsort((-signal[kept], -score[kept]))
    return np.column_stack([centres[kept], score[kept]])[order]


def _has_rings(template: npt.NDArray[np.generic]) -> bool:
    """Return whether the bead in the middle of a template has rings."""
    levels = np.asarray(template, np.float64)
    roi_px = min(levels.shape)
    if roi_px < MIN_ROI_PX:
        return False
    levels = np.rint((levels - levels.min()) * (65535 / np.ptp(levels))).astype(np.uint16)
    levels.flags.writeable = False
    verdicts = np.empty((1, N_VERDICTS))
    judge(levels, (np.array([levels.shape[::-1]]) - 1) / 2, roi_px, verdicts)
    return bool(verdicts[0, 3] > 0)


def _pixel_noise_dn2(frame: Frame) -> float:
    """Return the variance of the pixels' noise, from the median of second differences.

    After Immerkær, Comput. Vis. Image Underst. 64, 300 (1996), whose mask is blind to slopes, with the
    median, which is blind to beads.
    """
    rows = np.arange(1, len(frame) - 1, max(1, len(frame) // 200))
    differences = sum(
        weight
        * (2 * frame[rows + dy, 1:-1].astype(np.float32) - frame[rows + dy, :-2] - frame[rows + dy, 2:])
        for dy, weight in ((-1, np.float32(1)), (0, np.float32(-2)), (1, np.float32(1)))
    )
    return (float(np.median(np.abs(differences))) / (6 * _MEDIAN_OF_NORMAL)) ** 2
