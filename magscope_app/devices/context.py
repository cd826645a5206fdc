"""What a driver is given when it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from magscope_app.config import Config, MotorConfig
from magscope_app.datatypes import MatrixBuffer

SharedMatrix = Callable[[str], MatrixBuffer]


def no_shared_matrix(name: str) -> MatrixBuffer:
    """Refuse: stands in where no session is running."""
    raise KeyError(f"there is no shared matrix {name!r}: name it in the driver's shared_matrices")


@dataclass(frozen=True, kw_only=True)
class CameraContext:
    """What a camera knows of the world around it.

    Attributes
    ----------
    config : Config
        The whole, checked config; the camera's own part is ``config.camera``.
    shared_matrix : callable
        Gives the MatrixBuffer of a name that the driver lists in ``shared_matrices``.
    """

    config: Config
    shared_matrix: SharedMatrix = no_shared_matrix


@dataclass(frozen=True, kw_only=True)
class MotorContext:
    """What a motor knows of the world around it.

    Attributes
    ----------
    config : Config
        The whole, checked config.
    motor : MotorConfig
        This axis's own entry in it.
    shared_matrix : callable
        Gives the MatrixBuffer of a name that the driver lists in ``shared_matrices``.
    """

    config: Config
    motor: MotorConfig
    shared_matrix: SharedMatrix = no_shared_matrix
