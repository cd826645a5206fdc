"""The tracker: frames and ROIs in, positions out."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.columns import N_COLUMNS
from magscope_app.tracking.fast import CachedAlignment, cached_alignments
from magscope_app.tracking.full import full_fits
from magscope_app.tracking.lut_tables import make_tables
from magscope_app.tracking.method import Build, HasTime, Job, Method, Setup
from magscope_app.tracking.noise import CameraNoise
from magscope_app.tracking.qi import n_radii, quadrant_interpolations
from magscope_app.tracking.requests import (
    contiguous,
    is_finite,
    require_frames,
    require_ids,
    require_roi_px,
    require_rois,
    whole,
)
from magscope_app.tracking.starts import Starts
from magscope_app.tracking.tracks import Tracks
from magscope_app.tracking.zlut import ZLUT
from magscope_app.tracking.zlut_set import ZLUTSet

_METHODS: dict[str, Callable[[Setup], list[Method]]] = {
    "fast": cached_alignments,
    "full": full_fits,
    "qi": quadrant_interpolations,
}

#: A thread that gets fewer ROIs than this costs more to wake than it saves.
_MIN_ROIS_PER_THREAD = 16


class Tracker:
    """Finds x, y and z of beads in ROIs of camera frames.

    Work arrays are allocated here and used again, so an object serves one thread at a time. Use it as a
    context manager, or call `close`, if it has more than one thread.

    Parameters
    ----------
    roi_px : int
        Edge of the square ROI, 16..256.
    zlut : ZLUT, ZLUTSet or None
        A ZLUT serves all beads. If it was measured in another ROI, the radii that both have are used.
    noise : CameraNoise or None
        From it follow the uncertainties; None: they are NaN.
    method : str
        "fast": steps towards a weighted fit of all pixels with references that are made once, checked, and
        behind it "full" for what they cannot do; it starts from where the bead was, so that results depend on
        earlier calls, by less than 0.15 of their uncertainty. "full": the fit itself, at the Cramér–Rao
        bound. "qi": centre of mass, quadrant interpolation, correlation with the Z-LUT; the others track a
        bead without Z-LUT by it.
    threads : int
        Number of threads that share the ROIs of a call.
    build : str
        For "fast". "now": a missing reference is made at once. "beside": where there is no time, by another
        thread, while coarser references, "full" or "qi" serve.
    has_time : callable or None
        For "beside": asked in any thread, with True for what is needed once (a reference, the first fit of a
        bead) and False for what may be needed in every frame, whether a call may take the time for it. None:
        never.
    reference_mb : float
        Most memory for the references of "fast", in 10⁶ bytes; when it is full, coarser references and "full"
        serve.

    Raises
    ------
    ValueError
        If an argument is out of its range, or a Z-LUT shares fewer than 8 radii with the ROI.
    """

    def __init__(
        self,
        roi_px: int,
        zlut: ZLUT | ZLUTSet | None = None,
        noise: CameraNoise | None = None,
        method: str = "fast",
        threads: int = 1,
        build: Build = "now",
        reference_mb: float = 1000.0,
        has_time: HasTime | None = None,
    ) -> None:
        self._roi_px = require_roi_px(roi_px)
        if not isinstance(method, str) or method not in _METHODS:
            raise ValueError(
                f"there is no tracking method {method!r}; there is: {', '.join(sorted(_METHODS))}"
            )
        n_threads = whole(threads)
        if n_threads is None or n_threads < 1:
            raise ValueError(f"threads must be a whole number from 1 on, not {threads!r}")
        if build not in ("now", "beside") or not (is_finite(reference_mb) and reference_mb > 0):
            raise ValueError(
                f"build must be now or beside and reference_mb > 0, not {build!r} and {reference_mb!r}"
            )
        if noise is not None and not isinstance(noise, CameraNoise):
            raise ValueError(f"noise must be a CameraNoise or None, not {type(noise).__name__}")
        self._noise = noise
        self._needs_ids = isinstance(zlut, ZLUTSet)
        zluts, self._lut_of_id, self._default_lut = _distinct(zlut)
        tables = make_tables(zluts, n_radii(self._roi_px))
        self._closing = ExitStack()
        lut_tuple, time = tuple(zluts), has_time or _never
        self._workers = _METHODS[method](
            Setup(self._roi_px, lut_tuple, tables, noise, n_threads, build, time, reference_mb, self._closing)
        )
        self._starts = Starts(self._roi_px)
        self._pool = ThreadPoolExecutor(n_threads - 1, "magscope-tracking") if n_threads > 1 else None
        self._closed = False

    @property
    def roi_px(self) -> int:
        """Edge of the square ROI."""
        return self._roi_px

    @property
    def n_radii(self) -> int:
        """Number of radii, 0, 1, 2 … px, of the profiles in `Tracks`."""
        return n_radii(self._roi_px)

    @property
    def margin_px(self) -> int:
        """How far around a ROI pixels are read: "fast" follows a bead."""
        return self._roi_px // 4 + 2 if isinstance(self._workers[0], CachedAlignment) else 0

    @property
    def n_references(self) -> int:
        """Number of references that "fast" has made; 0 with another method."""
        worker = self._workers[0]
        return worker.n_references if isinstance(worker, CachedAlignment) else 0

    @property
    def n_references_waiting(self) -> int:
        """Number of references that are to be made beside the line."""
        worker = self._workers[0]
        return worker.n_waiting if isinstance(worker, CachedAlignment) else 0

    @property
    def n_makeshift(self) -> int:
        """Number of ROIs that "fast" tracked by a coarse reference or by "qi" for want of time or memory."""
        return sum(worker.n_makeshift for worker in self._workers if isinstance(worker, CachedAlignment))

    def track(
        self,
        frames: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
        rois: npt.ArrayLike,
        bead_ids: npt.ArrayLike | None = None,
        profiles: bool = False,
    ) -> Tracks:
        """Track every ROI in every frame.

        Parameters
        ----------
        frames : ndarray of uint8 or uint16, (n_frames, height, width)
            Read in place; may be a read-only view of shared memory. Frames that are not C-contiguous are
            copied first.
        rois : array_like of int, (n_beads, 2)
            x0, y0: the top-left pixel of each bead's ROI.
        bead_ids : array_like of int, (n_beads,), or None
            Which Z-LUT of a ZLUTSet serves which ROI; needed only with a ZLUTSet.
        profiles : bool
            Return the radial profiles too; such a call leaves no trace in later ones.

        Returns
        -------
        Tracks
            Arrays (n_frames, n_beads).

        Raises
        ------
        ValueError
            If frames or rois have another type or shape, a ROI leaves the frame, bead_ids are missing or of
            another length, or the tracker is closed.
        """
        require_frames(frames)
        height, width = frames.shape[1:]
        corners = require_rois(rois, self._roi_px, width, height)
        whole = np.tile(np.array([0, 0, width, height]), (len(corners), 1))
        return self.track_tiles(frames, np.zeros_like(corners), corners, whole, bead_ids, profiles)

    def track_tiles(
        self,
        frames: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
        origins: npt.NDArray[np.int64],
        corners: npt.NDArray[np.int64],
        bounds: npt.NDArray[np.int64],
        bead_ids: npt.ArrayLike | None = None,
        profiles: bool = False,
    ) -> Tracks:
        """Track in frames that were put together of tiles of other ones, as `track` would in those.

        Parameters
        ----------
        frames : ndarray of uint8 or uint16, (n_frames, height, width)
            The tiles; those that are not C-contiguous are copied.
        origins : ndarray of int64, (n_beads, 2)
            Where x = 0, y = 0 of these frames would lie in the other ones, for the tile of each bead.
        corners : ndarray of int64, (n_beads, 2)
            x0, y0 of each ROI in the other frames.
        bounds : ndarray of int64, (n_beads, 4)
            x0, y0 and the ends of what of these frames belongs to each bead.
        bead_ids, profiles
            As in `track`.
        """
        if self._closed:
            raise ValueError("the tracker is closed; make a new one")
        ids = np.arange(len(corners)) if bead_ids is None else require_ids(bead_ids, len(corners))
        luts = self._luts(None if bead_ids is None else ids, len(corners))
        known = self._starts.of(ids, corners)
        starts = known.copy()
        starts[:, :2] -= origins
        job = self._job(frames, corners - origins, bounds, luts, starts, profiles)
        self._run(job)
        if not profiles:
            known[:] = starts
            known[:, :2] += origins
        shape = (len(frames), len(corners))
        x, y, z, sigma_x, sigma_y, sigma_z, quality = job.columns.reshape(N_COLUMNS, *shape)
        x += origins[:, 0]
        y += origins[:, 1]
        flags = job.flags.reshape(shape)
        found = job.profiles.reshape(*shape, self.n_radii) if profiles else None
        return Tracks(x, y, z, sigma_x, sigma_y, sigma_z, quality, flags, found)

    def ceiling(self, pixel: np.dtype[np.uint8] | np.dtype[np.uint16]) -> int:
        """Return the grey level from which on a pixel of this type is saturated."""
        highest = int(np.iinfo(pixel).max)
        given = self._noise.saturation_dn if self._noise else None
        return highest if given is None else min(given, highest)

    def prepare(self) -> None:
        """Make a first reference of "fast" for every Z-LUT, so that compiled code is loaded."""
        worker = self._workers[0]
        if isinstance(worker, CachedAlignment):
            worker.prepare()

    def close(self) -> None:
        """End the threads; calling it again does nothing."""
        self._closed = True
        if self._pool is not None:
            self._pool.shutdown()
        self._closing.close()

    def __enter__(self) -> Tracker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _luts(self, bead_ids: npt.NDArray[np.int64] | None, n_beads: int) -> npt.NDArray[np.int64]:
        """Return the number of each bead's Z-LUT, −1 for none."""
        if bead_ids is None:
            if self._needs_ids and n_beads:
                raise ValueError("bead_ids are needed with a ZLUTSet: give the id of the bead in each ROI")
            return np.full(n_beads, self._default_lut, np.int64)
        return np.array(
            [self._lut_of_id.get(bead_id, self._default_lut) for bead_id in bead_ids.tolist()], np.int64
        )

    def _job(
        self,
        frames: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
        rois: npt.NDArray[np.int64],
        bounds: npt.NDArray[np.int64],
        luts: npt.NDArray[np.int64],
        starts: npt.NDArray[np.float64],
        profiles: bool,
    ) -> Job:
        # One kind of array for the compiler: read-only and row by row, whatever the caller's is.
        view = contiguous(frames).view()
        view.flags.writeable = False
        total = len(frames) * len(rois)
        return Job(
            frames=view,
            rois=rois,
            bounds=bounds,
            lut_of_bead=luts,
            starts=starts,
            ceiling=self.ceiling(frames.dtype),
            columns=np.empty((N_COLUMNS, total)),
            flags=np.empty(total, np.uint8),
            profiles=np.empty((total if profiles else 0, self.n_radii), np.float32),
        )

    def _run(self, job: Job) -> None:
        """Share the job out: this thread takes the first part, the pool the others."""
        total = len(job.flags)
        n = max(1, min(len(self._workers), total // _MIN_ROIS_PER_THREAD))
        if self._workers[0].by_bead:
            total = len(job.rois)
        bounds = [total * i // n for i in range(n + 1)]
        parts = list(zip(self._workers, bounds, bounds[1:], strict=False))
        waiting = (
            [self._pool.submit(worker.run, job, a, b) for worker, a, b in parts[1:]] if self._pool else []
        )
        try:
            parts[0][0].run(job, bounds[0], bounds[1])
        finally:
            for part in waiting:
                part.result()


def _never(_once: bool) -> bool:
    """Say that there is no time."""
    return False


def _distinct(zlut: ZLUT | ZLUTSet | None) -> tuple[list[ZLUT], dict[int, int], int]:
    """Return the Z-LUTs, the number of each bead's, and the number of the default (−1: none)."""
    if zlut is None:
        return [], {}, -1
    if isinstance(zlut, ZLUT):
        return [zlut], {}, 0
    if not isinstance(zlut, ZLUTSet):
        raise ValueError(f"zlut must be a ZLUT, a ZLUTSet or None, not {type(zlut).__name__}; load it first")
    distinct: dict[int, int] = {}
    zluts: list[ZLUT] = []
    for one in (*zlut.values(), *([zlut.default] if zlut.default else [])):
        if id(one) not in distinct:
            distinct[id(one)] = len(zluts)
            zluts.append(one)
    of_id = {bead_id: distinct[id(one)] for bead_id, one in zlut.items()}
    return zluts, of_id, distinct[id(zlut.default)] if zlut.default else -1
