"""Sections of what moves the focus or follows the beads: calibration, XY-lock, Z-lock, drift."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from magscope_app.config.section import Section

#: gain + 2 damping is this at most; 0.4 + 2 · 0.2 is 0.8, whatever the computer makes of it.
_CALM, _ROUNDING = 0.8, 1e-9


class Calibration(Section):
    """How the focus settles in a Z-LUT sweep; `motors.tolerance` says when it has arrived."""

    settle_ms: float = Field(
        20.0, ge=0, le=60_000, description="The focus must have stood at a plane so long before frames count."
    )
    settle_frames: int = Field(
        0, ge=0, le=10_000, description="So many frames more are passed over at each plane."
    )
    backlash_nm: float = Field(
        300.0,
        ge=0,
        le=100_000,
        description="The focus goes so far beyond the first plane and turns, so that every plane is reached "
        "from one side.",
    )


class XYLockConfig(Section):
    """The ROIs follow their beads."""

    on: bool = Field(False, description="Follow from the start.")
    interval_s: float = Field(0.5, ge=0.02, le=3600, description="Time between two looks at all beads.")
    window: int = Field(
        10, ge=1, le=1000, description="Frames whose median says where a bead is; fewer if the interval has."
    )
    dead_band_px: float = Field(1.0, ge=0.5, le=50, description="A ROI moves if its bead is farther off.")
    max_step_px: int = Field(4, ge=1, le=50, description="Largest move of a ROI at once, in x and in y.")
    min_distance_px: float | None = Field(
        None,
        gt=0,
        le=1000,
        description="ROIs do not come nearer to each other than this; half of beads.roi_px without it.",
    )
    min_quality: float = Field(0.4, ge=0, le=1, description="Rows of lower quality are not believed.")
    exclude: tuple[int, ...] = Field((), description="Ids of beads that are not followed.")


class ZLockConfig(Section):
    """The focus follows reference beads."""

    on: bool = Field(False, description="Hold the focus as soon as the beads are tracked.")
    beads: tuple[int, ...] = Field(
        (), description="Ids of the beads that are followed; those with the role reference without it."
    )
    interval_s: float = Field(0.04, ge=0.001, le=60, description="Shortest time between two corrections.")
    window: int = Field(3, ge=1, le=1000, description="Frames whose median is one measurement.")
    gain: float = Field(0.4, gt=0, le=1, description="Part of the error that one correction takes back (I).")
    damping: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Part of the change of the error that is added to it (P). gain + 2 damping: at most 0.8.",
    )
    max_step_nm: float = Field(100.0, gt=0, le=10_000, description="Largest correction of the focus.")
    dead_band_nm: float = Field(0.5, ge=0, le=1000, description="Smaller errors are not corrected.")
    min_quality: float = Field(0.4, ge=0, le=1, description="Rows of lower quality are not believed.")
    max_sigma_nm: float = Field(30.0, gt=0, le=1000, description="Rows less certain in z are not believed.")
    lut_margin_nm: float = Field(
        100.0, ge=0, le=10_000, description="The lock lets go so far before the end of a bead's Z-LUT."
    )
    max_disagreement_nm: float = Field(
        50.0, gt=0, le=10_000, description="The lock lets go if a bead is farther from the median of all."
    )
    max_travel_nm: float = Field(
        10_000.0, gt=0, le=1e6, description="The lock lets go if it has moved the focus farther than this."
    )
    patience_s: float = Field(
        0.25, gt=0, le=60, description="The lock lets go if no bead was good for so long."
    )
    arrival_nm: float = Field(5.0, gt=0, le=1000, description="The focus is where it was sent within this.")
    arrival_s: float = Field(
        2.0, gt=0, le=60, description="The lock lets go if the focus takes longer to arrive."
    )

    @model_validator(mode="after")
    def _does_not_swing(self) -> Self:
        """Refuse pairs that swing, or would with a focus that does twice of what it should.

        e' = e - gain e - damping (e - e_before) is stable below gain / 2 + damping = 1 (Jury's criterion);
        with less than half of that, an error does not change sides, and the noise of measurements is not
        amplified. If the focus does twice of what it should, a swing still falls by a fifth or more from one
        measurement to the next.
        """
        if self.gain + 2 * self.damping > _CALM + _ROUNDING:
            damping = (_CALM - self.gain) / 2
            remedy = f"a damping up to {damping:.3g} or a smaller gain" if damping >= 0 else "a smaller gain"
            raise ValueError(
                f"gain = {self.gain:g} with damping = {self.damping:g} would swing: gain + 2 damping is "
                f"more than {_CALM:g}; give {remedy}"
            )
        return self


class DriftConfig(Section):
    """The drift of the stage, seen by reference beads."""

    on: bool = Field(False, description="Measure the drift as soon as the beads are tracked.")
    beads: tuple[int, ...] = Field(
        (), description="Ids of the beads that do not move; those with the role reference without it."
    )
    window: int = Field(50, ge=1, le=10_000, description="Frames over which the drift is averaged.")
    tilt: bool = Field(
        False, description="Let the drift in z be a plane in x and y; needs three beads not on one line."
    )
    min_quality: float = Field(0.4, ge=0, le=1, description="Rows of lower quality are not believed.")
    max_disagreement_nm: float = Field(
        50.0, gt=0, le=10_000, description="A bead farther than this from the median of all is not believed."
    )
