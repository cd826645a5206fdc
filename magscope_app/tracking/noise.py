"""What one electron looks like in the image: the camera's noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.requests import is_finite, require_saturation_dn


@dataclass(frozen=True, slots=True)
class CameraNoise:
    """Noise of a camera, from which the tracker derives each position's uncertainty.

    Attributes
    ----------
    gain_dn_per_e : float
        Digital numbers (grey levels) per photo-electron; > 0.
    offset_dn : float
        Grey level of a dark pixel.
    read_noise_e : float
        Standard deviation of the read noise in electrons; >= 0.
    saturation_dn : int or None
        Grey level at which the camera clips, such as 4095 for 12 bits in uint16; None: the largest value of
        the pixel type.

    Raises
    ------
    ValueError
        If a value is not finite or out of its range.
    """

    gain_dn_per_e: float
    offset_dn: float = 0.0
    read_noise_e: float = 0.0
    saturation_dn: int | None = None

    def __post_init__(self) -> None:
        values = (self.gain_dn_per_e, self.offset_dn, self.read_noise_e)
        if not all(is_finite(value) for value in values):
            raise ValueError(
                f"camera noise must be finite numbers, not {values}; see the camera's data sheet"
            )
        if self.gain_dn_per_e <= 0 or self.read_noise_e < 0:
            raise ValueError(
                f"gain_dn_per_e must be > 0 and read_noise_e >= 0, not {self.gain_dn_per_e} and "
                f"{self.read_noise_e}; give the values of the camera's data sheet"
            )
        require_saturation_dn(self.saturation_dn)

    @classmethod
    def from_stack(
        cls,
        frames: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
        dark: npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | None = None,
        saturation_dn: int | None = None,
    ) -> CameraNoise:
        """Measure the noise in frames (n, height, width) of a lit scene, and in dark ones if given.

        The arguments are those of `magscope_app.tracking.estimate_noise`, which also returns the error.

        Raises
        ------
        ValueError
            If the stack cannot tell; the text says why and what to do.
        """
        from magscope_app.tracking.noise_estimate import estimate_noise  # it makes objects of this class

        return estimate_noise(frames, dark, saturation_dn).noise
