"""What a tracking method is: made from a setup, it fills a job's arrays."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.lut_tables import LutTables
from magscope_app.tracking.noise import CameraNoise
from magscope_app.tracking.zlut import ZLUT

Build = Literal["now", "beside"]
#: Asked before something slow is done at once, with whether it is needed only once; False: something quicker
#: serves instead.
HasTime = Callable[[bool], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """What a method is made for.

    Attributes
    ----------
    roi_px : int
        Edge of the square ROI.
    zluts : tuple of ZLUT
        The distinct Z-LUTs, as `Job.lut_of_bead` numbers them.
    tables : LutTables
        The same as tables of profiles.
    noise : CameraNoise or None
        None: uncertainties are NaN.
    threads : int
        How many objects are needed; each serves one thread.
    build : str
        "now": what a method needs is made when it is missing. "beside": by a thread of its own, while another
        method serves, where there is no time.
    has_time : callable
        For "beside".
    memory_mb : float
        Most memory for what is made, in 10⁶ bytes.
    closing : ExitStack
        Closed with the tracker.
    """

    roi_px: int
    zluts: tuple[ZLUT, ...]
    tables: LutTables
    noise: CameraNoise | None
    threads: int
    build: Build
    has_time: HasTime
    memory_mb: float
    closing: ExitStack


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One call of `Tracker.track`, as the kernels see it.

    ROI number i is bead i % n_beads in frame i // n_beads.

    Attributes
    ----------
    frames : ndarray of uint8 or uint16, (n_frames, height, width)
        A read-only view of the caller's pixels.
    rois : ndarray of int64, (n_beads, 2)
        x0, y0 of each ROI, all inside the frame.
    bounds : ndarray of int64, (n_beads, 4)
        x0, y0 and the ends of the pixels around each ROI that may be read.
    lut_of_bead : ndarray of int64, (n_beads,)
        Number of the bead's Z-LUT, −1 for none.
    starts : ndarray of float64, (n_beads, 10)
        What is remembered of each bead, see `starts`; NaN for a new one. A method may use and renew it.
    ceiling : int
        Grey level from which on a pixel is saturated.
    columns : ndarray of float64, (7, n_frames · n_beads)
        Written: x, y, z, their sigmas, quality.
    flags : ndarray of uint8, (n_frames · n_beads,)
        Written.
    profiles : ndarray of float32, (n_frames · n_beads, n_radii)
        Written; without rows if profiles are not wanted.
    """

    frames: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    rois: npt.NDArray[np.int64]
    bounds: npt.NDArray[np.int64]
    lut_of_bead: npt.NDArray[np.int64]
    starts: npt.NDArray[np.float64]
    ceiling: int
    columns: npt.NDArray[np.float64]
    flags: npt.NDArray[np.uint8]
    profiles: npt.NDArray[np.float32]


class Method(Protocol):
    """Tracks a part of a job; each thread has an object of its own."""

    @property
    def by_bead(self) -> bool:
        """Whether a job is shared out by beads, each through all frames, and not by ROIs."""
        ...

    def run(self, job: Job, first: int, stop: int) -> None:
        """Write the results of the ROIs, or the beads, numbered first..stop − 1."""
        ...
