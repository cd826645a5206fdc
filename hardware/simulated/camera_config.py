"""What the config says about the simulated camera, and what is wrong with it."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from hardware.simulated.places import SPACING_PER_ROI, Field
from hardware.simulated.renderer import Light
from hardware.simulated.sizes import pull_of, radii_of
from hardware.simulated.tether import trap_at
from hardware.simulated.world import Axis, start_position
from magscope_app.config import CameraNoise, Config, ForceConfig
from magscope_app.config.simulation import Magnets
from magscope_app.devices import FrameFormat
from magscope_app.devices.force import ExponentialForce, ForceCalibration, force_calibration
from magscope_app.errors import MagscopeError, Problem

#: The magnets of the twin where the config says nothing about them.
MAGNETS = ExponentialForce(f0_pn=40.0, decay_mm=1.6)
_SENSOR_PX = 1024
_SETTINGS = ("bits", "instant", "sensor_px")
#: Room around a bead's ROI for its thermal motion, in standard deviations.
_WANDER_SIGMAS = 6.0


def frame_format(config: Config) -> FrameFormat:
    """Return the format of the frames: `roi_px`, or the whole sensor."""
    bits = int(config.camera.settings.get("bits", 8))
    if config.camera.roi_px is not None:
        return FrameFormat(config.camera.roi_px[2], config.camera.roi_px[3], bits)
    width, height = sensor_px(config)
    return FrameFormat(width, height, bits)


def sensor_px(config: Config) -> tuple[int, int]:
    """Return width and height of the sensor; without settings.sensor_px it ends where `roi_px` does."""
    given = config.camera.settings.get("sensor_px")
    if given is not None:
        return int(given[0]), int(given[1])
    if config.camera.roi_px is not None:
        x, y, width, height = config.camera.roi_px
        return x + width, y + height
    return _SENSOR_PX, _SENSOR_PX


def exposure_ms(config: Config) -> float:
    """Return the exposure of the config, or half of a frame."""
    return config.camera.exposure_ms or 500.0 / config.camera.fps


def light(config: Config) -> Light:
    """Return light and camera noise of the config at its own exposure."""
    bits = frame_format(config).bits
    highest = 2**bits - 1
    background_e = config.simulation.light.background_e
    # Without a noise section a pixel of the background is at two fifths of its range.
    noise = config.camera.noise or CameraNoise(gain_dn_per_e=0.4 * highest / background_e)
    return Light(
        background_e=background_e,
        contrast=config.simulation.light.contrast,
        gain_dn_per_e=noise.gain_dn_per_e,
        offset_dn=noise.offset_dn,
        read_noise_e=noise.read_noise_e,
        highest_dn=highest,
    )


def force_pn(config: Config, magnet_height_mm: float) -> float:
    """Return the force on a bead of usual size at a height of the magnets."""
    magnets = _magnets(config.simulation.magnets, config.force)
    low, high = magnets.heights_mm
    return float(magnets.force_pn(min(max(magnet_height_mm, low), high)))


@lru_cache(maxsize=4)
def _magnets(own: Magnets | None, force: ForceConfig | None) -> ForceCalibration:
    """Return the magnets of the config, read once: the camera asks for every frame."""
    if own is not None:
        return ExponentialForce(own.f0_pn, own.decay_mm)
    try:
        return force_calibration(force) or MAGNETS
    except MagscopeError:
        # The check of the config says what is wrong with the table.
        return MAGNETS


def starting_force_pn(config: Config) -> float:
    """Return the force before anything moved the magnets."""
    height_mm = start_position(config.motor_with_role("magnet_height"), Axis.MAGNET_HEIGHT)
    return force_pn(config, height_mm)


def starting_turns(config: Config) -> float:
    """Return the rotation before anything moved the magnets."""
    return start_position(config.motor_with_role("magnet_rotation"), Axis.MAGNET_ROTATION)


def bead_field(config: Config) -> Field:
    """Return where beads may lie so that their ROIs never overlap or leave the frame."""
    form = frame_format(config)
    roi_px = config.beads.roi_px
    simulation = config.simulation
    radii_nm = radii_of(simulation)
    forces_pn = starting_force_pn(config) * pull_of(radii_nm, simulation)
    variance_nm2 = trap_at(forces_pn, simulation, radius_nm=radii_nm).variance_nm2
    wander_px = _WANDER_SIGMAS * math.sqrt(variance_nm2[:, :2].max()) / config.optics.nm_per_px
    return Field(form.width_px, form.height_px, roi_px / 2 + 1 + wander_px, SPACING_PER_ROI * roi_px)


def problems(config: Config) -> tuple[Problem, ...]:
    """Return everything that is wrong with the config of the simulated camera."""
    found = _settings_problems(config.camera.settings)
    if not found:
        found = _roi_problems(config) + _bead_problems(config) + _sample_problems(config)
    return tuple(found + _fault_problems(config))


def _settings_problems(settings: dict[str, Any]) -> list[Problem]:
    where = "camera.settings"
    found = [
        Problem(where, f"there is no setting {key!r}", f"choose from {', '.join(_SETTINGS)}")
        for key in settings
        if key not in _SETTINGS
    ]
    bits = settings.get("bits", 8)
    if isinstance(bits, bool) or not isinstance(bits, int) or not 8 <= bits <= 16:
        found.append(Problem(f"{where}.bits", f"{bits!r} is no bit depth", "give 8 to 16"))
    if not isinstance(settings.get("instant", False), bool):
        found.append(Problem(f"{where}.instant", f"{settings['instant']!r} is neither true nor false"))
    sensor = settings.get("sensor_px", [16, 16])
    if (
        not isinstance(sensor, list | tuple)
        or len(sensor) != 2
        or not all(isinstance(side, int) and 16 <= side <= 32_768 for side in sensor)
    ):
        found.append(
            Problem(f"{where}.sensor_px", f"{sensor!r} is no size", "give [width, height], 16 to 32768")
        )
    return found


def _roi_problems(config: Config) -> list[Problem]:
    if config.camera.roi_px is None:
        return []
    x, y, width, height = config.camera.roi_px
    sensor_width, sensor_height = sensor_px(config)
    if x + width <= sensor_width and y + height <= sensor_height:
        return []
    what = (
        f"[{x}, {y}, {width}, {height}] reaches beyond the sensor of {sensor_width} × {sensor_height} pixels"
    )
    return [Problem("camera.roi_px", what, "give a part of the sensor or a larger camera.settings.sensor_px")]


def _bead_problems(config: Config) -> list[Problem]:
    simulation = config.simulation
    found = []
    capacity = bead_field(config).capacity
    if simulation.n_beads > capacity:
        form = frame_format(config)
        what = f"{simulation.n_beads} beads do not fit into {form.width_px} × {form.height_px} pixels"
        remedy = f"at most {capacity} fit with beads.roi_px = {config.beads.roi_px}"
        found.append(Problem("simulation.n_beads", what, remedy))
    if simulation.n_reference > simulation.n_beads:
        what = f"{simulation.n_reference} stuck beads are more than the {simulation.n_beads} beads there are"
        found.append(Problem("simulation.n_reference", what, f"give at most {simulation.n_beads}"))
    return found


def _sample_problems(config: Config) -> list[Problem]:
    simulation = config.simulation
    found = []
    most_nm = 0.2 * simulation.bead_radius_nm
    if simulation.bead_radius_sd_nm > most_nm:
        what = f"{simulation.bead_radius_sd_nm:g} nm is more than a fifth of bead_radius_nm"
        found.append(Problem("simulation.bead_radius_sd_nm", what, f"give at most {most_nm:g}"))
    refraction = simulation.refraction
    if refraction.numerical_aperture >= refraction.medium_index:
        what = f"{refraction.numerical_aperture:g} is not below medium_index = {refraction.medium_index:g}"
        remedy = "waves beyond it do not leave the medium; give less"
        found.append(Problem("simulation.refraction.numerical_aperture", what, remedy))
    n_tethered = simulation.n_beads - simulation.n_reference
    if simulation.tether.nicked > max(n_tethered, 0):
        what = f"{simulation.tether.nicked} nicked tethers are more than the {n_tethered} tethers there are"
        found.append(Problem("simulation.tether.nicked", what, f"give at most {max(n_tethered, 0)}"))
    return found


def _fault_problems(config: Config) -> list[Problem]:
    devices = ("camera", *(motor.name for motor in config.motors))
    found = []
    for i, fault in enumerate(config.simulation.faults):
        where = f"simulation.faults.{i}"
        if fault.device not in devices:
            what = f"there is no device {fault.device!r}"
            found.append(Problem(f"{where}.device", what, f"choose from {', '.join(devices)}"))
        elif fault.device == "camera" and fault.every is not None and fault.every <= fault.count:
            what = f"{fault.every} is not more than count = {fault.count}, so no frame is left"
            found.append(Problem(f"{where}.every", what))
    return found
