"""Tests that every driver must pass, also one of your own.

Derive a class in a test file and say how a device is made; pytest runs the rest::

    class TestMyCamera(CameraContract):
        @pytest.fixture
        def make(self) -> Callable[[], Camera]:
            return lambda: MyCamera(CameraContext(config=load_config("my.toml").config))

The device moves and acquires: run them where that does no harm. pytest must be installed.
"""

from magscope_app.devices.testing_camera import CameraContract
from magscope_app.devices.testing_motor import MotorContract

__all__ = ["CameraContract", "MotorContract"]
