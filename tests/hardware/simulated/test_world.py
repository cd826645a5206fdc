from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Lock

import numpy as np
import pytest

from hardware.simulated import kernels
from hardware.simulated.microscope import (
    SimulatedCamera,
    SimulatedFocus,
    SimulatedMagnetHeight,
    SimulatedStageX,
)
from hardware.simulated.renderer import Light
from hardware.simulated.runs import Runs
from hardware.simulated.sample import Sample
from hardware.simulated.scene import Scene
from hardware.simulated.world import MATRIX, Axis, Trajectory, World
from magscope_app.config import Config
from magscope_app.datatypes import MatrixBuffer
from magscope_app.devices.context import SharedMatrix
from tests.hardware.simulated.twin import Floats, camera_context, film, motor_context, started, twin_config

CONFIG = twin_config(
    motors={role: {"settings": {"instant": True}} for role in ("focus", "magnet_height", "stage_x")},
)
DRIFTING = twin_config(simulation={"drift": {"x_nm_per_s": 1000.0}})
TIMEOUT_S = 30.0


def attach_with(lock: Lock) -> SharedMatrix:
    """Return what gives a driver the matrix of this session."""
    return lambda name: MatrixBuffer(create=False, locks={name: lock}, name=name)


@pytest.fixture(scope="module")
def lock() -> Lock:
    """Return the lock of the world's matrix."""
    return multiprocessing.get_context("spawn").Lock()


@pytest.fixture(autouse=True)
def matrix(lock: Lock, nothing_left_behind: None) -> Iterator[MatrixBuffer]:
    """Make the matrices of the camera, as the engine does; lend the world's."""
    matrices = {
        name: MatrixBuffer(create=True, locks={name: lock}, name=name, shape=shape)
        for name, shape in SimulatedCamera.shared_matrices.items()
    }
    yield matrices[MATRIX]
    for matrix in matrices.values():
        matrix.close()


def one_frame(camera: SimulatedCamera) -> Floats:
    assert camera.read_into(np.empty((240, 320), np.uint8), 1.0) is not None
    return camera.truth()


def watching(lock: Lock) -> SimulatedCamera:
    camera = SimulatedCamera(camera_context(CONFIG, attach_with(lock)))
    camera.open()
    camera.start()
    # The magnets' and the focus's moves lie before the middle of the next exposure.
    time.sleep(0.01)
    return camera


def move_in_another_process(config: Config, lock: Lock) -> None:
    focus = SimulatedFocus(motor_context(config, "focus", attach_with(lock)))
    magnet = SimulatedMagnetHeight(motor_context(config, "magnet_height", attach_with(lock)))
    focus.open()
    magnet.open()
    focus.move_to(1000.0)
    magnet.move_to(9.0)
    focus.close()
    magnet.close()


def test_a_camera_sees_what_motors_of_another_process_do(lock: Lock) -> None:
    camera = watching(lock)
    before = one_frame(camera)
    assert before[0, 3] == 500.0
    context = multiprocessing.get_context("spawn")
    child = context.Process(target=move_in_another_process, args=(CONFIG, lock))
    child.start()
    child.join(TIMEOUT_S)
    assert child.exitcode == 0
    time.sleep(0.01)
    for _ in range(20):  # weak tethers take their time
        after = one_frame(camera)
    assert after[0, 3] == pytest.approx(500.0 - 0.88 * 1000.0)
    assert after[:, 3] == pytest.approx(after[:, 4] - 880.0)
    # The magnets went up: the tethers are weaker now.
    assert after[1:, 4].max() < before[1:, 4].min() - 50.0
    camera.close()


def test_an_axis_that_rests_for_long_keeps_its_place_for_a_camera_that_comes_later(lock: Lock) -> None:
    attach = attach_with(lock)
    focus = SimulatedFocus(motor_context(CONFIG, "focus", attach))
    stage = SimulatedStageX(motor_context(CONFIG, "stage_x", attach))
    focus.open()
    stage.open()
    stage.move_to(2.0)
    for step in range(300):
        focus.move_to(float(step))
    camera = watching(lock)
    moved = one_frame(camera)[0, 1]
    alone = SimulatedCamera(camera_context(CONFIG))
    alone.open()
    alone.start()
    assert moved - one_frame(alone)[0, 1] == pytest.approx(2000.0)
    again = SimulatedStageX(motor_context(CONFIG, "stage_x", attach))
    again.open()
    assert again.position() == 2.0
    for device in (focus, stage, camera, alone, again):
        device.close()


def test_axes_that_move_in_turn_do_not_undo_each_other(lock: Lock) -> None:
    attach = attach_with(lock)
    focus = SimulatedFocus(motor_context(CONFIG, "focus", attach))
    magnet = SimulatedMagnetHeight(motor_context(CONFIG, "magnet_height", attach))
    focus.open()
    magnet.open()
    for step in range(5):
        focus.move_to(10.0 * step)
        magnet.move_to(4.0 + step)
    world = World(CONFIG, attach)
    now_ns = time.perf_counter_ns()
    assert world.position(Axis.FOCUS, now_ns) == 40.0
    assert world.position(Axis.MAGNET_HEIGHT, now_ns) == 8.0
    for part in (focus, magnet, world):
        part.close()


def test_a_slow_focus_is_seen_on_its_way(lock: Lock) -> None:
    config = twin_config(motors={"focus": {"speed": 2000.0}})
    focus = SimulatedFocus(motor_context(config, "focus", attach_with(lock)))
    focus.open()
    camera = SimulatedCamera(camera_context(config, attach_with(lock)))
    camera.open()
    camera.start()
    focus.move_to(1000.0)
    time.sleep(0.1)
    z_nm = one_frame(camera)[0, 3]
    assert 500.0 - 880.0 < z_nm < 500.0 - 0.88 * 100.0
    focus.stop()
    focus.close()
    camera.close()


def test_the_truth_of_a_frame_is_that_of_the_middle_of_its_exposure(lock: Lock) -> None:
    """Of an axis that moves steadily and of drift the mean over the exposure is the place in its middle."""
    exposure_s, fps, drift_nm_s, stage_um_s = 0.2, 4.0, 1000.0, 50.0
    config = twin_config(
        camera={"fps": fps, "exposure_ms": 1e3 * exposure_s},
        simulation={"drift": {"x_nm_per_s": drift_nm_s}},
        motors={"stage_x": {}},
    )
    scene = Scene(camera_context(config, attach_with(lock)), kernels, Runs())
    scene.set_light(Light(1000.0, 0.5, 0.1, 8.0, 5.0, 255))
    scene.set_exposure(exposure_s)
    scene.begin()
    frame, now_ns = np.empty((240, 320), np.uint8), time.perf_counter_ns()
    world = World(config, attach_with(lock))
    # Long ago it set off, far away it will arrive: there is no time at which it is seen at rest.
    world.start(Trajectory(Axis.STAGE_X, now_ns, 0.0, 5000.0, stage_um_s, 1e-6))
    at_ns = now_ns + 2_000_000_000
    scene.draw(frame, 0, at_ns)
    moved = scene.truth()[0, 1]
    scene.draw(frame, 4, at_ns)
    drifted = scene.truth()[0, 1] - moved
    rng = np.random.default_rng((config.simulation.seed, 0))
    anchor = Sample.of(config, rng).anchors_nm[0, 0]
    middle_um = stage_um_s * (2.0 - exposure_s / 2)
    assert moved - anchor == pytest.approx(1e3 * middle_um + drift_nm_s * (1 / fps - exposure_s / 2), abs=1.0)
    assert drifted == pytest.approx(drift_nm_s * 4 / fps)
    world.close()
    scene.close()


def test_a_camera_whose_process_was_started_again_counts_the_runs_on(lock: Lock) -> None:
    alone = started(DRIFTING)
    expected = []
    for _ in range(3):
        expected.append(film(alone, 2))
        alone.stop()
        alone.start()
    alone.close()
    lost = SimulatedCamera(camera_context(DRIFTING, attach_with(lock)))
    lost.open()
    for frames, _ in expected[:2]:
        lost.start()
        assert (film(lost, 2)[0] == frames).all()
    last = lost.truth()
    # It is not closed in order: what another process knows is in the matrix.
    restarted = SimulatedCamera(camera_context(DRIFTING, attach_with(lock)))
    restarted.open()
    restarted.start()
    _, truth = film(restarted, 2)
    # Motion is that of the third run; drift has gone on for as long as it took.
    drifted = truth[:, :, 1:] - expected[2][1][:, :, 1:]
    assert drifted == pytest.approx(np.broadcast_to(drifted[0, 0], drifted.shape), abs=1e-6)
    assert truth[0, 0, 1] > last[0, 1] - 15.0
    for camera in (lost, restarted):
        camera.close()
