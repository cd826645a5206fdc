"""One Z look-up table: how a bead's radial profile depends on z."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.lut_shape import BeadShape
from magscope_app.tracking.requests import is_finite
from magscope_app.tracking.zlut_facts import (
    MetadataValue,
    edge_px,
    frame_counts,
    plain_metadata,
    positive,
    real_numbers,
)

if TYPE_CHECKING:
    from magscope_app.tracking.lut_quality import LutQuality, ProfileMatch
    from magscope_app.tracking.noise import CameraNoise

#: In the metadata of a Z-LUT: whether its profiles are means of the pixels nearest to each radius, as
#: magtrack makes them, and not circles of interpolated pixels.
BINNED = "binned_profiles"
#: Fewest planes between which z can be interpolated.
MIN_PLANES = 4


@dataclass(frozen=True, slots=True, eq=False)
class ZLUT:
    """Radial profiles of a bead at known z.

    Attributes
    ----------
    z_nm : ndarray of float64, (n_planes,)
        Strictly rising; spacing may be uneven.
    profiles : ndarray of float64, (n_planes, n_radii)
        Mean grey level on circles of radius 0, 1, 2 … times `r_step_px`.
    r_step_px : float
        Spacing of the radii, at most 1.
    roi_px : int or None
        Edge of the ROI that the profiles were measured in.
    nm_per_px : float or None
        Pixel size at the sample.
    focal_shift_factor : float or None
        Bead height per focus travel that z_nm was multiplied with.
    counts : ndarray of int64, (n_planes,)
        Frames averaged in each plane; 0 where not known.
    created : str
        When it was made, ISO 8601; empty if not known.
    metadata : mapping
        What else is known, such as the camera and the config; str, int, float, bool or None by name.
    shape : BeadShape or None
        The bead's image finely in r and in two dimensions, which a sweep gives; None for tables of profiles.

    Raises
    ------
    ValueError
        If shapes do not fit, z does not rise, there are fewer than 4 planes, radii are more than 1 px apart,
        a number is not finite or not positive, or metadata hold what cannot be saved.
    """

    z_nm: npt.NDArray[np.float64]
    profiles: npt.NDArray[np.float64]
    r_step_px: float = 1.0
    roi_px: int | None = None
    nm_per_px: float | None = None
    focal_shift_factor: float | None = None
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    created: str = ""
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)
    shape: BeadShape | None = None

    def __post_init__(self) -> None:
        z_nm, profiles = real_numbers("z_nm", self.z_nm), real_numbers("profiles", self.profiles)
        _require_table(z_nm, profiles, self.r_step_px)
        if not isinstance(self.created, str):
            raise ValueError(f"created must be a text, not {self.created!r}; give a time in ISO 8601")
        counts = frame_counts(self.counts, len(z_nm))
        _require_shape(self.shape, len(z_nm))
        for array in (z_nm, profiles, counts):
            array.flags.writeable = False
        for name, value in (
            ("z_nm", z_nm),
            ("profiles", profiles),
            ("r_step_px", float(self.r_step_px)),
            ("roi_px", edge_px(self.roi_px)),
            ("nm_per_px", positive("nm_per_px", self.nm_per_px)),
            ("focal_shift_factor", positive("focal_shift_factor", self.focal_shift_factor)),
            ("counts", counts),
            ("metadata", plain_metadata(self.metadata)),
        ):
            object.__setattr__(self, name, value)

    @property
    def n_planes(self) -> int:
        """Number of planes."""
        return len(self.z_nm)

    @property
    def n_radii(self) -> int:
        """Number of radii of each profile."""
        return int(self.profiles.shape[1])

    def profiles_at(self, radii_px: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the profiles (n_planes, n) at other radii, linear between the table's, constant beyond."""
        at = np.clip(radii_px / self.r_step_px, 0, self.n_radii - 1)
        below = np.minimum(at.astype(np.int64), self.n_radii - 2)
        fraction = at - below
        return self.profiles[:, below] * (1 - fraction) + self.profiles[:, below + 1] * fraction

    @classmethod
    def from_profiles(
        cls,
        profiles: npt.ArrayLike,
        z_nm: npt.ArrayLike,
        *,
        r_step_px: float = 1.0,
        roi_px: int | None = None,
        nm_per_px: float | None = None,
        focal_shift_factor: float | None = None,
        counts: npt.ArrayLike | None = None,
        created: str = "",
        metadata: Mapping[str, MetadataValue] | None = None,
    ) -> ZLUT:
        """Make a Z-LUT of profiles (n_planes, n_radii) at z_nm (n_planes,); the other values as in `ZLUT`."""
        return cls(
            real_numbers("z_nm", z_nm),
            real_numbers("profiles", profiles),
            r_step_px,
            roi_px,
            nm_per_px,
            focal_shift_factor,
            np.zeros(0, np.int64) if counts is None else np.asarray(counts),
            created,
            {} if metadata is None else metadata,
        )

    @classmethod
    def from_sweep(
        cls,
        images: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
        z_nm: npt.ArrayLike,
        *,
        nm_per_px: float | None = None,
        focal_shift_factor: float | None = None,
        created: str = "",
        metadata: Mapping[str, MetadataValue] | None = None,
        saturation_dn: int | None = None,
    ) -> ZLUT:
        """Make a Z-LUT of a focus sweep over one bead, whose centre is found in every image.

        Parameters
        ----------
        images : ndarray of uint8 or uint16, (n_planes, n_per_plane, height, width)
            The bead's ROI; if it is not square, the square in its middle is used.
        z_nm : array_like, (n_planes,)
            Rising; spacing may be uneven.
        nm_per_px, focal_shift_factor, created, metadata
            As in `ZLUT`.
        saturation_dn : int or None
            Grey level at which the camera clips; None: the largest value of the pixel type.

        Raises
        ------
        ValueError
            If shapes do not fit, the bead is not seen in any image of a plane, or most pixels are clipped.
        """
        from magscope_app.tracking.sweep import evaluate_sweep  # the tracker needs this module

        z = real_numbers("z_nm", z_nm)
        sweep = evaluate_sweep(images, z, saturation_dn)
        return cls(
            z,
            sweep.profiles,
            1.0,
            sweep.roi_px,
            nm_per_px,
            focal_shift_factor,
            sweep.counts,
            created,
            {} if metadata is None else metadata,
            sweep.shape,
        )

    @classmethod
    def load(cls, path: str | PathLike[str], plane_nm: float | None = None, bead: int | None = None) -> ZLUT:
        """Read a Z-LUT from .npz, QTrk's .radialzlut, or text with a matrix of z and profiles.

        Parameters
        ----------
        path : path
            The ending decides: .npz, .radialzlut, anything else is text.
        plane_nm : float or None
            Spacing of the planes, which .radialzlut does not contain; z then starts at 0, and radii are taken
            to be 1 px apart.
        bead : int or None
            Which bead's table to take from a .radialzlut; may be left out if it has only one.

        Raises
        ------
        ValueError
            If the file is not such a table; the text names it and says what to do.
        OSError
            If the file cannot be read.
        """
        from magscope_app.tracking.zlut_files import load_zlut  # it makes objects of this class

        return load_zlut(path, plane_nm, bead)

    def save(self, path: str | PathLike[str]) -> None:
        """Write .npz with everything, or (other endings) text: row 0 z in nm, then r = 0, 1, 2 … px."""
        from magscope_app.tracking.zlut_files import save_zlut  # it makes objects of this class

        save_zlut(self, path)

    def quality(self, noise: CameraNoise, roi_px: int | None = None) -> LutQuality:
        """Return what this Z-LUT can tell about x, y and z with a camera, plane by plane.

        Parameters
        ----------
        noise : CameraNoise
            Noise of the camera that made the sweep.
        roi_px : int or None
            Edge of the ROI, 16..256; None: that of the sweep, or what the radii fill.

        Raises
        ------
        ValueError
            If an argument is out of its range, or no plane tells anything about z.
        """
        from magscope_app.tracking.lut_quality import lut_quality  # it needs this module

        return lut_quality(self, noise, roi_px)

    def why_not(
        self,
        *,
        roi_px: int | None = None,
        nm_per_px: float | None = None,
        focal_shift_factor: float | None = None,
    ) -> list[str]:
        """Say, one sentence each, in what this Z-LUT does not fit a tracker and its optics.

        What is not known on either side is taken to fit.

        Raises
        ------
        ValueError
            If an argument is not a finite number.
        """
        from magscope_app.tracking.lut_quality import why_not  # it needs this module

        return why_not(self, roi_px=roi_px, nm_per_px=nm_per_px, focal_shift_factor=focal_shift_factor)

    def match(self, profile: npt.NDArray[np.floating]) -> ProfileMatch:
        """Compare a bead's profile (n_radii,) at r = 0, 1, 2 … px, NaN where not known, with this Z-LUT.

        Another magnification, focal shift factor, bead or focus is told with its reason.

        Raises
        ------
        ValueError
            If the profile is not a row of real numbers.
        """
        from magscope_app.tracking.lut_quality import match_profile  # it needs this module

        return match_profile(self, real_numbers("profile", profile))


def _require_table(
    z_nm: npt.NDArray[np.float64], profiles: npt.NDArray[np.float64], r_step_px: float
) -> None:
    """Raise ValueError unless z and profiles make a table."""
    if z_nm.ndim != 1 or profiles.ndim != 2 or len(z_nm) != len(profiles):
        raise ValueError(
            f"a Z-LUT needs z_nm (n_planes,) and profiles (n_planes, n_radii), not {z_nm.shape} and "
            f"{profiles.shape}; give one profile per z"
        )
    if len(z_nm) < MIN_PLANES or profiles.shape[1] < 2:
        raise ValueError(
            f"a Z-LUT needs at least {MIN_PLANES} planes and 2 radii, not {profiles.shape}; sweep more planes"
        )
    if not (np.isfinite(z_nm).all() and np.isfinite(profiles).all()):
        raise ValueError(
            "a Z-LUT holds a value that is not a finite number; repeat the sweep or repair the file"
        )
    if not (np.diff(z_nm) > 0).all():
        raise ValueError("the planes of a Z-LUT must rise strictly in z; sort them and average repeated ones")
    if not is_finite(r_step_px) or not 0 < r_step_px <= 1:
        raise ValueError(
            f"r_step_px must be > 0 and at most 1, not {r_step_px!r}: rings are lost between wider radii; "
            "give profiles at r = 0, 1, 2 … px, or finer"
        )


def _require_shape(shape: object, n_planes: int) -> None:
    """Raise ValueError unless the 2-D part is none, or one of as many planes."""
    if shape is not None and not isinstance(shape, BeadShape):
        raise ValueError(f"shape must be a BeadShape or None, not {type(shape).__name__}; sweep again")
    if shape is not None and len(shape.radial) != n_planes:
        raise ValueError(
            f"the 2-D part of the Z-LUT has {len(shape.radial)} planes, the table {n_planes}; "
            "repeat the sweep"
        )
