"""What a config file may say, and how it is read."""

from magscope_app.config.experiment import BeadEntry, BeadRole, Beads, RecordingMode
from magscope_app.config.faults import CAMERA_FAULTS, MOTOR_FAULTS, FaultEntry, FaultKind
from magscope_app.config.feedback import Calibration as CalibrationConfig
from magscope_app.config.feedback import DriftConfig, XYLockConfig, ZLockConfig
from magscope_app.config.instrument import Camera as CameraConfig
from magscope_app.config.instrument import CameraNoise, ForceModel, Optics
from magscope_app.config.instrument import Force as ForceConfig
from magscope_app.config.instrument import Motor as MotorConfig
from magscope_app.config.load import LoadedConfig, load_config
from magscope_app.config.model import Config
from magscope_app.config.simulation import Simulation

__all__ = [
    "CAMERA_FAULTS",
    "MOTOR_FAULTS",
    "BeadEntry",
    "BeadRole",
    "Beads",
    "CalibrationConfig",
    "CameraConfig",
    "CameraNoise",
    "Config",
    "DriftConfig",
    "FaultEntry",
    "FaultKind",
    "ForceConfig",
    "ForceModel",
    "LoadedConfig",
    "MotorConfig",
    "Optics",
    "RecordingMode",
    "Simulation",
    "XYLockConfig",
    "ZLockConfig",
    "load_config",
]
