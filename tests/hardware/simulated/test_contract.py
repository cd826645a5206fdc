"""The tests that every driver must pass, for the simulated microscope."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hardware.simulated.axis import SimulatedAxis
from hardware.simulated.microscope import (
    SimulatedCamera,
    SimulatedFocus,
    SimulatedMagnetHeight,
    SimulatedMagnetRotation,
    SimulatedStageX,
    SimulatedStageY,
)
from magscope_app.devices import Camera, Motor
from magscope_app.devices.testing import CameraContract, MotorContract
from tests.hardware.simulated.twin import camera_context, motor_context, twin_config


class TestSimulatedCamera(CameraContract):
    @pytest.fixture
    def make(self) -> Callable[[], Camera]:
        config = twin_config(camera={"settings": {"bits": 12}})
        return lambda: SimulatedCamera(camera_context(config))


class TestSimulatedCameraInRealTime(CameraContract):
    @pytest.fixture
    def make(self) -> Callable[[], Camera]:
        config = twin_config(camera={"settings": {}})
        return lambda: SimulatedCamera(camera_context(config))


class TestSimulatedFocus(MotorContract):
    step = 500.0
    # Without the rest of the line each object is a microscope of its own.
    remembers = False

    @pytest.fixture
    def make(self) -> Callable[[], Motor]:
        config = twin_config(motors={"focus": {"limits": [-1000.0, 1000.0]}})
        return lambda: SimulatedFocus(motor_context(config, "focus"))


class TestSimulatedMagnetHeight(MotorContract):
    step = 0.5
    remembers = False

    @pytest.fixture
    def make(self) -> Callable[[], Motor]:
        return lambda: SimulatedMagnetHeight(motor_context(twin_config(), "magnet_height"))


class TestOtherSimulatedAxes(MotorContract):
    step = 0.2
    remembers = False

    @pytest.fixture(
        params=[
            ("magnet_rotation", SimulatedMagnetRotation),
            ("stage_x", SimulatedStageX),
            ("stage_y", SimulatedStageY),
        ],
        ids=lambda parameter: parameter[0],
    )
    def make(self, request: pytest.FixtureRequest) -> Callable[[], Motor]:
        role, driver = request.param
        return lambda: self._axis(role, driver)

    def _axis(self, role: str, driver: type[SimulatedAxis]) -> Motor:
        return driver(motor_context(twin_config(motors={role: {"limits": [-5.0, 5.0]}}), role))
