"""The method "fast": cached inverse-compositional alignment, checked, with the method "full" behind it.

The result of a frame depends on the frames before it through the start of the search, by less than 0.15 of
its uncertainty, and through what "full" said of the bead, which is renewed within 8 192 frames. It does not
depend on time as long as there is time to make what is missing.
"""

from __future__ import annotations

import dataclasses
import math
import time

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.columns import N_COLUMNS, SIGMA_X, SIGMA_Z, X, Z
from magscope_app.tracking.fast_arrays import (
    Float64,
    Scratch,
    Settings,
    Task,
    Tools,
    check_every,
    coarse_every,
    n_rows,
)
from magscope_app.tracking.fast_check_kernels import N_SUMS
from magscope_app.tracking.fast_kernels import (
    COMPARED_AFTER,
    DONE,
    MOST_SPOKEN,
    NEEDS_FULL,
    NEEDS_REFERENCE,
    NEEDS_REVIEW,
    ON_TRIAL,
    REVIEWED_AFTER,
    align,
)
from magscope_app.tracking.flags import TrackFlag
from magscope_app.tracking.full import FullFit, full_fits
from magscope_app.tracking.full_fit_kernels import FEW_PX
from magscope_app.tracking.lut_model import LutModel
from magscope_app.tracking.method import Job, Method, Setup
from magscope_app.tracking.qi import quadrant_interpolations
from magscope_app.tracking.reference_kernels import N_TERMS
from magscope_app.tracking.reference_maker import ReferenceMaker
from magscope_app.tracking.references import CHECK_STEPS_PER_PX, References
from magscope_app.tracking.starts import (
    FRESH,
    INHERITED,
    LEARNT,
    LEAST,
    OFTEN,
    PLACE,
    RECENT,
    SETTLED,
    SINCE,
    SPOKEN,
    USUAL,
)
from magscope_app.tracking.window_kernels import Window

#: References that one pass may ask for; more are asked for in the next.
_MOST_WANTED = 4096
#: A result that explains this share of the signal is beyond doubt.
_GOOD = 0.97
#: A bead is overlapped if full fits say so of this share of its images.
_OFTEN = 0.25
#: After such a verdict there is no place that the next frame could start from.
_NOT_FITTED = int(TrackFlag.LOST | TrackFlag.FALL_BACK | TrackFlag.OUT_OF_LUT)
#: A result so near to that of the full fit (px, px, nm) was right, whatever it left over.
_SAME_PLACE = (0.5, 0.5, 50.0)
#: Longest time for full fits in one call of a line that has no time.
_MOST_FULL_S = 0.02
#: By up to this share of the time between two comparisons a bead's comes earlier than another's, so that
#: beads that needed "full" in the same frame do not need it together for ever.
_EARLIER = 0.25
_GOLDEN = 0.5 * (5**0.5 - 1)
#: uint16 pixels are read less this, so that they are int16.
_SHIFT = 32768
_LARGEST_SUM = 2**31 - 1


class CachedAlignment:
    """Tracks beads with references that are made once; one object per thread.

    Parameters
    ----------
    setup : Setup
        What to track with.
    references : References
        Shared by the threads.
    maker : ReferenceMaker or None
        Makes references beside the line when there is no time; None: there always is.
    full, qi : Method
        What serves where there is no reference, or no good result; this thread's own.
    """

    by_bead = True

    def __init__(
        self,
        setup: Setup,
        references: References,
        maker: ReferenceMaker | None,
        full: Method,
        qi: Method,
    ) -> None:
        self._size = setup.roi_px
        self._sigma_known = setup.noise is not None
        self._references = references
        self._maker = maker
        self._has_time = setup.has_time
        self._full, self._qi = full, qi
        self._cells = references.cells()
        self._n_known = 0
        self._spent_s = 0.0
        self._n_unfitted = 0
        self._wanted = np.zeros(1 + 2 * _MOST_WANTED, np.int64)
        # A sum of n squares has this spread, times four; a neighbour or another bead leaves over more.
        n_checked = n_rows(setup.roi_px, check_every(setup.roi_px)) * setup.roi_px
        self._by_noise = 1 + 4 * math.sqrt(2 / n_checked)
        n_radii = references.radials.coefs.shape[1]
        n_pixels, n_sparse = setup.roi_px**2, n_rows(setup.roi_px, coarse_every(setup.roi_px)) * setup.roi_px
        self._narrow, self._wide = (
            _scratch(setup.roi_px, n_radii, np.zeros(n_pixels, np.uint8), np.zeros(n_sparse, np.uint8)),
            _scratch(setup.roi_px, n_radii, np.zeros(n_pixels, np.int16), np.zeros(n_sparse, np.int16)),
        )

    @property
    def n_references(self) -> int:
        """Number of references that were made, for all threads."""
        return self._references.n_made

    @property
    def n_waiting(self) -> int:
        """Number of references that are to be made beside the line."""
        return self._maker.n_waiting if self._maker else 0

    @property
    def n_makeshift(self) -> int:
        """Number of ROIs that this thread tracked by coarse references, or not by "full" for want of time."""
        return int(self._narrow.n_coarse[0] + self._wide.n_coarse[0]) + self._n_unfitted

    def prepare(self) -> None:
        """Make the middle coarse reference of every Z-LUT."""
        self._references.make_middles()

    def run(self, job: Job, first: int, stop: int) -> None:
        """Track the beads numbered first..stop − 1 in all frames."""
        beads = np.arange(first, stop)
        if len(job.profiles):
            self._serve(self._qi, job, beads)
        else:
            self._serve(self._qi, job, beads[job.lut_of_bead[first:stop] < 0])
        self._n_known = self._references.renew(self._cells, self._n_known)
        self._spent_s = 0.0
        cursor = np.array([first, 0])
        while self._align(job, cursor, stop) != DONE:
            pass

    def _align(self, job: Job, cursor: npt.NDArray[np.int64], stop: int) -> int:
        """Track from the cursor on, and see to what stopped it."""
        wide = job.frames.dtype == np.uint16
        shift = _SHIFT if wide else 0
        largest = max(shift, min(job.ceiling, int(np.iinfo(job.frames.dtype).max)) - shift, 255)
        settings = Settings(
            self._size,
            shift,
            _LARGEST_SUM // (127 * largest),
            float(CHECK_STEPS_PER_PX),
            coarse_every(self._size),
            check_every(self._size),
            self._by_noise,
        )
        task = self._task(job)
        complete = self._may_take_time()
        tools = Tools(
            self._cells,
            self._references.pools,
            self._references.radials,
            self._wide if wide else self._narrow,
            settings,
            self._wanted,
            complete,
        )
        what = align(task, stop, cursor, tools)
        self._answer_wishes(at_once=complete)
        if what in (NEEDS_FULL, NEEDS_REVIEW):
            self._have_judged(job, cursor, what, tools)
            cursor[1] += 1
        return int(what)

    def _have_judged(self, job: Job, cursor: npt.NDArray[np.int64], what: int, tools: Tools) -> None:
        """Have "full" look at the ROI at the cursor, if it is needed there or there is time."""
        start, corner = job.starts[cursor[0]], job.rois[cursor[0]]
        start[SINCE] = 0.0
        if what == NEEDS_REVIEW and not self._is_in_time(is_new=False):
            # Without time what was said once stays for another while.
            start[SINCE] = -float(REVIEWED_AFTER) if 0 < start[SPOKEN] < ON_TRIAL else 0.0
        else:
            if what == NEEDS_REVIEW and (not start[SPOKEN] > 0 or start[INHERITED] > 0):
                # What is usual is learned anew: it may have crept up with the image.
                start[USUAL] = 0.0
            self._fit(job, int(cursor[0]), int(cursor[1]), tools)
        if not start[SPOKEN] > 0:
            start[SINCE] = _earlier(corner)

    def _task(self, job: Job) -> Task:
        return Task(
            job.frames,
            job.rois,
            job.bounds,
            job.lut_of_bead,
            job.ceiling,
            job.starts,
            job.columns,
            job.flags,
            self._sigma_known,
        )

    def _may_take_time(self, *, once: bool = True) -> bool:
        return self._maker is None or self._has_time(once)

    def _is_in_time(self, *, is_new: bool) -> bool:
        return self._spent_s < _MOST_FULL_S or self._may_take_time(once=is_new)

    def _answer_wishes(self, *, at_once: bool) -> None:
        """Make the references that were missed, or have them made."""
        count = int(self._wanted[0])
        for lut, at in self._wanted[1 : 1 + 2 * count].reshape(-1, 2).tolist():
            if self._maker is not None and not at_once:
                self._maker.ask(lut, at)
            else:
                where = int(self._cells.first[lut, 0]) + at
                self._cells.slots[where] = self._references.make(lut, at)
        self._wanted[0] = 0

    def _fit(self, job: Job, bead: int, frame: int, tools: Tools) -> None:
        """Track one ROI by the method "full"; the next frame starts there.

        `tools.scratch.best` is what the kernel found and did not believe.
        """
        one = dataclasses.replace(job, frames=job.frames[frame : frame + 1])
        part = _part(one, np.array([bead]))
        # A live line must not wait: after a while "qi" serves, and the next frame starts from there.
        began = time.perf_counter()
        is_new = bool(np.isnan(job.starts[bead, LEAST]))
        in_time = self._is_in_time(is_new=is_new)
        method = self._full if in_time else self._qi
        method.run(part, 0, 1)
        self._spent_s += time.perf_counter() - began
        if not in_time:
            self._n_unfitted += 1
            part.flags[0] |= int(TrackFlag.FALL_BACK)
            part.columns[SIGMA_X : SIGMA_Z + 1] = np.nan
        _renew(job.starts[bead], part, tools.scratch.best, self._by_noise)
        if tools.complete and in_time and not int(part.flags[0]) & ~int(TrackFlag.SATURATED):
            self._look_again(part, job.starts[bead], tools)
        number = frame * len(job.rois) + bead
        job.columns[:, number] = part.columns[:, 0]
        job.flags[number] = part.flags[0]

    def _look_again(self, part: Job, start: Float64, tools: Tools) -> None:
        """Search the ROI that "full" was asked for from where it found the bead.

        What agrees takes the place of its result: which references there were before is not seen then.
        """
        known = start.copy()
        known[SINCE] = -1.0
        again = dataclasses.replace(
            part, starts=known[None], columns=part.columns.copy(), flags=part.flags.copy()
        )
        what = NEEDS_REFERENCE
        while what == NEEDS_REFERENCE:
            what = int(align(self._task(again), 1, np.zeros(2, np.int64), tools))
            self._answer_wishes(at_once=True)
        apart = np.abs(again.columns[X : Z + 1, 0] - part.columns[X : Z + 1, 0])
        if what == DONE and (apart <= again.columns[SIGMA_X : SIGMA_Z + 1, 0]).all():
            start[:] = known
            part.columns[:], part.flags[:] = again.columns, again.flags

    def _serve(self, method: Method, job: Job, beads: npt.NDArray[np.int64]) -> None:
        """Track some beads in all frames by another method."""
        if not len(beads):
            return
        part = _part(job, beads)
        method.run(part, 0, len(part.flags))
        n_frames, n_beads = len(job.frames), len(job.rois)
        job.columns.reshape(N_COLUMNS, n_frames, n_beads)[:, :, beads] = part.columns.reshape(
            N_COLUMNS, n_frames, -1
        )
        job.flags.reshape(n_frames, n_beads)[:, beads] = part.flags.reshape(n_frames, -1)
        if len(job.profiles):
            n_radii = job.profiles.shape[1]
            job.profiles.reshape(n_frames, n_beads, n_radii)[:, beads] = part.profiles.reshape(
                n_frames, -1, n_radii
            )


def _earlier(corner: npt.NDArray[np.int64]) -> float:
    """Return how many results earlier than others the bead of this ROI is compared with "full"."""
    return float(int(_EARLIER * COMPARED_AFTER * ((int(corner[0]) + 64.3 * int(corner[1])) * _GOLDEN % 1)))


def _renew(start: Float64, part: Job, doubted: Float64, by_noise: float) -> None:
    """Have the next frame start from the verdict of "full" on one ROI."""
    verdict, place = int(part.flags[0]), part.columns[X : Z + 1, 0]
    same = doubted[0] > 0 and bool((np.abs(doubted[1:4] - place) < _SAME_PLACE).all())
    fitted, overlapped = not verdict & _NOT_FITTED, bool(verdict & TrackFlag.OVERLAPPED)
    if fitted:
        _count(start, overlapped, float(doubted[7]) if same else math.nan, by_noise)
    # Results after it are overlapped, too, if full fits often say so; no other reason outlives its frame.
    often = fitted and start[SPOKEN] > 0 and start[OFTEN] >= _OFTEN
    inherited = int(TrackFlag.OVERLAPPED) if often else 0
    # What is usual goes on if the verdict is the same as before.
    if inherited != start[INHERITED]:
        start[USUAL] = 0.0
    start[PLACE], start[LEAST] = np.nan, _GOOD
    start[INHERITED], start[FRESH] = inherited, 1.0
    if verdict & TrackFlag.LOST:
        # What comes next may be another bead: whatever it leaves over is more than is known of it.
        start[SPOKEN] = np.nan
        start[LEARNT], start[SETTLED], start[RECENT] = np.inf, 0.0, 0.0
    if not fitted:
        return
    start[PLACE] = place
    # What "full" flags in this image is no excuse for the next one.
    if same and overlapped == bool(inherited):
        start[USUAL] = max(start[USUAL], doubted[7])
    if inherited:
        part.flags[0] |= inherited
        part.columns[SIGMA_X : SIGMA_Z + 1] = np.nan


def _count(start: Float64, overlapped: bool, chi2: float, by_noise: float) -> None:
    """Count one more verdict of "full" on a bead whose result here leaves over `chi2` (NaN: not known).

    Some beads are overlapped in every other image: one verdict says too little of the images after it.
    """
    spoken, often = (start[SPOKEN], start[OFTEN]) if start[SPOKEN] > 0 else (0.0, 0.0)
    if start[SPOKEN] == 0 and not overlapped and not chi2 > by_noise:
        return
    if spoken >= ON_TRIAL and overlapped > start[INHERITED]:
        # What was clean so far is so no more.
        spoken = often = 0.0
    elif spoken >= ON_TRIAL and not overlapped and start[INHERITED] > 0 and chi2 <= by_noise:
        # What overlapped may have left.
        spoken, often = 1.0, 1.0
    spoken = min(spoken + 1, MOST_SPOKEN)
    start[SPOKEN], start[OFTEN] = spoken, often + (overlapped - often) / min(spoken, ON_TRIAL)
    if spoken >= ON_TRIAL and start[OFTEN] < _OFTEN and not overlapped and not chi2 > by_noise:
        # Noise alone explains what is left over: nothing is to be excused, and what it leaves is learned.
        start[SPOKEN] = start[OFTEN] = start[USUAL] = 0.0
        start[LEARNT] = start[SETTLED] = 0.0


def _scratch(roi_px: int, n_radii: int, window: Window, sparse: Window) -> Scratch:
    """Allocate the work space of a thread."""
    n_checked = n_rows(roi_px, check_every(roi_px)) * roi_px
    return Scratch(
        window,
        sparse,
        np.zeros(4),
        np.zeros(N_TERMS),
        np.zeros(2),
        np.zeros(9),
        np.zeros(n_radii, np.float32),
        np.zeros(n_checked, np.int32),
        np.zeros(n_checked, np.float32),
        np.zeros(n_checked, np.float32),
        np.zeros(N_SUMS),
        np.zeros(10),
        np.zeros(3),
        np.zeros(1, np.int64),
        np.zeros(1, np.int64),
    )


def _part(job: Job, beads: npt.NDArray[np.int64]) -> Job:
    """Return a job of its own for some beads."""
    total = len(job.frames) * len(beads)
    return dataclasses.replace(
        job,
        rois=job.rois[beads],
        bounds=job.bounds[beads],
        lut_of_bead=job.lut_of_bead[beads],
        starts=job.starts[beads],
        columns=np.empty((N_COLUMNS, total)),
        flags=np.empty(total, np.uint8),
        profiles=np.empty((total if len(job.profiles) else 0, job.profiles.shape[1]), np.float32),
    )


def cached_alignments(setup: Setup) -> list[Method]:
    """Return one object per thread: without Z-LUTs of the method "qi", in the smallest ROIs of "full"."""
    if not setup.zluts:
        return quadrant_interpolations(setup)
    if setup.roi_px < FEW_PX:
        return full_fits(setup)
    models = [LutModel.of(zlut, setup.roi_px) for zlut in setup.zluts]
    references = References(setup, models)
    maker = None
    if setup.build == "beside":
        maker = ReferenceMaker(references)
        setup.closing.callback(maker.close)
    return [
        CachedAlignment(setup, references, maker, FullFit(setup, models), qi)
        for qi in quadrant_interpolations(setup)
    ]
