"""The window's side of the shared memory: it looks, and holds nothing back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gui.models.boxes import Boxes
from magscope_app.config import Config
from magscope_app.datatypes import (
    BeadRoiBuffer,
    DatasetNotReadyError,
    LiveProfileBuffer,
    MatrixBuffer,
    ReaderMode,
    VideoBuffer,
    ZLUTSweepDataset,
)
from magscope_app.processes.handles import DRIFT, XY_LOCK, Z_LOCK

#: Name under which the window reads.
READER = "gui"
#: Rows taken at most at once; what waits beyond that is taken the next time.
_MAX_ROWS = 100_000
#: Rows of a lock that are shown: half a minute at 100 per second.
_LOCK_ROWS = 3000
#: The profile's row begins with time, bead id and number of samples.
_PROFILE_META = 3


class BufferHandles(Protocol):
    """What the window needs of `magscope_app.processes.handles.Handles`."""

    @property
    def config(self) -> Config:
        """The config of the run."""

    @property
    def session_start_ns(self) -> int:
        """``perf_counter_ns`` at which the session clock is 0."""

    def video(self) -> VideoBuffer:
        """Attach to the frames."""

    def tracks(self) -> MatrixBuffer:
        """Attach to the bead rows."""

    def rois(self) -> BeadRoiBuffer:
        """Attach to the ROIs."""

    def profile(self) -> LiveProfileBuffer:
        """Attach to the radial profile."""

    def telemetry(self, motor: str) -> MatrixBuffer:
        """Attach to an axis's positions."""

    def matrix(self, name: str) -> MatrixBuffer:
        """Attach to the rows of a lock."""

    def sweep(self) -> ZLUTSweepDataset:
        """Attach to the profiles of a sweep."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """The newest frame: a copy, its id and its time (ns since session start).

    The pixels are those of the next frame but one as soon as that is asked for.
    """

    image: npt.NDArray[Any]
    frame_id: int
    timestamp_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """The radial profile of a bead at r = 0, 1, 2 … px in grey levels."""

    bead_id: int
    values: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MotorReading:
    """Where an axis is and where it goes, in its unit."""

    t_ns: int
    position: float
    target: float
    moving: bool
    at_target: bool


class Feeds:
    """Reads frames, rows, ROIs, the profile and motor positions.

    Parameters
    ----------
    handles : BufferHandles
        Gives the buffers of the session.
    """

    def __init__(self, handles: BufferHandles) -> None:
        self._handles = handles
        self._tracks = handles.tracks()
        self._rows = self._tracks.reader(READER)
        self._rois = handles.rois()
        self._profile = handles.profile()
        self._locks = {name: handles.matrix(name) for name in (Z_LOCK, XY_LOCK, DRIFT)}
        self._telemetry = {motor.name: handles.telemetry(motor.name) for motor in handles.config.motors}
        self._video: VideoBuffer | None = None
        self._picture: Picture | None = None
        self._spare: npt.NDArray[Any] | None = None
        self._boxes = Boxes()
        self._sweep: ZLUTSweepDataset | None = None

    def open_video(self) -> None:
        """Attach to the frames; call it when they exist."""
        if self._video is None:
            self._video = self._handles.video()
            self._frames = self._video.reader(READER, ReaderMode.NEWEST)

    def picture(self) -> Picture | None:
        """Return the newest frame, None as long as there was none."""
        if self._video is None:
            return None
        self._frames.beat()
        if self._picture is not None and self._frames.available == 0:
            return self._picture
        # Two arrays take turns: fresh memory for every frame costs as much as the copy.
        frame = self._frames.newest(self._spare)
        if frame is not None:
            self._spare = None if self._picture is None else self._picture.image
            self._picture = Picture(frame.pixels, frame.frame_id, frame.timestamp_ns)
        return self._picture

    def rows(self) -> npt.NDArray[np.float64]:
        """Return the rows since the last call (n, 14)."""
        return self._rows.read(_MAX_ROWS)

    def boxes(self) -> Boxes:
        """Return the ROIs; the same object as long as nothing has changed."""
        version = self._rois.version
        if version != self._boxes.version:
            ids, rois = self._rois.get_beads()
            self._boxes = Boxes(ids.astype(np.int64), rois.astype(np.float64).reshape(-1, 4), version)
        return self._boxes

    def profile(self) -> Profile | None:
        """Return the newest radial profile, None where none was written."""
        row = self._profile.peak_unsorted()[0]
        _, bead_id, length = row[:_PROFILE_META].tolist()
        if not np.isfinite(length):
            return None
        return Profile(int(bead_id), row[_PROFILE_META:][: int(length)])

    def motor(self, name: str) -> MotorReading | None:
        """Return the newest position of an axis, None where there is none yet."""
        rows = self._telemetry[name].newest(1)
        if not len(rows):
            return None
        t_ns, position, target, moving, at_target = rows[-1]
        return MotorReading(int(t_ns), float(position), float(target), bool(moving), bool(at_target))

    def lock_rows(self, name: str) -> npt.NDArray[np.float64]:
        """Return the newest rows of z_lock, xy_lock or drift, with Z_LOCK_COLUMNS and so on."""
        return self._locks[name].newest(_LOCK_ROWS)

    def open_sweep(self) -> None:
        """Attach to the profiles of a sweep that has begun; call it when they exist."""
        if self._sweep is not None:
            self._sweep.close()
        try:
            self._sweep = self._handles.sweep()
        except DatasetNotReadyError:
            # It has ended already: there is nothing to watch.
            self._sweep = None

    def sweep(self, bead_id: int | None) -> dict[str, object] | None:
        """Return the profiles of one bead in the last sweep, see `ZLUTSweepDataset.read_preview`."""
        return None if self._sweep is None else self._sweep.read_preview(bead_id)

    def close(self) -> None:
        """Detach from everything."""
        for rows in self._locks.values():
            rows.close()
        self._tracks.close()
        self._rois.close()
        self._profile.close()
        for telemetry in self._telemetry.values():
            telemetry.close()
        if self._sweep is not None:
            self._sweep.close()
            self._sweep = None
        if self._video is not None:
            self._video.close()
            self._video = None
