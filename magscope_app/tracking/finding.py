"""Automatic bead finding in one bright-field frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.finding_kernels import local_maxima, smooth, vote
from magscope_app.tracking.requests import require_frames
from magscope_app.tracking.template import match
from magscope_app.tracking.tracker import Tracker

Frame = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
FloatArray = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]

#: Share of the variance in a ROI that a bead must explain.
DEFAULT_THRESHOLD = 0.6
#: Beads nearer to each other than this share of the ROI's edge disturb each other's rings.
ISOLATION = 0.9
_MAX_CANDIDATES = 20_000
#: Gradients count from this multiple of their median, which is noise in a frame that is mostly background.
_STEEP = 3.5
#: At most this share of pixels may vote: a frame full of texture would take seconds.
_MAX_VOTERS = 0.15
#: A candidate needs this share of the votes of a typical strong one.
_FEWEST_VOTES = 0.15
#: A neighbour with fewer votes than this share is debris that does not spoil a bead.
_NEIGHBOUR_VOTES = 0.4
#: Share of the typical bead's signal that a bead must have: smaller dirt is symmetrical, too.
_FAINTEST = 0.1
_MIN_CORRELATION = 0.4


def find_beads(
    frame: Frame, roi_px: int, template: npt.NDArray[np.generic] | None = None, threshold: float | None = None
) -> FloatArray:
    """Find single beads whose ROI can be tracked.

    Gradients vote for the centres of rings; each candidate is then tracked like a bead. A candidate is left
    out if its ROI leaves the frame, if another bead is nearer than 0.9 ROI (both are left out: their rings
    overlap), if it has less than a tenth of the signal of a typical bead in the frame, or if it is not round
    enough.

    Parameters
    ----------
    frame : ndarray of uint8 or uint16, (height, width)
        A bright-field image.
    roi_px : int
        Edge of the ROI that the beads shall be tracked in, 16..256; about the diameter of the last ring that
        is seen.
    template : ndarray or None, (h, w)
        Image of a typical bead: candidates are then where the frame correlates with it.
    threshold : float or None
        Lowest score, 0..1; None: 0.6.

    Returns
    -------
    ndarray of float64, (n, 3)
        x_px, y_px, score, best first. The score is the share of the ROI's variance that is radially
        symmetric.

    Raises
    ------
    ValueError
        If the frame, the ROI, the template or the threshold cannot be used.
    """
    require_frames(frame[None] if isinstance(frame, np.ndarray) and frame.ndim == 2 else frame)
    if frame.ndim != 2:
        raise ValueError(f"find_beads takes one frame (height, width), not {frame.shape}; give frames[0]")
    lowest = DEFAULT_THRESHOLD if threshold is None else threshold
    if not 0 <= lowest <= 1:
        raise ValueError(f"threshold must be 0..1, not {threshold}; leave it out for {DEFAULT_THRESHOLD}")
    if min(frame.shape) < roi_px:
        raise ValueError(
            f"a ROI of {roi_px} px does not fit into a frame of {frame.shape[1]} x {frame.shape[0]} px"
        )
    centres, strengths = _candidates(frame, roi_px) if template is None else _matches(frame, roi_px, template)
    with Tracker(roi_px) as tracker:
        return _verified(frame, tracker, centres, strengths, lowest)


def rois_around(centres_px: FloatArray, roi_px: int) -> npt.NDArray[np.int64]:
    """Return corners x0, y0 (n, 2) of ROIs that have x, y of `centres_px` (n, 2 or more) in their middle."""
    return np.asarray(np.rint(centres_px[:, :2] - (roi_px - 1) / 2), np.int64)


def _candidates(frame: Frame, roi_px: int) -> tuple[FloatArray, FloatArray]:
    """Return where gradients meet (n, 2), and how much (n,)."""
    image = frame.astype(np.float32)
    votes = np.zeros_like(image)
    smooth(image, votes, max(1, round(roi_px / 64)))
    votes[:] = 0
    rows = np.arange(1, len(image) - 1, 4)
    steepness = np.hypot(image[rows, 2:] - image[rows, :-2], image[rows + 1, 1:-1] - image[rows - 1, 1:-1])
    lowest = max(_STEEP * float(np.median(steepness)), float(np.quantile(steepness, 1 - _MAX_VOTERS)))
    vote(image, max(lowest, 1e-6), 2, round(0.45 * roi_px), votes)
    smooth(votes, image, 2)
    return _peaks(votes, roi_px, _FEWEST_VOTES)


def _matches(frame: Frame, roi_px: int, template: npt.NDArray[np.generic]) -> tuple[FloatArray, FloatArray]:
    """Return where the frame looks like the template (n, 2), and how much (n,)."""
    score = match(frame, template)
    score[score < _MIN_CORRELATION] = 0
    return _peaks(score, roi_px, 0.0)


def _peaks(score: Float32, roi_px: int, share: float) -> tuple[FloatArray, FloatArray]:
    """Return the local maxima (n, 2) above a share of the strongest, and their strengths, strongest first."""
    found = np.empty((_MAX_CANDIDATES, 2), np.int64)
    reach = max(3, roi_px // 8)
    highest = float(score.max())
    places = found[: local_maxima(score, share * highest, reach, found)]
    strengths = score[places[:, 1], places[:, 0]].astype(np.float64)
    order = np.argsort(-strengths, kind="stable")
    return places[order].astype(np.float64), strengths[order]


def _verified(
    frame: Frame, tracker: Tracker, centres: FloatArray, strengths: FloatArray, threshold: float
) -> FloatArray:
    """Track the candidates twice, at last in the middle of the ROI, and keep what is a single bead."""
    roi_px = tracker.roi_px
    good = _alone(centres, strengths, ISOLATION * roi_px)
    signal = np.zeros(0)
    score = np.zeros(0)
    found = centres[good]
    for _ in range(2):
        rois = rois_around(found, roi_px)
        inside = _inside(rois, frame, roi_px)
        found, rois = found[inside], rois[inside]
        tracks = tracker.track(frame[None], rois, profiles=True)
        moved = np.stack([tracks.x_px[0], tracks.y_px[0]], axis=1)
        kept = np.hypot(*(moved - found).T) < roi_px / 8
        assert tracks.profiles is not None  # asked for above
        score, signal, found = tracks.quality[0][kept], _signal(tracks.profiles[0][kept]), moved[kept]
    kept = score >= threshold
    if kept.any():
        kept &= signal >= _FAINTEST * np.median(signal[kept])
    order = np.argsort(-score[kept], kind="stable")
    return np.column_stack([found[kept], score[kept]])[order]


def _alone(centres: FloatArray, strengths: FloatArray, distance: float) -> npt.NDArray[np.bool_]:
    """Return which centres have no other one of comparable strength nearer than `distance`."""
    alone = np.ones(len(centres), np.bool_)
    for i, centre in enumerate(centres):
        near = np.hypot(*(centres - centre).T) < distance
        near[i] = False
        alone[i] = not (strengths[near] >= _NEIGHBOUR_VOTES * strengths[i]).any()
    return alone


def _inside(rois: npt.NDArray[np.int64], frame: Frame, roi_px: int) -> npt.NDArray[np.bool_]:
    height, width = frame.shape
    return np.asarray(((rois >= 0) & (rois <= (width - roi_px, height - roi_px))).all(axis=1))


def _signal(profiles: Float32) -> FloatArray:
    """Return the r-weighted variance of each profile (DN²)."""
    values = np.asarray(profiles, np.float64)
    weights = np.where(np.isfinite(values), np.arange(values.shape[1]), 0.0)
    values = np.where(np.isfinite(values), values, 0.0)
    total = np.maximum(weights.sum(axis=1, keepdims=True), 1.0)
    mean = (weights * values).sum(axis=1, keepdims=True) / total
    return np.asarray((weights * (values - mean) ** 2).sum(axis=1) / total[:, 0])
