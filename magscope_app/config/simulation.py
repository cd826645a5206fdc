"""Section [simulation]: the digital twin's sample, light and faults."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from magscope_app.config.section import Section


class Tether(Section):
    """The molecules that hold the tethered beads."""

    contour_nm: float = Field(1000.0, gt=10, le=100_000, description="Contour length.")
    persistence_nm: float = Field(50.0, gt=0.1, le=1000, description="Persistence length.")


class Drift(Section):
    """Slow motion of the stage."""

    x_nm_per_s: float = Field(0.0, ge=-1000, le=1000, description="Drift in x.")
    y_nm_per_s: float = Field(0.0, ge=-1000, le=1000, description="Drift in y.")
    z_nm_per_s: float = Field(0.0, ge=-1000, le=1000, description="Drift in z.")


class Light(Section):
    """Illumination as the camera sees it."""

    background_e: float = Field(
        8000.0, ge=10, le=1e6, description="Electrons per pixel where there is no bead."
    )
    contrast: float = Field(0.5, gt=0, le=1, description="Contrast of the bead's rings.")


class DropFrames(Section):
    """The camera loses frames: its frame number jumps."""

    kind: Literal["drop_frames"] = Field(description="What goes wrong.")
    at_frame: int = Field(ge=1, description="Camera frame number at which it happens first.")
    count: int = Field(1, ge=1, le=100_000, description="Frames lost each time.")
    every: int | None = Field(None, ge=1, description="Happens again after so many frames.")


class Simulation(Section):
    """The simulated sample."""

    seed: int = Field(1, ge=0, description="Runs with the same seed have the same beads, noise and motion.")
    n_beads: int = Field(20, ge=0, le=2000, description="Beads in the field of view.")
    n_reference: int = Field(4, ge=0, le=2000, description="How many of them are stuck to the coverslip.")
    bead_radius_nm: float = Field(500.0, gt=50, le=5000, description="Radius of the beads.")
    temperature_k: float = Field(298.0, gt=250, le=400, description="Temperature.")
    tether: Tether = Field(default_factory=Tether, description="The tethers.")
    drift: Drift = Field(default_factory=Drift, description="Drift of the stage.")
    light: Light = Field(default_factory=Light, description="Illumination.")
    faults: tuple[DropFrames, ...] = Field((), description="Things that go wrong on purpose.")
