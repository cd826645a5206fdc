"""What a Z-LUT says between its planes, where no image was taken: planes that are left out stand for that."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from magscope_app.calibration.lookup import Images, finite_share, mean_known, track_images
from magscope_app.tracking import ZLUT, CameraNoise
from magscope_app.tracking.zlut import MIN_PLANES

#: Half of the planes of a Z-LUT must be one as well.
_FEWEST = 2 * MIN_PLANES
_FOUND_SHARE = 0.5


def error_between_planes(zlut: ZLUT, images: Images, noise: CameraNoise | None, stretch: slice) -> float:
    """Look up every second plane with the Z-LUT of the others, and these with that of the first.

    That is harder than what a Z-LUT has to do, as the steps are twice as large: a small error here is
    smaller in use. The planes themselves are always found well, the better the fewer there are.

    Parameters
    ----------
    zlut : ZLUT
        Of the bead.
    images : ndarray of uint8 or uint16, (n_planes, n_per_plane, height, width)
        The images that it was made of.
    noise : CameraNoise or None
        Of the camera.
    stretch : slice
        The planes that are usable.

    Returns
    -------
    float
        Rms deviation (nm) of the planes' mean z, infinite where most are not found; NaN where there are too
        few planes.
    """
    n_planes = zlut.n_planes
    if n_planes < _FEWEST:
        return math.nan
    off_nm = np.full(n_planes, np.nan)
    inside = np.zeros(n_planes, bool)
    inside[stretch] = True
    # The ends have a neighbour on one side only, and the next to them one that is an end.
    inside[[0, 1, -2, -1]] = False
    for kept in (slice(0, None, 2), slice(1, None, 2)):
        left = np.ones(n_planes, bool)
        left[kept] = False
        left &= inside
        if left.any():
            tracks = track_images(images[left], _part(zlut, kept), noise)
            z_nm = tracks.z_nm[:, 0].reshape(-1, images.shape[1])
            found = finite_share(tracks.z_nm, images[left]) >= _FOUND_SHARE
            off_nm[left] = np.where(found, mean_known(z_nm) - zlut.z_nm[left], np.inf)
    known = off_nm[inside]
    if not len(known):
        return math.nan
    lost = np.isinf(known)
    return math.inf if 2 * lost.sum() > len(known) else float(np.sqrt(np.mean(known[~lost] ** 2)))


def _part(zlut: ZLUT, kept: slice) -> ZLUT:
    """Return the Z-LUT of some of the planes."""
    shape = zlut.shape
    if shape is not None:
        shape = replace(
            shape,
            radial=shape.radial[kept],
            template=shape.template[kept],
            centres_px=shape.centres_px[kept],
            noise_dn2=shape.noise_dn2[kept],
        )
    counts = zlut.counts[kept] if len(zlut.counts) else zlut.counts
    return replace(zlut, z_nm=zlut.z_nm[kept], profiles=zlut.profiles[kept], counts=counts, shape=shape)
