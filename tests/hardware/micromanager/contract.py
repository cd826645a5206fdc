"""The contracts on DemoCamera, DStage and DXYStage; test_devices.py runs them in a process of their own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hardware.micromanager.camera import MicroManagerCamera
from hardware.micromanager.focus import MicroManagerFocus
from hardware.micromanager.magnets import MicroManagerMagnetHeight, MicroManagerMagnetRotation
from hardware.micromanager.stage import MicroManagerStage
from hardware.micromanager.xy_stage import MicroManagerStageX, MicroManagerStageY
from magscope_app.devices import Camera, Motor
from magscope_app.devices.testing import CameraContract, MotorContract
from tests.hardware.micromanager.children import camera_context, motor_context


class TestDemoCamera(CameraContract):
    # It crashes on demand.
    untouched = ("SimulateCrash",)

    @pytest.fixture
    def make(self) -> Callable[[], Camera]:
        return lambda: MicroManagerCamera(camera_context(roi_px=[0, 0, 128, 64]))


class DemoContract(MotorContract):
    """Demo stages begin anew at 0 whenever they are loaded."""

    remembers = False


class TestDemoStage(DemoContract):
    step = 250.0
    tolerance = 1.0

    @pytest.fixture
    def make(self) -> Callable[[], Motor]:
        return lambda: MicroManagerFocus(motor_context({"name": "focus", "limits": [-1000.0, 1000.0]}))


class TestMagnetHeight(DemoContract):
    step = 0.25

    @pytest.fixture
    def make(self) -> Callable[[], Motor]:
        return lambda: MicroManagerMagnetHeight(motor_context({"name": "magnet", "limits": [-1.0, 1.0]}))


class TestMagnetRotation(DemoContract):
    step = 0.5

    @pytest.fixture
    def make(self) -> Callable[[], Motor]:
        settings = {"adapter": "DemoCamera", "device": "DStage", "um_per_unit": 360.0}
        return lambda: MicroManagerMagnetRotation(motor_context({"name": "turn", "settings": settings}))


class TestPlainStage(DemoContract):
    @pytest.fixture
    def make(self) -> Callable[[], Motor]:
        return lambda: MicroManagerStage(motor_context({"name": "stage"}))


class TestStageX(DemoContract):
    step = 5.0
    # Steps of the demo stage are 0.015 um.
    tolerance = 0.05
    # The demo stage takes the command and does nothing.
    home_within_s = None
    driver: type[Motor] = MicroManagerStageX

    @pytest.fixture
    def make(self) -> Callable[[], Motor]:
        settings = {"adapter": "DemoCamera", "device": "DXYStage"}
        return lambda: self.driver(motor_context({"name": "axis", "settings": settings}))


class TestStageY(TestStageX):
    driver = MicroManagerStageY
