"""Everything that can go wrong on purpose, at its time and on demand."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from hardware.simulated.axis_faults import AxisFaults
from hardware.simulated.microscope import SimulatedCamera, SimulatedMagnetHeight
from magscope_app.config import FaultEntry
from magscope_app.devices import DeviceError, DeviceLost
from tests.hardware.simulated.twin import camera_context, motor_context, started, twin_config


def failing_camera(*faults: dict[str, Any], instant: bool = True, fps: float = 100.0) -> SimulatedCamera:
    return started(
        twin_config(
            camera={
                "roi_px": [0, 0, 160, 128],
                "settings": {"instant": instant},
                "fps": fps,
                "exposure_ms": 0.5,
            },
            simulation={"n_beads": 0, "n_reference": 0, "faults": list(faults)},
        )
    )


def read(camera: SimulatedCamera, timeout_s: float = 1.0) -> tuple[int, float] | None:
    """Return number and mean of the next frame."""
    buffer = np.empty((128, 160), np.uint8)
    info = camera.read_into(buffer, timeout_s)
    return None if info is None else (info.frame_number, float(buffer.mean()))


def numbers(camera: SimulatedCamera, n_frames: int) -> list[int]:
    seen = [read(camera) for _ in range(n_frames)]
    return [frame[0] for frame in seen if frame is not None]


def test_a_stall_is_silence_of_so_long_and_then_frames_come_again() -> None:
    camera = failing_camera(instant=False, fps=200.0)
    assert read(camera) is not None
    camera.cause_fault("stall", duration_s=0.6)
    # What is due already still comes.
    for _ in range(20):
        if read(camera, 0.1) is None:
            break
    else:
        pytest.fail("the camera is not silent")
    buffer = np.empty((128, 160), np.uint8)
    info = camera.read_into(buffer, 10.0)
    assert info is not None
    # The camera has kept it for as long as it was silent.
    assert time.perf_counter_ns() - info.timestamp_ns >= 0.6e9
    assert numbers(camera, 2) == [info.frame_number + 1, info.frame_number + 2]
    camera.close()


def test_a_stall_of_a_camera_that_does_not_wait_loses_nothing() -> None:
    camera = failing_camera({"kind": "stall", "at_frame": 2, "duration_s": 0.05, "every": 3})
    buffer = np.empty((128, 160), np.uint8)
    infos = [camera.read_into(buffer, 10.0) for _ in range(7)]
    frames = [info for info in infos if info is not None]
    assert [frame.frame_number for frame in frames] == list(range(7))
    pauses_s = np.diff([frame.timestamp_ns for frame in frames]) * 1e-9
    assert (pauses_s[[1, 4]] >= 0.05).all()
    camera.cause_fault("stall", duration_s=0.1)
    assert read(camera, 0.01) is None
    assert numbers(camera, 1) == [7]
    camera.close()


def test_a_disconnected_camera_refuses_everything_until_it_is_opened_again() -> None:
    camera = failing_camera({"kind": "disconnect", "at_frame": 3})
    assert numbers(camera, 3) == [0, 1, 2]
    for call in (lambda: read(camera), camera.settings, camera.start, camera.truth):
        with pytest.raises(DeviceLost, match="close it and open it again"):
            call()
    with pytest.raises(DeviceLost):
        camera.set("contrast", 0.4)
    camera.stop()
    camera.close()
    camera.open()
    camera.start()
    assert numbers(camera, 6) == [0, 1, 2, 3, 4, 5]
    camera.cause_fault("disconnect")
    with pytest.raises(DeviceLost):
        read(camera)
    camera.close()


def test_too_much_light_saturates_some_frames_and_no_others() -> None:
    camera = failing_camera({"kind": "saturated_light", "at_frame": 2, "count": 2})
    means = [read(camera) for _ in range(6)]
    flooded = [frame is not None and frame[1] > 250.0 for frame in means]
    assert flooded == [False, False, True, True, False, False]
    camera.cause_fault("saturated_light", count=1)
    on_demand = [read(camera) for _ in range(2)]
    assert [frame is not None and frame[1] > 250.0 for frame in on_demand] == [True, False]
    camera.close()


def test_frames_are_dropped_on_demand() -> None:
    camera = failing_camera()
    assert numbers(camera, 2) == [0, 1]
    camera.cause_fault("drop_frames", count=3)
    assert numbers(camera, 2) == [5, 6]
    camera.close()


def test_what_cannot_go_wrong_is_refused() -> None:
    camera = failing_camera()
    with pytest.raises(DeviceError, match="no fault 'stuck_motor': choose from drop_frames"):
        camera.cause_fault("stuck_motor")
    with pytest.raises(DeviceError, match="duration_s"):
        camera.cause_fault("stall")
    camera.close()


@pytest.mark.parametrize(
    ("kind", "given", "text"),
    [
        (
            "drop_frames",
            {"count": -5},
            "drop_frames with count = -5: input should be greater than or equal to 1",
        ),
        ("drop_frames", {"count": 100_001}, "count = 100001: .* less than or equal to 100000"),
        ("saturated_light", {"count": 0}, "saturated_light with count = 0: .* greater than or equal to 1"),
        ("saturated_light", {"duration_s": 2.0}, "saturated_light does not use duration_s"),
        ("stall", {"duration_s": math.nan}, "stall with duration_s = nan: give a finite number"),
        ("stall", {"duration_s": math.inf}, "stall with duration_s = inf: give a finite number"),
        ("stall", {"duration_s": 1e300}, "duration_s = 1e[+]300: .* less than or equal to 1000000"),
        ("stall", {"duration_s": 0.0}, "duration_s = 0.0: .* greater than 0"),
        ("stall", {"duration_s": 1.0, "count": 3}, "stall does not use count"),
        ("disconnect", {"at_position": 1.0}, "disconnect does not use at_position"),
    ],
)
def test_a_camera_fault_on_demand_is_checked_as_in_the_config(
    kind: str, given: dict[str, Any], text: str
) -> None:
    camera = failing_camera()
    with pytest.raises(DeviceError, match=f"^the simulated camera: .*{text}"):
        camera.cause_fault(kind, **given)
    assert numbers(camera, 3) == [0, 1, 2]
    camera.close()


@pytest.mark.parametrize(
    ("kind", "given", "text"),
    [
        ("stuck_motor", {"duration_s": -1.0}, "stuck_motor with duration_s = -1.0: .* greater than 0"),
        (
            "limit_switch",
            {"at_position": math.nan},
            "limit_switch with at_position = nan: give a finite number",
        ),
        ("limit_switch", {}, "limit_switch needs at_position"),
        ("disconnect", {"duration_s": 1.0}, "disconnect does not use duration_s"),
        ("disconnect", {"count": 2}, "disconnect does not use count"),
    ],
)
def test_a_motor_fault_on_demand_is_checked_as_in_the_config(
    kind: str, given: dict[str, Any], text: str, failing: Any
) -> None:
    motor = failing()
    with pytest.raises(DeviceError, match=f"^magnet_height: .*{text}"):
        motor.cause_fault(kind, **given)
    motor.move_to(3.1)
    assert settle(motor) == 3.1


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ({"kind": "stall", "at_frame": 5}, "stall needs duration_s"),
        ({"kind": "drop_frames"}, "drop_frames needs at_frame"),
        ({"kind": "limit_switch", "device": "magnet_height"}, "limit_switch needs at_position"),
        ({"kind": "stuck_motor"}, "stuck_motor is no fault of the camera"),
        ({"kind": "stall", "device": "focus"}, "stall is no fault of a motor"),
        ({"kind": "disconnect", "at_frame": 5, "count": 2}, "disconnect does not use count"),
        ({"kind": "disconnect", "device": "focus", "at_frame": 2}, "disconnect does not use at_frame"),
    ],
)
def test_a_fault_says_what_its_kind_needs(fault: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        twin_config(simulation={"faults": [fault]})


@pytest.fixture
def failing() -> Iterator[Any]:
    """Lend a function that makes an open magnet motor with faults; it stands at 3 mm and moves at 20 mm/s."""
    made: list[SimulatedMagnetHeight] = []

    def make(*faults: dict[str, Any]) -> SimulatedMagnetHeight:
        mine = [{"device": "magnet_height", **fault} for fault in faults]
        config = twin_config(
            motors={"magnet_height": {"speed": 20.0}, "focus": {}}, simulation={"faults": mine}
        )
        assert SimulatedMagnetHeight.problems(motor_context(config, "magnet_height")) == ()
        assert SimulatedCamera.problems(camera_context(config)) == ()
        motor = SimulatedMagnetHeight(motor_context(config, "magnet_height"))
        made.append(motor)
        motor.open()
        return motor

    yield make
    for motor in made:
        motor.close()


def settle(motor: SimulatedMagnetHeight) -> float:
    deadline = time.monotonic() + 3.0
    while motor.is_moving() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert not motor.is_moving()
    return motor.position()


def test_a_stuck_motor_stays_where_it_is_until_it_comes_loose(failing: Any) -> None:
    motor = failing({"kind": "stuck_motor", "duration_s": 0.15})
    motor.move_to(4.0)
    time.sleep(0.05)
    assert motor.is_moving()
    assert motor.position() == 3.0
    assert settle(motor) == 4.0
    motor.move_to(8.0)
    time.sleep(0.05)
    motor.cause_fault("stuck_motor")
    stuck_at = motor.position()
    time.sleep(0.05)
    assert motor.position() == stuck_at < 8.0
    assert motor.is_moving()
    motor.stop()
    assert settle(motor) == stuck_at
    motor.close()
    motor.open()
    motor.move_to(stuck_at + 0.1)
    assert settle(motor) == pytest.approx(stuck_at + 0.1)


def test_a_limit_switch_ends_a_move_early_and_lets_it_go_back_only(failing: Any) -> None:
    motor = failing({"kind": "limit_switch", "at_position": 4.0})
    motor.move_to(6.0)
    assert settle(motor) == 4.0
    assert not motor.at_target()
    with pytest.raises(DeviceError, match=r"at its limit switch at 4 mm and cannot go on to 5: move it back"):
        motor.move_to(5.0)
    assert motor.position() == 4.0
    motor.move_to(3.5)
    assert settle(motor) == 3.5
    motor.move_to(4.0)
    assert settle(motor) == 4.0
    motor.move_to(3.0)
    assert settle(motor) == 3.0


def test_the_nearest_switch_ends_a_move_and_faults_of_other_axes_do_not_count(failing: Any) -> None:
    motor = failing(
        {"kind": "limit_switch", "at_position": 3.6},
        {"kind": "limit_switch", "at_position": 3.3},
        {"kind": "stuck_motor", "device": "focus"},
        {"kind": "disconnect", "device": "focus"},
    )
    motor.move_to(4.0)
    # Nobody looks while it passes the first one: whoever does, sees it stop there and nowhere else.
    time.sleep(0.1)
    assert settle(motor) == 3.3


@pytest.mark.parametrize("positions", [(3.6, 3.3, 3.9), (3.9, 3.6, 3.3), (2.1, 2.7, 2.4)])
def test_of_several_switches_the_first_on_the_way_counts(positions: tuple[float, ...]) -> None:
    mine = [FaultEntry(kind="limit_switch", device="magnet", at_position=at) for at in positions]
    faults = AxisFaults("magnet", mine, position=3.0)
    target = 3.0 + 2.0 * (positions[0] - 3.0)
    assert faults.switch_on_way(3.0, target, 1) == min(positions, key=lambda at: abs(at - 3.0))
    assert faults.switch_on_way(3.0, 6.0 - target, 1) is None


def test_a_limit_switch_on_demand_stops_a_move_that_goes_on(failing: Any) -> None:
    motor = failing()
    motor.move_to(1.0)
    motor.cause_fault("limit_switch", at_position=2.5)
    assert settle(motor) == 2.5
    with pytest.raises(DeviceError, match="needs at_position"):
        motor.cause_fault("limit_switch")
    with pytest.raises(DeviceError, match="no fault 'stall'"):
        motor.cause_fault("stall")


def test_a_limit_switch_beyond_the_travel_is_refused(failing: Any) -> None:
    motor = failing()
    with pytest.raises(
        DeviceError, match=r"a limit switch at 1e\+09 mm is beyond the travel of the axis; give"
    ):
        motor.cause_fault("limit_switch", at_position=1e9)
    faults = [
        {"kind": "limit_switch", "device": "magnet_height", "at_position": at} for at in (5.0, 1e9, -1.0)
    ]
    config = twin_config(simulation={"faults": faults})
    found = SimulatedMagnetHeight.problems(motor_context(config, "magnet_height"))
    assert [problem.where for problem in found] == [
        "simulation.faults.1.at_position",
        "simulation.faults.2.at_position",
    ]
    assert "a limit switch at -1 mm is beyond the travel of the axis" in str(found[1])


def test_a_disconnected_motor_answers_nothing_until_it_is_opened_again(failing: Any) -> None:
    motor = failing({"kind": "disconnect", "at_s": 0.05})
    motor.move_to(3.2)
    time.sleep(0.1)
    for call in (motor.position, motor.is_moving, motor.stop, motor.home, lambda: motor.move_to(3.1)):
        with pytest.raises(DeviceLost, match="does not answer any more"):
            call()
    motor.close()
    motor.open()
    assert motor.position() == 3.0
