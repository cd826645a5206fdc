"""The axes of the microscope as a protocol sees them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from magscope_app.config import Config
from magscope_app.datatypes import MatrixBuffer
from magscope_app.devices.force import ForceCalibration, force_calibration
from magscope_app.errors import MagscopeError
from magscope_app.experiment.news import News
from magscope_app.feedback.state import LockName, LockState
from magscope_app.messages import (
    CommandRefused,
    HomeMotor,
    Message,
    MotorChanged,
    MotorInfo,
    MotorsReady,
    MotorState,
    MoveMotor,
    RampForce,
    ReconnectMotor,
    SetForce,
    StopMotors,
)
from magscope_app.messages.locks import LockChanged
from magscope_app.processes.handles import Handles

Rows = npt.NDArray[np.float64]
#: Axes and rows are looked at this often.
LOOK_S = 0.01
_RECONNECT_S = 40.0
#: Targets that differ by less, in any unit, are the same: a height is calculated from a force.
_SAME = 1e-6


class Axes:
    """Moves axes and the force, and waits for them.

    Every method that waits raises MagscopeError with what the motors process says: a refusal, a move that
    did not arrive and where it stopped, an axis that does not answer, or that somebody stopped it.

    Parameters
    ----------
    handles : Handles
        To the shared memory.
    send : callable
        Sends a command to the supervisor.
    news : News
        What comes back.
    """

    def __init__(self, handles: Handles, send: Callable[[Message], None], news: News) -> None:
        self._handles = handles
        self._send = send
        self._news = news
        self._check: Callable[[], object] = lambda: None
        self._tokens = itertools.count(1)
        self._telemetry: dict[str, MatrixBuffer] = {}
        self._states: dict[str, MotorState] = {}
        self._locks: dict[LockName, LockState] = {}
        self._infos: dict[str, MotorInfo] = {}
        self._calibration: ForceCalibration | None = None

    @property
    def config(self) -> Config:
        """The config that is run."""
        return self._handles.config

    def position(self, motor: str) -> float:
        """Return where an axis is, in its unit.

        Raises
        ------
        MagscopeError
            There is no such axis, or nothing is known of it yet.
        """
        return float(self._newest(motor)[1])

    def motor_state(self, motor: str) -> MotorState:
        """Return what an axis is doing: closed, opening, ready, moving, error or lost."""
        self._require_known(motor)
        return self._states.get(motor, "closed")

    def motor_info(self, motor: str) -> MotorInfo | None:
        """Return unit and limits of an axis, None before it was opened."""
        self._require_known(motor)
        return self._infos.get(motor)

    def move(self, motor: str, position: float, *, timeout_s: float = 60.0, wait: bool = True) -> float:
        """Move an axis and wait until it has arrived.

        Parameters
        ----------
        motor : str
            Its name in the config.
        position : float
            In its unit.
        timeout_s : float
            Longest wait.
        wait : bool
            False: return at once.

        Returns
        -------
        float
            Where the axis is.

        Raises
        ------
        MagscopeError
            The move was refused, or did not end in time; the text says where the axis stands.
        """
        self._newest(motor)
        token = next(self._tokens)
        self._arrive(motor, position, MoveMotor(motor, float(position), token), token, timeout_s, wait)
        return self.position(motor)

    def home(self, motor: str, *, timeout_s: float = 60.0) -> float:
        """Let an axis look for its reference position and wait until it has; return where it is."""
        self._newest(motor)
        token = next(self._tokens)
        self._until_ready(motor, HomeMotor(motor, token), token, timeout_s)
        return self.position(motor)

    def reconnect(self, motor: str, *, timeout_s: float = _RECONNECT_S) -> None:
        """Close an axis and open it anew, without moving it, and wait until it is ready."""
        self._require_known(motor)
        token = next(self._tokens)
        self._until_ready(motor, ReconnectMotor(motor, token), token, timeout_s)

    def stop_motors(self) -> None:
        """Stop all axes at once."""
        self._send(StopMotors())

    # --- force -------------------------------------------------------------------------------

    def force(self) -> float:
        """Return the force at the height of the magnets, in pN; NaN beyond the force table."""
        calibration, magnet = self._magnets()
        return float(calibration.force_pn(self.position(magnet)))

    def set_force(self, force_pn: float, *, timeout_s: float = 60.0, wait: bool = True) -> float:
        """Move the magnets to where the force is `force_pn`, as `move` does; return the force there."""
        calibration, magnet = self._magnets()
        token = next(self._tokens)
        height = calibration.height_mm(force_pn)
        self._arrive(magnet, height, SetForce(float(force_pn), token), token, timeout_s, wait)
        return self.force()

    def ramp_force(
        self, force_pn: float, rate_pn_s: float, *, timeout_s: float | None = None, wait: bool = True
    ) -> float:
        """Change the force at a constant loading rate and wait until it is there.

        Parameters
        ----------
        force_pn : float
            Force at the end, in pN.
        rate_pn_s : float
            Loading rate, in pN/s, above 0 also where the force falls.
        timeout_s : float, optional
            Longest wait; by default a minute more than the ramp takes.
        wait : bool
            False: return at once.

        Returns
        -------
        float
            The force now, in pN.
        """
        calibration, magnet = self._magnets()
        token = next(self._tokens)
        height = calibration.height_mm(force_pn)
        if timeout_s is None:
            timeout_s = 60.0 + (abs(force_pn - self.force()) / rate_pn_s if rate_pn_s > 0 else 0.0)
        command = RampForce(float(force_pn), float(rate_pn_s), token)
        self._arrive(magnet, height, command, token, timeout_s, wait)
        return self.force()

    def _magnets(self) -> tuple[ForceCalibration, str]:
        self._calibration = self._calibration or force_calibration(self.config.force)
        magnet = self.config.motor_with_role("magnet_height")
        if self._calibration is None or magnet is None:
            raise MagscopeError("no force can be set: the config needs [force] and a motor for magnet_height")
        return self._calibration, magnet.name

    # --- waiting -----------------------------------------------------------------------------

    def _arrive(
        self, motor: str, target: float, command: Message, token: int, timeout_s: float, wait: bool
    ) -> None:
        since, asked_ns = self._news.now, time.perf_counter_ns() - self._handles.session_start_ns
        self._send(command)
        deadline = time.monotonic() + timeout_s
        while wait:
            self._raise_bad_news(motor, token, since)
            t_ns, at, heading, _, at_target = self._newest(motor)
            if t_ns > asked_ns and abs(heading - target) <= _SAME and at_target:
                return
            if time.monotonic() > deadline:
                where = f"it is at {at:g}; look at the axis"
                raise MagscopeError(f"{motor} did not reach {target:g} within {timeout_s:g} s: {where}")

    def _raise_bad_news(self, motor: str, token: int, since: int) -> None:
        bad = self._news.wait_for(
            lambda message: _bad_news(message, motor, token), since, LOOK_S, self._check
        )
        if bad is not None:
            raise MagscopeError(bad)

    def _until_ready(self, motor: str, command: Message, token: int, timeout_s: float) -> None:
        since = self._news.now
        self._send(command)

        def look(message: Message) -> str | None:
            if isinstance(message, MotorChanged) and message.status.name == motor:
                return message.status.text or ("" if message.status.state == "ready" else None)
            return _bad_news(message, motor, token)

        said = self._news.wait_for(look, since, timeout_s, self._check)
        if said is None:
            raise MagscopeError(f"{motor} was not ready within {timeout_s:g} s; look at the log")
        if said:
            raise MagscopeError(said)

    def _hear_motors(self, message: Message) -> None:
        if isinstance(message, MotorChanged):
            self._states[message.status.name] = message.status.state
        elif isinstance(message, LockChanged):
            self._locks[message.state.name] = message.state
        elif isinstance(message, MotorsReady):
            self._infos |= {info.name: info for info in message.motors}

    def _require_known(self, motor: str) -> None:
        if motor not in [entry.name for entry in self.config.motors]:
            known = ", ".join(entry.name for entry in self.config.motors) or "none"
            raise MagscopeError(f"there is no motor {motor!r}; there is: {known}")

    def _newest(self, motor: str) -> Rows:
        self._require_known(motor)
        if motor not in self._telemetry:
            self._telemetry[motor] = self._handles.telemetry(motor)
        rows = self._telemetry[motor].newest(1)
        if not len(rows):
            raise MagscopeError(f"nothing is known of {motor} yet; wait until the motors are open")
        newest: Rows = rows[0]
        return newest


def _bad_news(message: Message, motor: str, token: int) -> str | None:
    """Return why a command to an axis will not be fulfilled, where a message says so."""
    if isinstance(message, CommandRefused) and message.token == token:
        return message.text
    if isinstance(message, MotorChanged) and message.status.name == motor:
        return message.status.text or None
    return None
