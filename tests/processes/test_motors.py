"""Motors processes, real ones: they move, ramp, stop, and survive what goes wrong with a device."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from magscope_app.config import Config
from magscope_app.messages import (
    CommandRefused,
    HomeMotor,
    JogMotor,
    MotorsReady,
    MoveMotor,
    RampForce,
    ReconnectMotor,
    SetForce,
)
from magscope_app.processes.controllers import motor_processes
from magscope_app.processes.halting import Halting
from tests.hardware.controller import StageController
from tests.hardware.docs.examples import write_examples
from tests.hardware.simulated.twin import twin_config
from tests.processes.motors_rig import MotorsRig

F0_PN, DECAY_MM = 40.0, 1.6


def config_with(folder: Path, port: int) -> Config:
    """Two simulated axes, one behind a controller, two whose drivers block, one of them in its stop, too."""
    simulated = "hardware.simulated.microscope:Simulated"
    return Config.model_validate(
        {
            **twin_config().model_dump(exclude_none=True, exclude={"motors"}),
            "drivers": {"path": [str(folder)]},
            "buffer": {"tracks_rows": 1000},
            "motors": [
                {
                    "name": "stubborn",
                    "driver": "tests.processes.stages:BlockingStage",
                    "controller": "simulated",
                    "settings": {"one_caller": True},
                },
                {"name": "focus", "driver": f"{simulated}Focus", "role": "focus", "limits": [-9e3, 9e3]},
                {
                    "name": "magnet",
                    "driver": f"{simulated}MagnetHeight",
                    "role": "magnet_height",
                    "lowest": 0.5,
                    "telemetry_hz": 100,
                },
                {
                    "name": "stage",
                    "driver": "lab_stage:LabStage",
                    "limits": [0.0, 20.0],
                    "speed": 20.0,
                    "timeout_s": 1.0,
                    "settings": {"host": "127.0.0.1", "port": port},
                },
                {
                    "name": "slow",
                    "driver": "tests.processes.stages:BlockingStage",
                    "controller": "slow",
                    "limits": [-50.0, 50.0],
                },
            ],
        }
    )


@pytest.fixture(scope="module")
def controller() -> Iterator[StageController]:
    controller = StageController()
    yield controller
    controller.close()


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory, controller: StageController) -> Iterator[MotorsRig]:
    folder, path = tmp_path_factory.mktemp("drivers"), list(sys.path)
    write_examples("connect-a-motor.md", folder)
    rig = MotorsRig(config_with(folder, controller.port))
    try:
        yield rig
    finally:
        rig.close()
        sys.path[:] = path
        sys.modules.pop("lab_stage", None)


@pytest.fixture(autouse=True)
def at_rest(rig: MotorsRig, controller: StageController) -> Iterator[None]:
    """Leave every axis ready and the controller sound."""
    yield
    controller.sticks, controller.switch_mm = False, None
    rig.stop()
    time.sleep(0.05)


def test_axes_of_one_controller_share_a_process(rig: MotorsRig) -> None:
    config = rig.handles.config
    assert {
        process: [entry.name for entry in entries] for process, entries in motor_processes(config).items()
    } == {
        "motors-simulated": ["stubborn", "focus", "magnet"],
        "motors-lab_stage": ["stage"],
        "motors-slow": ["slow"],
    }
    alone = config.model_copy(update={"motors": config.motors[1:3]})
    assert list(motor_processes(alone)) == ["motors"]
    infos = {info.name: info for message in rig.of(MotorsReady) for info in message.motors}
    assert infos["stage"].limits == (0.0, 20.0)
    assert infos["magnet"].limits == (0.5, 25.0)


def test_a_move_is_followed_to_its_end(rig: MotorsRig) -> None:
    rig.send("magnet", MoveMotor("magnet", 4.0))
    rig.until_state("magnet", "ready")
    assert rig.states("magnet") == ["moving", "ready"]
    _, position, target, moving, at_target = rig.next_row("magnet")
    assert (position, target, moving, at_target) == (4.0, 4.0, 0.0, 1.0)
    rows = rig.rows("magnet", 20)
    assert (np.diff(rows[:, 0]) > 0).all()
    assert np.median(np.diff(rows[:, 0])) == pytest.approx(10e6, rel=0.5)
    rig.send("magnet", JogMotor("magnet", -1.0))
    rig.until_state("magnet", "ready")
    assert rig.next_row("magnet")[1] == 3.0


def test_what_is_outside_the_limits_is_refused_with_its_token(rig: MotorsRig) -> None:
    before = rig.next_row("magnet")[1]
    rig.send("magnet", MoveMotor("magnet", 0.4, 7))
    rig.until(lambda: bool(rig.of(CommandRefused)))
    (refused,) = rig.of(CommandRefused)
    assert refused.token == 7
    assert refused.text == "magnet cannot go to 0.4 mm: its limits are 0.5 to 25 mm"
    assert rig.next_row("magnet")[1] == before
    assert rig.states("magnet") == []


def test_every_axis_stops_also_one_whose_driver_waits(rig: MotorsRig, controller: StageController) -> None:
    controller.speed = 1.0
    rig.send("slow", MoveMotor("slow", 40.0))
    rig.children.send(rig.owners["stage"], MoveMotor("stage", 3.9))
    rig.children.send(rig.owners["magnet"], MoveMotor("magnet", 20.0))
    rig.until(lambda: all(rig.states(name)[-1:] == ["moving"] for name in ("slow", "stage", "magnet")))
    rig.children.send(rig.owners["slow"], MoveMotor("slow", -40.0, 5))
    time.sleep(0.05)
    rig.stop()
    for name in ("slow", "stage", "magnet"):
        rig.until_state(name, "ready")
        assert f"{name} was stopped at" in rig.text(name)
        row = rig.next_row(name)
        assert row[1] == pytest.approx(row[2])
    # The move that was waiting behind the one that was stopped does not begin.
    assert [refused.token for refused in rig.of(CommandRefused)] == [5]
    assert rig.next_row("slow")[1] < 20.0
    assert not controller.moving
    controller.speed = 20.0


def test_a_stop_that_waits_for_its_move_holds_up_no_other_axis(rig: MotorsRig) -> None:
    start_mm = rig.next_row("magnet")[1]
    rig.send("magnet", JogMotor("magnet", 18.0))
    rig.until_state("magnet", "moving")
    rig.children.send(rig.owners["stubborn"], JogMotor("stubborn", 2.0))
    rig.until(lambda: rig.states("stubborn")[-1:] == ["moving"])
    rig.stop()
    rig.until_state("magnet", "ready")
    rig.until(lambda: rig.states("stubborn")[-2:] == ["error", "error"])
    goes_on, rests = (said.text for said in rig.statuses("stubborn")[-2:])
    assert "stubborn could not be stopped: its driver still waits for the end of its move;" in goes_on
    assert "stubborn could not be stopped: it came to rest by itself at 2 mm, " in rests
    # It goes on to its end, 2 s later; the magnets do not: those would have gone by 10 mm.
    assert rig.next_row("stubborn")[1] == pytest.approx(2.0)
    assert rig.next_row("magnet")[1] < start_mm + 7.0


def test_a_stuck_motor_is_stopped_and_said(rig: MotorsRig, controller: StageController) -> None:
    start = controller.position
    controller.sticks = True
    rig.send("stage", MoveMotor("stage", 10.0))
    rig.until_state("stage", "error")
    assert "stage did not reach 10 mm in its time; it stopped at" in rig.text("stage")
    assert controller.log[-1] == "STOP"
    assert rig.next_row("stage")[4] == 0.0
    controller.sticks = False
    rig.send("stage", MoveMotor("stage", start))
    rig.until_state("stage", "ready")


def test_a_place_that_was_not_reached_does_not_look_like_the_one_that_was_wanted() -> None:
    halting = Halting("focus", "nm")
    halting.note("focus did not reach 600000 nm in its time", 600_000.0)
    assert "; it stopped at 599999.9 nm, look at the axis" in halting.verdict(599_999.9, arrived=False)[1]


def test_a_limit_switch_ends_a_move(rig: MotorsRig, controller: StageController) -> None:
    controller.switch_mm = 5.0
    rig.send("stage", MoveMotor("stage", 8.0))
    rig.until_state("stage", "error")
    assert "stage did not reach 8 mm and stands still" in rig.text("stage")
    assert "it stopped at 5 mm" in rig.text("stage")
    controller.switch_mm = None
    # From an error a step is counted from where the axis is.
    rig.send("stage", JogMotor("stage", -2.0))
    rig.until_state("stage", "ready")
    assert rig.next_row("stage")[1] == pytest.approx(3.0)


def test_a_device_that_goes_is_lost_and_comes_back_without_moving(
    rig: MotorsRig, controller: StageController
) -> None:
    position = controller.position
    rig.stop()
    controller.hang_up()
    rig.until_state("stage", "lost")
    assert "stage does not answer any more: the controller" in rig.text("stage")
    rig.send("stage", MoveMotor("stage", 1.0, 3))
    rig.until(lambda: bool(rig.of(CommandRefused)))
    assert rig.of(CommandRefused)[0].text == "stage does not answer; see to it, then reconnect it"
    rig.send("stage", ReconnectMotor("stage"))
    rig.until_state("stage", "lost")
    assert "stage could not be opened: " in rig.text("stage")
    # The others go on.
    rig.send("magnet", JogMotor("magnet", 0.1))
    rig.until_state("magnet", "ready")
    controller.come_back()
    moves = len([line for line in controller.log if line.startswith(("MOVE", "HOME"))])
    rig.send("stage", ReconnectMotor("stage"))
    rig.until_state("stage", "ready")
    assert rig.states("stage") == ["opening", "ready"]
    assert controller.position == position
    assert len([line for line in controller.log if line.startswith(("MOVE", "HOME"))]) == moves
    rig.send("stage", MoveMotor("stage", 4.0))
    rig.until_state("stage", "ready")


def test_a_mistake_in_a_driver_is_a_sentence_and_home_works(rig: MotorsRig) -> None:
    rig.send("slow", HomeMotor("slow", 2))
    rig.until(lambda: bool(rig.of(CommandRefused)))
    assert rig.of(CommandRefused)[0].text == "slow: ZeroDivisionError: a mistake in the driver"
    rig.send("stage", HomeMotor("stage"))
    rig.until_state("stage", "ready")
    assert rig.next_row("stage")[1] == 0.0


def test_the_force_is_an_axis(rig: MotorsRig) -> None:
    rig.send("magnet", SetForce(10.0))
    rig.until_state("magnet", "ready")
    assert rig.next_row("magnet")[1] == pytest.approx(DECAY_MM * np.log(F0_PN / 10.0))
    rig.send("magnet", SetForce(39.0, 9))
    rig.until(lambda: bool(rig.of(CommandRefused)))
    refused = rig.of(CommandRefused)[0]
    assert refused.token == 9
    assert "39 pN needs magnet at 0.04051 mm, but its limits are 0.5 to 25 mm: it can give" in refused.text


def test_a_ramp_has_a_constant_loading_rate(rig: MotorsRig) -> None:
    rig.send("magnet", SetForce(10.0))
    rig.until_state("magnet", "ready")
    asked_ns = rig.next_row("magnet")[0]
    rig.send("magnet", RampForce(7.0, 4.0))
    rig.until_state("magnet", "ready")
    assert rig.states("magnet") == ["moving", "ready"]
    rig.next_row("magnet")
    rows = rig.rows("magnet", 200)
    rows = rows[rows[:, 0] > asked_ns]
    forces = F0_PN * np.exp(-rows[:, 1] / DECAY_MM)
    assert forces[-1] == pytest.approx(7.0)
    within = (forces < 9.7) & (forces > 7.2)
    slope, _ = np.polyfit(rows[within, 0] * 1e-9, forces[within], 1)
    assert slope == pytest.approx(-4.0, rel=0.05)
    assert rows[within, 3].all()
    assert not rows[within, 4].any()


def test_a_ramp_is_stopped_or_refused(rig: MotorsRig) -> None:
    rig.send("magnet", SetForce(4.0))
    rig.until_state("magnet", "ready")
    rig.send("magnet", RampForce(20.0, 1.0))
    rig.until_state("magnet", "moving")
    time.sleep(0.1)
    rig.stop()
    rig.until_state("magnet", "ready")
    row = rig.next_row("magnet")
    assert 4.0 < F0_PN * np.exp(-row[1] / DECAY_MM) < 10.0
    assert row[1] == row[2]
    for rate, why in ((1000.0, "but magnet does 5; give at most"), (-1.0, "makes no ramp")):
        rig.send("magnet", RampForce(1.0, rate))
        rig.until(lambda: bool(rig.of(CommandRefused)))
        assert why in rig.of(CommandRefused)[0].text


@pytest.mark.slow
def test_a_driver_that_never_comes_back_is_lost_and_the_others_stop_and_end(tmp_path: Path) -> None:
    config = config_with(tmp_path, 1)
    magnet, slow = config.motors[2], config.motors[4]
    hangs = slow.model_copy(update={"settings": {"hangs": True}, "timeout_s": 0.5, "controller": "one"})
    both = (magnet.model_copy(update={"controller": "one"}), hangs)
    rig = MotorsRig(config.model_copy(update={"motors": both}))
    try:
        rig.send("slow", MoveMotor("slow", 50.0))
        rig.until_state("slow", "lost")
        assert "slow does not answer any more" in rig.text("slow")
        rig.send("magnet", MoveMotor("magnet", 4.0, 3))
        rig.stop()
        time.sleep(0.2)
    finally:
        rig.close()
    # Ending them takes a bounded time, whatever their drivers do.
    assert all(child.exit_code is not None for child in rig.children)
