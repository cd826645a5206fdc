"""The frames of one plane: those whose exposure began after the focus had arrived, while it stayed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from magscope_app.config import Config
from magscope_app.datatypes import BeadRoiBuffer, FrameBatch, MatrixBuffer, ReaderMode, VideoBuffer
from magscope_app.datatypes.frames import NO_PIXELS
from magscope_app.errors import MagscopeError
from magscope_app.processes.handles import Handles
from magscope_app.tracking.requests import require_rois

#: A frame's time stamp may be taken when its exposure began, ended, or a frame later, when it was read: with
#: two periods between arrival and stamp the exposure began after the arrival in every case. The periods are
#: counted in frames as well, as a camera may be slower than it says.
_SAFE_PERIODS = 2
#: Frames that are late by more than this are not coming; so is telemetry.
_PATIENCE_S, _TELEMETRY_S = 5.0, 2.0
_LOOK_S = 0.02
#: Rows of telemetry that are looked at: at 50 Hz more than a minute.
_ROWS = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One frame of a plane.

    Attributes
    ----------
    frame_id, t_ns : int
        Id and session time.
    mosaic : ndarray, (n_beads · roi, roi)
        The beads' ROIs below each other.
    rois_px : list of list of int
        (x0, y0) of each.
    """

    frame_id: int
    t_ns: int
    mosaic: npt.NDArray[Any]
    rois_px: list[list[int]]


class Capture:
    """Takes frames of the beads of a sweep from the video ring, as a reader that never holds the camera up.

    Parameters
    ----------
    handles : Handles
        To the shared memory.
    focus : str
        Name of the focus axis.
    bead_ids : tuple of int
        The beads, in the order of the mosaic.
    roi_px : int
        Edge of a ROI now, which the user may have changed since the config was read.
    """

    def __init__(self, handles: Handles, focus: str, bead_ids: tuple[int, ...], roi_px: int) -> None:
        config: Config = handles.config
        self._focus = focus
        self.expect(1.0 / config.camera.fps)
        #: Edge of a ROI.
        self.roi_px = roi_px
        self._bead_ids = bead_ids
        self._corners: dict[int, tuple[int, int]] = {}
        #: Beads that were taken off the list since the start.
        self.removed: set[int] = set()
        self._video: VideoBuffer = handles.video()
        self._rois: BeadRoiBuffer = handles.rois()
        self._telemetry: MatrixBuffer = handles.telemetry(focus)

    def expect(self, period_s: float) -> None:
        """Take the frames to come in this period from now on."""
        self._period_ns = round(1e9 * period_s)

    @property
    def bits(self) -> int:
        """Bits of a pixel that the camera uses."""
        return self._video.significant_bits

    def close(self) -> None:
        """Detach from the shared memory."""
        for buffer in (self._video, self._rois, self._telemetry):
            buffer.close()

    def arrival_ns(self) -> int:
        """Return the session time since when the focus has stood at its target.

        Raises
        ------
        MagscopeError
            It does not stand there.
        """
        rows = self._telemetry.newest(_ROWS)
        away = np.flatnonzero((rows[:, 4] == 0) | (rows[:, 2] != rows[-1:, 2]))
        first = int(away[-1]) + 1 if len(away) else 0
        if first >= len(rows):
            raise MagscopeError(f"{self._focus} does not stand at its target; look at the axis")
        return int(rows[first, 0])

    def take(self, count: int, after_ns: int, check: Callable[[], object]) -> list[Shot]:
        """Wait for frames whose exposure began at `after_ns` or later.

        Parameters
        ----------
        count : int
            How many.
        after_ns : int
            Session time.
        check : callable
            Called again and again; may raise to end the wait.

        Raises
        ------
        MagscopeError
            They do not come.
        """
        shots: list[Shot] = []
        earlier = 0
        late = time.monotonic() + _PATIENCE_S + 1e-9 * self._period_ns * (count + 2 * _SAFE_PERIODS)
        reader = self._video.reader("zlut", ReaderMode.OVERWRITE, start="newest")
        try:
            while len(shots) < count:
                check()
                if not reader.wait(_LOOK_S) or (batch := reader.acquire(count)) is None:
                    if time.monotonic() > late:
                        raise MagscopeError(
                            f"{len(shots)} of {count} frames came in time; is the camera running?"
                        )
                    continue
                usable, earlier = self._usable(batch, after_ns, earlier)
                shots += usable
        finally:
            reader.close()
        return shots[:count]

    def _usable(self, batch: FrameBatch, after_ns: int, earlier: int) -> tuple[list[Shot], int]:
        """Copy what may be used of a batch, and release it; count the frames that came since `after_ns`."""
        with batch:
            stamps, ids = batch.timestamps_ns, batch.frame_ids
            since = (stamps >= after_ns) & ((batch.flags & NO_PIXELS) == 0)
            before = earlier + np.cumsum(since) - since
            late = stamps >= after_ns + _SAFE_PERIODS * self._period_ns
            places = np.flatnonzero(since & late & (before >= _SAFE_PERIODS))
            corners = self._renewed_corners(batch.frames.shape) if len(places) else []
            shots = [
                Shot(int(ids[at]), int(stamps[at]), self._mosaic(batch.frames[at], corners), corners)
                for at in places
            ]
        kept = [shot for shot, at in zip(shots, places, strict=True) if batch.valid[at]]
        return kept, earlier + int(since.sum())

    def _renewed_corners(self, shape: tuple[int, ...]) -> list[list[int]]:
        """Return where the beads' ROIs are now; one that was removed stays where it was."""
        ids, rois = self._rois.get_beads()
        edges = set((rois[:, 1] - rois[:, 0]).tolist())
        if edges - {self.roi_px}:
            raise MagscopeError(f"the ROIs have {edges.pop()} px now, not {self.roi_px}; sweep again")
        known = {int(bead): (int(roi[0]), int(roi[2])) for bead, roi in zip(ids, rois, strict=True)}
        self.removed |= set(self._bead_ids) - set(known)
        self._corners |= known
        corners = [list(self._corners.get(bead, (0, 0))) for bead in self._bead_ids]
        require_rois(np.array(corners), self.roi_px, shape[2], shape[1])
        return corners

    def _mosaic(self, frame: npt.NDArray[Any], corners: list[list[int]]) -> npt.NDArray[Any]:
        edge = self.roi_px
        return np.concatenate([frame[y0 : y0 + edge, x0 : x0 + edge] for x0, y0 in corners])

    def focus_nm(self, arrived_ns: int, shots: list[Shot], check: Callable[[], object]) -> float:
        """Return the mean position of the focus during the frames.

        Raises
        ------
        MagscopeError
            It left its target meanwhile, or its telemetry has ended.
        """
        last_ns = shots[-1].t_ns
        late = time.monotonic() + _TELEMETRY_S
        rows = self._telemetry.newest(_ROWS)
        while rows[-1, 0] < last_ns:
            check()
            if time.monotonic() > late:
                raise MagscopeError(f"the positions of {self._focus} have ended; look at the axis")
            time.sleep(_LOOK_S / 2)
            rows = self._telemetry.newest(_ROWS)
        during = rows[(rows[:, 0] >= arrived_ns) & (rows[:, 0] <= last_ns)]
        if not len(during) or not (during[:, 4] == 1).all() or len(np.unique(during[:, 2])) > 1:
            raise MagscopeError(f"{self._focus} left its target while frames were taken; look at the axis")
        return float(np.interp([shot.t_ns for shot in shots], rows[:, 0], rows[:, 1]).mean())
