"""What a sweep tells beyond mean profiles: the bead's image, finely in r and in two dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

#: Knots of the cubic splines in r, per pixel.
KNOTS_PER_PX = 2
#: No grey level and no distance in an image is larger.
_MOST = 1e9


@dataclass(frozen=True, slots=True, eq=False)
class BeadShape:
    """A bead's image in every plane of a sweep, relative to the bead's centre.

    Attributes
    ----------
    radial : ndarray of float64, (n_planes, n + 3)
        Coefficients of cubic B-splines in r with knots every 1 / `KNOTS_PER_PX` px, fitted to all pixels;
        coefficient k belongs to the B-spline whose middle is at r = (k − 1) / `KNOTS_PER_PX` px.
    template : ndarray of float32, (n_planes, size, size)
        Mean of what the radial part leaves over, at whole pixels from the bead's centre, which is in the
        middle (size is odd); 0 where nothing was seen.
    reach_px : ndarray of float64, (4,)
        Distances from the bead that were seen in every plane: least and largest x, least and largest y.
    centres_px : ndarray of float64, (n_planes, n_per_plane, 2)
        x and y of the bead in each image of the sweep; NaN where it was not found.
    noise_dn2 : ndarray of float64, (n_planes,)
        Variance of one image around the mean, in DN²; NaN for planes of one image.
    ceiling_dn : float
        Grey level at which the sweep's camera clips.

    Raises
    ------
    ValueError
        If shapes do not fit, or a number that must be finite is not.
    """

    radial: FloatArray
    template: npt.NDArray[np.float32]
    reach_px: FloatArray
    centres_px: FloatArray
    noise_dn2: FloatArray
    ceiling_dn: float

    def __post_init__(self) -> None:
        for name, kind in (
            ("radial", np.float64),
            ("template", np.float32),
            ("reach_px", np.float64),
            ("centres_px", np.float64),
            ("noise_dn2", np.float64),
        ):
            array = np.array(getattr(self, name), kind)
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        n = len(self.radial) if self.radial.ndim else 0
        size = self.template.shape[-1] if self.template.ndim else 0
        fits = (
            self.radial.ndim == 2
            and self.radial.shape[1] >= 5
            and self.template.shape == (n, size, size)
            and size % 2 == 1
            and self.reach_px.shape == (4,)
            and self.centres_px.ndim == 3
            and self.centres_px.shape[::2] == (n, 2)
            and self.noise_dn2.shape == (n,)
        )
        finite = all((np.abs(part) < _MOST).all() for part in (self.radial, self.template, self.reach_px))
        # NaN says that something was not found; infinite it cannot be.
        sane = not np.isinf(self.centres_px).any() and not (self.noise_dn2 < 0).any()
        sane = sane and not np.isinf(self.noise_dn2).any() and 0 < self.ceiling_dn < _MOST
        if not fits or not finite or not sane or not (self.reach_px[::2] <= self.reach_px[1::2]).all():
            raise ValueError(
                "the 2-D part of the Z-LUT does not fit together or is not finite; repeat the sweep"
            )
