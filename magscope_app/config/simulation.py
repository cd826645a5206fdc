"""Section [simulation]: the digital twin's sample, light and magnets."""

from __future__ import annotations

from pydantic import Field

from magscope_app.config.faults import FaultEntry
from magscope_app.config.section import Section


class Tether(Section):
    """The molecules that hold the tethered beads; the numbers of double-stranded DNA unless changed."""

    contour_nm: float = Field(1000.0, gt=10, le=100_000, description="Contour length.")
    persistence_nm: float = Field(50.0, gt=0.1, le=1000, description="Persistence length of bending.")
    torsional_nm: float = Field(100.0, gt=1, le=1000, description="Persistence length of twist.")
    plectoneme_nm: float = Field(
        24.0,
        gt=0.1,
        le=1000,
        description="Persistence length of twist in a coiled part; sets where a tether buckles.",
    )
    melting_torque_pn_nm: float = Field(
        9.6,
        gt=0,
        le=1000,
        description="Torque in pN nm at which an underwound tether melts instead of coiling.",
    )
    nicked: int = Field(
        0, ge=0, le=2000, description="How many of the tethers are nicked: turning does not shorten them."
    )


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
    wavelength_nm: float = Field(625.0, ge=200, le=2000, description="Wavelength in vacuum.")
    source_angle_mrad: float = Field(
        35.0,
        ge=0,
        le=500,
        description="Angular radius (rms) of the source: the larger, the sooner distant rings fade.",
    )
    spectral_width: float = Field(0.01, ge=0, le=0.2, description="Relative width (rms) of the spectrum.")


class Refraction(Section):
    """What bends and stops the light around a bead."""

    numerical_aperture: float = Field(
        1.1, gt=0.1, le=1.6, description="Of the objective; less than medium_index."
    )
    medium_index: float = Field(1.33, ge=1, le=2, description="Refractive index of the medium.")
    bead_index: float = Field(1.57, ge=1, le=3, description="Refractive index of the beads.")
    bead_absorption: float = Field(
        0.05, ge=0, le=1, description="Imaginary part of the beads' index: iron oxide absorbs."
    )


class Magnets(Section):
    """Force of the twin's magnets: f0_pn · exp(−height_mm / decay_mm), whatever [force] says."""

    f0_pn: float = Field(40.0, gt=0, le=10_000, description="Force at magnet height 0.")
    decay_mm: float = Field(1.6, gt=0, le=100, description="Height over which the force falls to 1/e.")


class Simulation(Section):
    """The simulated sample."""

    seed: int = Field(1, ge=0, description="Runs with the same seed have the same beads, noise and motion.")
    n_beads: int = Field(20, ge=0, le=2000, description="Beads in the field of view.")
    n_reference: int = Field(4, ge=0, le=2000, description="How many of them are stuck to the coverslip.")
    bead_radius_nm: float = Field(500.0, gt=50, le=5000, description="Radius of the beads.")
    bead_radius_sd_nm: float = Field(
        0.0, ge=0, le=1000, description="Spread (rms) of the radius from bead to bead; at most a fifth of it."
    )
    temperature_k: float = Field(298.0, gt=250, le=400, description="Temperature.")
    viscosity_mpa_s: float | None = Field(
        None, gt=0, le=1000, description="Viscosity of the medium; that of water at temperature_k without it."
    )
    tether: Tether = Field(default_factory=Tether, description="The tethers.")
    magnets: Magnets | None = Field(
        None, description="The magnets; without it they are as [force] says, or as the defaults here."
    )
    drift: Drift = Field(default_factory=Drift, description="Drift of the stage.")
    light: Light = Field(default_factory=Light, description="Illumination.")
    refraction: Refraction = Field(
        default_factory=Refraction, description="Beads and medium as light sees them."
    )
    faults: tuple[FaultEntry, ...] = Field((), description="Things that go wrong on purpose.")
