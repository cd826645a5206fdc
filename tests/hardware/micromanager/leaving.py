"""A program that ends while its camera runs and its stage moves; test_devices.py runs it."""

from __future__ import annotations

from hardware.micromanager.camera import MicroManagerCamera
from hardware.micromanager.focus import MicroManagerFocus
from tests.hardware.micromanager.children import camera_context, motor_context

# Module level, so that the devices live until the interpreter is taken down.
camera = MicroManagerCamera(camera_context())
stage = MicroManagerFocus(motor_context())

if __name__ == "__main__":
    camera.open()
    stage.open()
    camera.start()
    for step in range(40):
        stage.move_to(100.0 * step)
