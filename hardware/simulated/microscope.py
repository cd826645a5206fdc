"""The devices of the simulated microscope, by the names a config file uses."""

from hardware.simulated.camera import SimulatedCamera
from hardware.simulated.focus import SimulatedFocus
from hardware.simulated.magnet_height import SimulatedMagnetHeight
from hardware.simulated.magnet_rotation import SimulatedMagnetRotation
from hardware.simulated.stage import SimulatedStageX, SimulatedStageY

__all__ = [
    "SimulatedCamera",
    "SimulatedFocus",
    "SimulatedMagnetHeight",
    "SimulatedMagnetRotation",
    "SimulatedStageX",
    "SimulatedStageY",
]
