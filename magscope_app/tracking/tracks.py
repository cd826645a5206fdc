"""The result of tracking: positions, uncertainties and reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.flags import TrackFlag

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Positions of all beads in a stack of frames.

    Every array has the shape (n_frames, n_beads); a value that is not honestly known is NaN, and `flags` says
    why.

    Attributes
    ----------
    x_px, y_px : ndarray of float64
        Centre in pixels of the whole frame: 0 is the centre of the first column or row.
    z_nm : ndarray of float64
        Position in the Z-LUT's z, in nm.
    sigma_x_px, sigma_y_px, sigma_z_nm : ndarray of float64
        Standard deviation expected from the camera's noise (not from motion); NaN if the noise is not known.
    quality : ndarray of float64
        0..1, how much of what is seen the model explains. "qi": the share of the ROI's intensity variance
        (a radially symmetric bead and, where there is a Z-LUT, one that looks like its best plane), noise
        counting as not explained where it is not known. The fits: the share of the bead's own signal,
        S / (S + m): S is by how much χ² rises without the bead, m the misfit that noise does not explain, its
        scatter included. It falls neither with the light nor with the size of the ROI, so one threshold
        serves all beads: below 0.97 the fit is not believed.
    flags : ndarray of uint8
        Bits of `TrackFlag`.
    profiles : ndarray of float32 or None
        Radial profiles (n_frames, n_beads, n_radii) at r = 0, 1, 2 … px in grey levels; NaN at radii that do
        not fit into the ROI around the bead's centre. None unless asked for.
    """

    x_px: FloatArray
    y_px: FloatArray
    z_nm: FloatArray
    sigma_x_px: FloatArray
    sigma_y_px: FloatArray
    sigma_z_nm: FloatArray
    quality: FloatArray
    flags: npt.NDArray[np.uint8]
    profiles: npt.NDArray[np.float32] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Number of frames and of beads."""
        n_frames, n_beads = self.x_px.shape
        return n_frames, n_beads

    def has(self, flag: TrackFlag) -> npt.NDArray[np.bool_]:
        """Return where any of the given bits is set, (n_frames, n_beads)."""
        return np.asarray((self.flags & np.uint8(flag)) != 0)


def join_tracks(parts: Sequence[Tracks]) -> Tracks:
    """Return the tracks of the same beads in one stack after the other as those of one stack."""
    joined: dict[str, Any] = {}
    for field in fields(Tracks):
        columns = [getattr(part, field.name) for part in parts]
        joined[field.name] = None if columns[0] is None else np.concatenate(columns)
    return Tracks(**joined)
