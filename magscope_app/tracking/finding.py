"""Automatic bead finding in one bright-field frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.finding_kernels import local_maxima, smooth, vote
from magscope_app.tracking.requests import is_finite, require_frames, require_roi_px
from magscope_app.tracking.template import match
from magscope_app.tracking.tracker import Tracker
from magscope_app.tracking.verdicts import choose
from magscope_app.tracking.zlut_facts import real_numbers

Frame = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
FloatArray = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]

#: Share of the variance in a ROI, less the pixels' noise, that rings around the bead's centre must explain.
DEFAULT_THRESHOLD = 0.8
#: Beads nearer to each other than this share of the ROI's edge disturb each other's rings.
ISOLATION = 0.9
_MAX_CANDIDATES = 20_000
#: Gradients count from this multiple of their median, which is noise in a frame that is mostly background.
_STEEP = 3.5
#: At most this share of pixels may vote: a frame full of texture would take seconds.
_MAX_VOTERS = 0.15
#: A candidate needs this share of the votes of a typical strong one.
_FEWEST_VOTES = 0.15
#: A neighbour with fewer votes than this share is debris that does not spoil a bead by being near.
_NEIGHBOUR_VOTES = 0.4
_MIN_CORRELATION = 0.4
#: No frame is so large.
_FARTHEST_PX = 2.0**31


def find_beads(
    frame: Frame, roi_px: int, template: npt.NDArray[np.generic] | None = None, threshold: float | None = None
) -> FloatArray:
    """Find single beads whose ROI can be tracked.

    Gradients vote for the centres of rings; each candidate is then centred as in tracking. It is left out if

    - its ROI leaves the frame,
    - another bead is nearer than 0.9 ROI (both are left out: their rings overlap),
    - it has no rings, and such round things are less than a fifth of what is found, not quite round, or as
      narrow as a hot pixel (dirt; a bead in focus may have no rings either),
    - something that is no ring fills a sector of its ROI (a doublet, dirt beside the bead),
    - rings explain less of it than `threshold` (cells, dirt), or
    - it has less than a tenth of the variance of a typical bead in the frame.

    Parameters
    ----------
    frame : ndarray of uint8 or uint16, (height, width)
        A bright-field image.
    roi_px : int
        Edge of the ROI that the beads shall be tracked in, 16..256; about the diameter of the last ring that
        is seen.
    template : ndarray or None, (h, w)
        Image of one bead, such as `template_of` cuts out: places that correlate with it are candidates, too,
        and it says how strong a bead is: less than a quarter of its variance is left out.
    threshold : float or None
        Lowest score, 0..1; None: 0.8.

    Returns
    -------
    ndarray of float64, (n, 3)
        x_px, y_px, score, best first. The score is the share of the ROI's variance, less a plane of light and
        the noise of the pixels, that is radially symmetric.

    Raises
    ------
    ValueError
        If the frame, the ROI, the template or the threshold cannot be used.
    """
    roi_px = _require_frame(frame, roi_px)
    lowest = DEFAULT_THRESHOLD if threshold is None else threshold
    if not (is_finite(lowest) and 0 <= lowest <= 1):
        raise ValueError(f"threshold must be 0..1, not {threshold!r}; leave it out for {DEFAULT_THRESHOLD}")
    image = _contiguous(frame)
    votes = _votes(image, roi_px)
    places = _peaks(votes, roi_px, _FEWEST_VOTES)
    centres = places[_alone(places, places, votes, roi_px)]
    if template is not None:
        score = match(image, template)
        score[score < _MIN_CORRELATION] = 0
        like = _peaks(score, roi_px, 0.0)
        like = like[_alone(like, places, votes, roi_px)]
        centres = _joined(centres, like, roi_px / 8)
    with Tracker(roi_px, method="qi") as tracker:
        found = _centred(image, tracker, centres)
    return choose(image, found, roi_px, lowest, template)


def template_of(frame: Frame, x_px: float, y_px: float, roi_px: int) -> npt.NDArray[np.uint8 | np.uint16]:
    """Cut out the bead that was clicked at x, y, centred, as a template for `find_beads`.

    Parameters
    ----------
    frame : ndarray of uint8 or uint16, (height, width)
        A bright-field image.
    x_px, y_px : float
        A place on the bead, at most a quarter of the ROI from its centre.
    roi_px : int
        Edge of the ROI.

    Raises
    ------
    ValueError
        If an argument is out of its range, there is no bead at the place, or its ROI leaves the frame.
    """
    roi_px = _require_frame(frame, roi_px)
    if not (is_finite(x_px) and is_finite(y_px)):
        raise ValueError(f"x_px and y_px must be finite numbers, not {x_px!r} and {y_px!r}; click a bead")
    height, width = frame.shape
    centre = np.array([[x_px, y_px]])
    with Tracker(roi_px, method="qi") as tracker:
        for _ in range(2):
            rois = rois_around(centre, roi_px)
            if not _inside(rois, frame, roi_px).all():
                raise ValueError(
                    f"the ROI of {roi_px} px around x = {x_px:g}, y = {y_px:g} leaves the frame of {width} x "
                    f"{height} px; click a bead further inside"
                )
            tracks = tracker.track(frame[None], rois)
            centre = np.stack([tracks.x_px[0], tracks.y_px[0]], axis=1)
            if not np.hypot(*(centre[0] - (x_px, y_px))) <= roi_px / 4:
                raise ValueError(
                    f"there is no bead at x = {x_px:g}, y = {y_px:g}; click the middle of one, or choose "
                    f"another ROI than {roi_px} px"
                )
    x0, y0 = rois_around(centre, roi_px)[0]
    if not _inside(np.array([[x0, y0]]), frame, roi_px).all():
        raise ValueError(f"the bead at x = {x_px:g}, y = {y_px:g} is too near the border; click another one")
    return frame[y0 : y0 + roi_px, x0 : x0 + roi_px].copy()


def rois_around(centres_px: npt.ArrayLike, roi_px: int) -> npt.NDArray[np.int64]:
    """Return corners x0, y0 (n, 2) of ROIs that have x, y of `centres_px` (n, 2 or more) in their middle.

    Raises
    ------
    ValueError
        If the ROI is not 16..256 px, or the centres are not rows of x, y that are finite.
    """
    edge, centres = require_roi_px(roi_px), real_numbers("centres_px", centres_px)
    if centres.ndim != 2 or centres.shape[1] < 2:
        raise ValueError(f"centres_px must be (n, 2 or more), x and y first, not {centres.shape}")
    known = np.abs(centres[:, :2]) < _FARTHEST_PX
    if not known.all():
        number = int(np.argmin(known.all(axis=1)))
        x, y = centres[number, :2]
        raise ValueError(f"centre {number} lies at x = {x:g}, y = {y:g}, which is no place; leave it out")
    return np.asarray(np.rint(centres[:, :2] - (edge - 1) / 2), np.int64)


def _require_frame(frame: Frame, roi_px: int) -> int:
    """Return the edge of the ROI as int; raise ValueError unless frame is one image that it fits into."""
    roi_px = require_roi_px(roi_px)
    require_frames(frame[None] if isinstance(frame, np.ndarray) and frame.ndim == 2 else frame)
    if frame.ndim != 2:
        raise ValueError(f"bead finding takes one frame (height, width), not {frame.shape}; give frames[0]")
    if min(frame.shape) < roi_px:
        raise ValueError(
            f"a ROI of {roi_px} px does not fit into a frame of {frame.shape[1]} x {frame.shape[0]} px"
        )
    return roi_px


def _contiguous(frame: Frame) -> Frame:
    """Return the frame in the one memory layout that the kernels are compiled for: like a peek, read-only."""
    view: Frame
    if frame.dtype == np.uint8:
        view = np.ascontiguousarray(frame, np.uint8).view()
    else:
        view = np.ascontiguousarray(frame, np.uint16).view()
    view.flags.writeable = False
    return view


def _votes(frame: Frame, roi_px: int) -> Float32:
    """Return how much gradients meet in each pixel."""
    image = frame.astype(np.float32)
    votes = np.zeros_like(image)
    smooth(image, votes, max(1, round(roi_px / 64)))
    votes[:] = 0
    rows = np.arange(1, len(image) - 1, 4)
    steepness = np.hypot(image[rows, 2:] - image[rows, :-2], image[rows + 1, 1:-1] - image[rows - 1, 1:-1])
    lowest = max(_STEEP * float(np.median(steepness)), float(np.quantile(steepness, 1 - _MAX_VOTERS)))
    vote(image, max(lowest, 1e-6), 2, round(0.45 * roi_px), votes)
    smooth(votes, image, 2)
    return votes


def _peaks(score: Float32, roi_px: int, share: float) -> FloatArray:
    """Return the local maxima (n, 2) above a share of the strongest, strongest first."""
    found = np.empty((_MAX_CANDIDATES, 2), np.int64)
    reach = max(3, roi_px // 8)
    places = found[: local_maxima(score, share * float(score.max()), reach, found)]
    order = np.argsort(-score[places[:, 1], places[:, 0]], kind="stable")
    return places[order].astype(np.float64)


def _alone(centres: FloatArray, others: FloatArray, votes: Float32, roi_px: int) -> npt.NDArray[np.bool_]:
    """Return which centres have none of the others, of comparable votes, nearer than their rings reach."""
    strengths = _strengths(centres, votes, roi_px)
    other_strengths = _strengths(others, votes, roi_px)
    alone = np.ones(len(centres), np.bool_)
    for i, centre in enumerate(centres):
        distances = np.hypot(*(others - centre).T)
        near = (distances > max(3, roi_px // 8)) & (distances < ISOLATION * roi_px)
        alone[i] = not (other_strengths[near] >= _NEIGHBOUR_VOTES * strengths[i]).any()
    return alone


def _strengths(places: FloatArray, votes: Float32, roi_px: int) -> FloatArray:
    """Return the most votes within reach of each place."""
    reach = max(3, roi_px // 8)
    corners = np.maximum(places.astype(np.int64) - reach, 0)
    return np.array(
        [votes[y : y + 2 * reach + 1, x : x + 2 * reach + 1].max() for x, y in corners], np.float64
    )


def _joined(centres: FloatArray, more: FloatArray, distance: float) -> FloatArray:
    """Return the centres, and those of the others that are further from all of them than `distance`."""
    new = [place for place in more if not (np.hypot(*(centres - place).T) < distance).any()]
    return np.concatenate([centres, np.array(new).reshape(-1, 2)])


def _centred(frame: Frame, tracker: Tracker, centres: FloatArray) -> FloatArray:
    """Track the candidates twice, at last in the middle of their ROI; leave out what lies elsewhere.

    One that the tracker does not call a bead stays where it is: how round it must be is not for it to say.
    """
    roi_px = tracker.roi_px
    for _ in range(2):
        rois = rois_around(centres, roi_px)
        inside = _inside(rois, frame, roi_px)
        centres, rois = centres[inside], rois[inside]
        tracks = tracker.track(frame[None], rois)
        moved = np.stack([tracks.x_px[0], tracks.y_px[0]], axis=1)
        moved = np.where(np.isnan(moved), centres, moved)
        centres = moved[np.hypot(*(moved - centres).T) < roi_px / 8]
    return centres[_inside(rois_around(centres, roi_px), frame, roi_px)]


def _inside(rois: npt.NDArray[np.int64], frame: Frame, roi_px: int) -> npt.NDArray[np.bool_]:
    height, width = frame.shape
    return np.asarray(((rois >= 0) & (rois <= (width - roi_px, height - roi_px))).all(axis=1))
