"""Where every axis is, shared by the processes of the motors and of the camera."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

import numpy as np

from magscope_app.config import Config, MotorConfig
from magscope_app.datatypes import MatrixBuffer
from magscope_app.devices.context import SharedMatrix

MATRIX = "world"
ROWS = 256
#: What a driver that takes part in the world names as its `shared_matrices`.
SHARED: Mapping[str, tuple[int, int]] = MappingProxyType({MATRIX: (ROWS, 6)})
#: An axis counts as settled after so many settling times: what is left is less than 4e-4 of the last lag.
SETTLED = 8.0


class Axis(IntEnum):
    """The axes of the simulated microscope; the value stands in the first column of the matrix."""

    FOCUS = 0
    MAGNET_HEIGHT = 1
    MAGNET_ROTATION = 2
    STAGE_X = 3
    STAGE_Y = 4


#: Where an axis stands when the instrument is switched on, in its unit.
_SWITCHED_ON = {Axis.MAGNET_HEIGHT: 3.0}
_ROLES = {axis.name.lower(): axis for axis in Axis}


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One move: a straight ramp that the axis follows with a lag, as a driven stage does.

    Attributes
    ----------
    axis : Axis
        What moves.
    start_t_ns : int
        ``perf_counter_ns`` at its start.
    start, target : float
        From where to where, in the axis's unit.
    speed : float
        Units per second; infinite for a jump.
    settle_s : float
        Time constant of the lag.
    """

    axis: Axis
    start_t_ns: int
    start: float
    target: float
    speed: float
    settle_s: float

    @property
    def _ramp_s(self) -> float:
        return abs(self.target - self.start) / self.speed if math.isfinite(self.speed) else 0.0

    def position(self, t_ns: float) -> float:
        """Return where the axis is at `t_ns`: the response of a first-order lag to the ramp."""
        if not self.moving(t_ns):
            return self.target if t_ns >= self.start_t_ns else self.start
        t_s = (t_ns - self.start_t_ns) * 1e-9
        ramp_s = self._ramp_s
        on_ramp_s = min(t_s, ramp_s)
        lag_s = -self.settle_s * math.expm1(-on_ramp_s / self.settle_s)
        behind_s = lag_s * math.exp(-(t_s - on_ramp_s) / self.settle_s)
        return self.start + math.copysign(self.speed * (on_ramp_s - behind_s), self.target - self.start)

    def moving(self, t_ns: float) -> bool:
        """Return True from the start until the axis has settled at its target."""
        if self.start == self.target or math.isinf(self.speed):
            return False
        t_s = (t_ns - self.start_t_ns) * 1e-9
        return 0.0 <= t_s < self._ramp_s + SETTLED * self.settle_s

    def row(self) -> tuple[float, ...]:
        """Return the move as a row of the matrix."""
        return (self.axis, self.start_t_ns, self.start, self.target, self.speed, self.settle_s)

    @classmethod
    def resting(cls, axis: Axis, position: float) -> Trajectory:
        """Return an axis that has always been at `position`."""
        return cls(axis, 0, position, position, math.inf, 0.0)


def start_position(motor: MotorConfig | None, axis: Axis) -> float:
    """Return where an axis stands before anything moved it: settings.start, within the config's limits."""
    usual = _SWITCHED_ON.get(axis, 0.0)
    if motor is None:
        return usual
    low, high = motor.limits or (-math.inf, math.inf)
    low = max(low, motor.lowest) if motor.lowest is not None else low
    start = motor.settings.get("start")
    # Anything but a number is reported by the axis's own `problems`.
    position = float(start) if isinstance(start, int | float) else usual
    return min(max(position, low), high)


class World:
    """The newest move of every axis.

    Every write holds the newest moves of all axes, so that an axis that rests for long never drops out
    of the matrix; of two rows of one axis the later start counts.

    Parameters
    ----------
    config : Config
        Gives the positions before the first move.
    shared_matrix : callable
        Gives the matrix; where there is none (KeyError) the world belongs to this process alone.
    """

    def __init__(self, config: Config, shared_matrix: SharedMatrix) -> None:
        self._matrix: MatrixBuffer | None
        try:
            self._matrix = shared_matrix(MATRIX)
        except KeyError:
            self._matrix = None
        motors = {_ROLES[motor.role]: motor for motor in config.motors if motor.role in _ROLES}
        self._moves = {
            axis: Trajectory.resting(axis, start_position(motors.get(axis), axis)) for axis in Axis
        }
        self._written = 0
        self.refresh()

    def refresh(self) -> None:
        """Read what other processes wrote."""
        if self._matrix is None:
            return
        written = self._matrix.rows_written
        if written == self._written:
            return
        self._written = written
        for row in self._matrix.newest(ROWS):
            axis = Axis(int(row[0]))
            if row[1] >= self._moves[axis].start_t_ns:
                self._moves[axis] = Trajectory(axis, int(row[1]), *(float(value) for value in row[2:]))

    def move(self, axis: Axis) -> Trajectory:
        """Return the newest known move of an axis."""
        return self._moves[axis]

    def position(self, axis: Axis, t_ns: float) -> float:
        """Return where an axis is at a time of ``perf_counter_ns``, as far as known."""
        return self._moves[axis].position(t_ns)

    def start(self, move: Trajectory) -> None:
        """Make a move known to every process."""
        self.refresh()
        self._moves[move.axis] = move
        if self._matrix is not None:
            self._matrix.write(np.array([known.row() for known in self._moves.values()], np.float64))

    def close(self) -> None:
        """Let go of the shared matrix. May be called more than once."""
        matrix, self._matrix = self._matrix, None
        if matrix is not None:
            matrix.close()
