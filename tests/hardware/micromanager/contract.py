"""The contracts on DemoCamera and DStage; test_devices.py runs them in a process of their own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hardware.micromanager.camera import MicroManagerCamera
from hardware.micromanager.focus import MicroManagerFocus
from magscope_app.devices import Camera, Motor
from magscope_app.devices.testing import CameraContract, MotorContract
from tests.hardware.micromanager.children import camera_context, motor_context


class TestDemoCamera(CameraContract):
    @pytest.fixture
    def make(self) -> Callable[[], Camera]:
        return lambda: MicroManagerCamera(camera_context(roi_px=[0, 0, 128, 64]))


class TestDemoStage(MotorContract):
    step = 250.0
    tolerance = 1.0

    @pytest.fixture
    def make(self) -> Callable[[], Motor]:
        return lambda: MicroManagerFocus(motor_context({"name": "focus", "limits": [-1000.0, 1000.0]}))
