"""The tests that every driver must pass, for the simulated microscope."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hardware.simulated.microscope import SimulatedCamera, SimulatedFocus, SimulatedMagnetHeight
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

    @pytest.fixture
    def make(self) -> Callable[[], Motor]:
        config = twin_config(motors={"focus": {"limits": [-1000.0, 1000.0]}})
        return lambda: SimulatedFocus(motor_context(config, "focus"))


class TestSimulatedMagnetHeight(MotorContract):
    step = 0.5

    @pytest.fixture
    def make(self) -> Callable[[], Motor]:
        return lambda: SimulatedMagnetHeight(motor_context(twin_config(), "magnet_height"))
