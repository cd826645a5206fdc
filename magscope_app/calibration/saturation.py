"""Planes of a sweep whose images are too bright: there is nothing to be compared in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

#: A ROI is saturated if more than this share of its pixels is: a hot pixel is none.
_SATURATED_SHARE = 0.005


def saturated_planes(images: npt.NDArray[Any], ceiling_dn: int) -> npt.NDArray[np.bool_]:
    """Return in which planes a bead's images are saturated.

    Parameters
    ----------
    images : ndarray of uint8 or uint16, (n_planes, n_per_plane, height, width)
        Its ROIs.
    ceiling_dn : int
        Grey level at which the camera clips.

    Returns
    -------
    ndarray of bool, (n_planes,)
    """
    share: npt.NDArray[np.float64] = (images >= ceiling_dn).mean(axis=(1, 2, 3))
    return share > _SATURATED_SHARE
