from __future__ import annotations

import math
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.simulated.axis import SimulatedAxis
from hardware.simulated.microscope import (
    SimulatedCamera,
    SimulatedFocus,
    SimulatedMagnetHeight,
    SimulatedMagnetRotation,
    SimulatedStageX,
)
from hardware.simulated.world import SETTLED, Axis, Trajectory
from magscope_app.devices import DeviceError, LimitError
from tests.hardware.simulated.twin import camera_context, motor_context, twin_config

START_NS = 10**12


@given(
    start=st.floats(-1e4, 1e4),
    distance=st.floats(0.1, 1e4),
    forward=st.booleans(),
    speed=st.floats(0.1, 1e5),
    settle_s=st.floats(1e-3, 0.1),
)
def test_a_move_leads_from_start_to_target_without_overshoot(
    start: float, distance: float, forward: bool, speed: float, settle_s: float
) -> None:
    target = start + (distance if forward else -distance)
    move = Trajectory(Axis.FOCUS, START_NS, start, target, speed, settle_s)
    duration_s = distance / speed + SETTLED * settle_s
    positions = [move.position(START_NS + duration_s * 1e9 * part / 50) for part in range(51)]
    gone = [(position - start) * (1 if forward else -1) for position in positions]
    assert gone[0] == pytest.approx(0.0, abs=1e-9 * distance)
    assert all(later >= earlier - 1e-6 * distance for earlier, later in pairwise(gone))
    assert gone[-2] <= distance * (1 + 1e-9)
    assert move.position(START_NS + duration_s * 1.001e9) == target
    assert move.position(START_NS - 1) == start


def test_a_move_takes_its_time() -> None:
    move = Trajectory(Axis.MAGNET_HEIGHT, START_NS, 3.0, 8.0, 5.0, 0.01)
    assert move.position(START_NS + 5e8) == pytest.approx(5.5 - 5.0 * 0.01, abs=1e-6)
    assert move.position(START_NS + 1e9) == pytest.approx(8.0 - 5.0 * 0.01, abs=1e-6)
    assert move.position(START_NS + 1.01e9) == pytest.approx(8.0 - 5.0 * 0.01 * math.exp(-1), abs=1e-6)
    assert move.moving(START_NS + 1.07e9)
    assert not move.moving(START_NS + 1.09e9)


@pytest.mark.parametrize(
    ("driver", "role", "unit", "start"),
    [
        (SimulatedFocus, "focus", "nm", 0.0),
        (SimulatedMagnetHeight, "magnet_height", "mm", 3.0),
        (SimulatedMagnetRotation, "magnet_rotation", "turns", 0.0),
        (SimulatedStageX, "stage_x", "um", 0.0),
    ],
)
def test_opening_does_not_move_and_moves_arrive(
    driver: type[SimulatedAxis], role: str, unit: str, start: float
) -> None:
    motor = driver(motor_context(twin_config(motors={role: {"limits": [-5.0, 5.0]}}), role))
    motor.open()
    assert (motor.unit, motor.position(), motor.is_moving()) == (unit, start, False)
    motor.move_to(start + 0.2)
    moving = motor.is_moving()
    deadline = time.monotonic() + 2.0
    while motor.is_moving() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert moving
    assert motor.position() == start + 0.2
    motor.home()
    motor.close()


def test_limits_are_kept_and_said() -> None:
    config = twin_config(motors={"magnet_height": {"limits": [0.1, 10.0]}})
    motor = SimulatedMagnetHeight(motor_context(config, "magnet_height"))
    motor.open()
    assert motor.limits == (0.5, 10.0)
    with pytest.raises(LimitError, match="its limits are"):
        motor.move_to(0.4)
    assert motor.position() == 3.0
    motor.close()


def test_stopping_leaves_the_axis_where_it_is() -> None:
    config = twin_config(motors={"magnet_height": {"speed": 2.0}})
    motor = SimulatedMagnetHeight(motor_context(config, "magnet_height"))
    motor.open()
    motor.move_to(9.0)
    time.sleep(0.05)
    motor.stop()
    where = motor.position()
    assert 3.0 < where < 5.0
    time.sleep(0.02)
    assert motor.position() == where
    assert not motor.is_moving()
    motor.close()


def test_start_speed_and_instant_come_from_the_config_and_can_be_set() -> None:
    config = twin_config(motors={"focus": {"settings": {"instant": True, "start": -700.0}}})
    motor = SimulatedFocus(motor_context(config, "focus"))
    motor.open()
    assert motor.position() == -700.0
    motor.move_by(100.0)
    assert motor.position() == -600.0
    motor.set("instant", False)
    motor.set("speed", 1000.0)
    motor.move_by(500.0)
    assert motor.is_moving()
    with pytest.raises(DeviceError, match="focus: speed"):
        motor.set("speed", -1.0)
    with pytest.raises(DeviceError, match="no setting 'power'"):
        motor.set("power", 1.0)
    motor.close()
    with pytest.raises(DeviceError, match="open it first"):
        motor.position()


def test_what_is_wrong_with_an_axis_is_said_at_once() -> None:
    entry = {"settings": {"start": 99.0, "go": 1}, "limits": [0.0, 5.0], "speed": 1e6}
    found = SimulatedMagnetHeight.problems(
        motor_context(twin_config(motors={"magnet_height": entry}), "magnet_height")
    )
    assert [problem.where for problem in found] == [
        "motors.magnet_height.settings",
        "motors.magnet_height.speed",
        "motors.magnet_height.settings.start",
    ]
    no_number = twin_config(motors={"magnet_height": {"settings": {"start": "high"}}})
    assert SimulatedCamera.problems(camera_context(no_number)) == ()
    assert len(SimulatedMagnetHeight.problems(motor_context(no_number, "magnet_height"))) == 1
    (role,) = SimulatedFocus.problems(
        motor_context(twin_config(motors={"magnet_height": {}}), "magnet_height")
    )
    assert role.where == "motors.magnet_height.role"
