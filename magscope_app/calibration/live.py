"""The profiles of a running sweep in shared memory, for everyone who wants to watch."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from magscope_app.calibration.capture import Shot
from magscope_app.calibration.mosaic_correction import MosaicCorrection
from magscope_app.datatypes import ZLUTSweepDataset
from magscope_app.tracking import Tracker


def profile_length(roi_px: int) -> int:
    """Return the number of radii of a profile in such a ROI."""
    with Tracker(roi_px) as tracker:
        blank = np.zeros((1, roi_px, roi_px), np.uint8)
        profiles = tracker.track(blank, np.zeros((1, 2), np.int64), profiles=True).profiles
    assert profiles is not None  # asked for
    return int(profiles.shape[2])


class LiveProfiles:
    """Writes the profile of every bead in every frame of a sweep.

    Parameters
    ----------
    buffer : ZLUTSweepDataset
        Ready; closed by `close`.
    bead_ids : tuple of int
        The beads, in the order of the mosaic.
    roi_px : int
        Edge of a ROI.
    correction : MosaicCorrection or None
        By dark frame and flat field.
    """

    def __init__(
        self,
        buffer: ZLUTSweepDataset,
        bead_ids: tuple[int, ...],
        roi_px: int,
        correction: MosaicCorrection | None = None,
    ) -> None:
        self._buffer = buffer
        self._roi_px = roi_px
        self._correction = correction
        self._ids = np.array(bead_ids, np.uint32)
        self._tracker = Tracker(roi_px)
        # The ROIs stand below each other.
        self._corners = np.array([[0, place * roi_px] for place in range(len(bead_ids))], np.int64)
        buffer.set_state(buffer.STATE_CAPTURING)

    def add(self, step: int, focus_nm: float, shots: list[Shot]) -> None:
        """Append the profiles of one plane."""
        mosaics = np.stack([self._corrected(shot) for shot in shots])
        tracks = self._tracker.track(mosaics, self._corners, profiles=True)
        assert tracks.profiles is not None  # asked for
        profiles = tracks.profiles.reshape(-1, tracks.profiles.shape[2]).astype(np.float64)
        self._buffer.write(
            bead_ids=np.tile(self._ids, len(shots)),
            step_indices=np.full(len(profiles), step, np.uint32),
            timestamps=np.repeat([1e-9 * shot.t_ns for shot in shots], len(self._ids)),
            motor_z_values=np.full(len(profiles), focus_nm),
            valid_flags=np.isfinite(tracks.x_px).ravel().astype(np.uint8),
            profiles=profiles,
        )

    def _corrected(self, shot: Shot) -> npt.NDArray[Any]:
        if self._correction is None:
            return shot.mosaic
        edge = self._roi_px
        return self._correction(shot.mosaic.reshape(-1, edge, edge), shot.rois_px).reshape(-1, edge)

    def close(self, *, complete: bool) -> None:
        """Say how the sweep has ended, and detach."""
        self._buffer.set_state(self._buffer.STATE_COMPLETE if complete else self._buffer.STATE_FAILED)
        self._buffer.close()
        self._tracker.close()
