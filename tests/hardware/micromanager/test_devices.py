"""DemoCamera and DStage through pymmcore-plus, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hardware.micromanager.camera import MicroManagerCamera
from hardware.micromanager.core import CoreHost
from hardware.micromanager.focus import MicroManagerFocus
from magscope_app.config.load import load_config
from magscope_app.devices import (
    Camera,
    CameraContext,
    DeviceError,
    FrameInfo,
    LimitError,
    Motor,
    MotorContext,
    SettingKind,
)
from magscope_app.devices.lookup import load_driver
from tests.hardware.micromanager.children import CAMERA, camera_context, in_child, motor_context

HERE = Path(__file__).parent


def read(camera: Camera, n: int) -> tuple[list[int], np.ndarray[Any, Any]]:
    """Return the numbers of the next n frames, and the last of them."""
    form = camera.format
    buffer = np.zeros((form.height_px, form.width_px), form.dtype)
    numbers: list[int] = []
    deadline = time.monotonic() + 20
    while len(numbers) < n and time.monotonic() < deadline:
        info = camera.read_into(buffer, 0.1)
        if isinstance(info, FrameInfo):
            numbers.append(info.frame_number)
    return numbers, buffer


def refusal(settings: dict[str, Any] | None = None, **camera: Any) -> str:
    device = MicroManagerCamera(camera_context(settings, **camera))
    try:
        device.open()
    except DeviceError as error:
        return str(error)
    finally:
        device.close()
    return ""


def _acquire() -> list[int]:
    camera = MicroManagerCamera(camera_context())
    camera.open()
    camera.start()
    numbers, _ = read(camera, 50)
    camera.close()
    return numbers


def test_no_frame_is_missing() -> None:
    assert in_child(_acquire) == list(range(50))


def test_a_program_that_closes_nothing_ends_well_every_time() -> None:
    # Without taking the core down, about seven of eight abort.
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-m", "tests.hardware.micromanager.leaving"],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=HERE.parents[2],
        )
        assert done.returncode == 0, done.stderr


def _roi_and_depth() -> tuple[list[int], np.ndarray[Any, Any]]:
    properties = {"PixelType": "16bit", "BitDepth": 12}
    camera = MicroManagerCamera(camera_context({"properties": properties}, roi_px=[16, 32, 200, 100]))
    camera.open()
    camera.start()
    frames = read(camera, 3)
    camera.close()
    return frames


def test_roi_and_depth_are_those_of_the_config() -> None:
    numbers, image = in_child(_roi_and_depth)
    assert numbers == [0, 1, 2]
    assert image.shape == (100, 200)
    assert image.dtype == np.uint16
    assert 255 < image.max() < 4096


def _overflow() -> list[int]:
    camera = MicroManagerCamera(camera_context({"buffer_mb": 1}, exposure_ms=5.0))
    camera.open()
    camera.start()
    before, _ = read(camera, 20)
    time.sleep(0.5)
    after, _ = read(camera, 20)
    camera.close()
    return before + after


def test_frames_lost_in_a_full_queue_are_a_jump_of_the_number() -> None:
    steps = np.diff(in_child(_overflow))
    assert len(steps) == 39
    assert (steps >= 1).all()
    # Nobody read for 100 exposures; a frame takes a little longer than one, and the queue kept four.
    assert steps.sum() - len(steps) > 20


def _settings() -> dict[str, Any]:
    camera = MicroManagerCamera(camera_context())
    camera.open()
    camera.start()
    first, _ = read(camera, 5)
    camera.set("exposure_ms", 4.0)
    camera.set("Gain", 3)
    later, _ = read(camera, 5)
    known = {setting.name: setting for setting in camera.settings()}
    refused = []
    for name, value in (
        ("Binning", "2"),
        ("PixelType", "16bit"),
        ("Gain", 99),
        ("nothing", 1),
        ("CameraID", "x"),
    ):
        try:
            camera.set(name, value)
        except DeviceError as error:
            refused.append(str(error))
    end, image = read(camera, 5)
    camera.close()
    return {"numbers": first + later + end, "known": known, "refused": refused, "shape": image.shape}


def test_settings_are_described_and_change_while_frames_come() -> None:
    seen = in_child(_settings)
    known = seen["known"]
    assert known["exposure_ms"].value == 4.0
    assert known["exposure_ms"].unit == "ms"
    assert known["Gain"].value == 3
    assert known["Gain"].limits == (-5.0, 8.0)
    assert known["Binning"].choices == ("1", "2", "4", "8")
    assert known["FastImage"].kind is SettingKind.BOOL
    assert known["MaximumExposureMs"].read_only
    assert "Exposure" not in known
    assert len(seen["refused"]) == 5
    assert "256 × 256" in seen["refused"][0]
    assert seen["shape"] == (512, 512)
    assert len(seen["numbers"]) == 15
    assert (np.diff(seen["numbers"]) >= 1).all()


def _refusals() -> dict[str, str]:
    return {
        "adapter": refusal({"adapter": "NoSuchAdapter"}),
        "serial": refusal({"adapter": "NoSuchAdapter", "port": "COM3"}),
        "device": refusal({"device": "DCamera"}),
        "stage": refusal({"device": "DStage"}),
        "property": refusal({"properties": {"Binnig": 2}}),
        "value": refusal({"properties": {"Binning": 3}}),
        "roi": refusal(roi_px=[500, 0, 100, 50]),
        "colour": refusal({"properties": {"PixelType": "32bitRGB"}}),
        "good": refusal(),
    }


def test_every_refusal_is_one_sentence_with_the_remedy() -> None:
    said = in_child(_refusals)
    assert said.pop("good") == ""
    assert all(text and "\n" not in text for text in said.values())
    assert "DemoCamera" in said["adapter"]
    assert 'pip install "magscope-app[demo]"' in said["adapter"]
    assert "mmcore install" in said["adapter"]
    assert "no Micro-Manager adapter 'NoSuchAdapter'" in said["serial"]
    assert "it offers: DCam," in said["device"]
    assert "cannot be used as a camera" in said["stage"]
    assert "Binning" in said["property"]
    assert "allowed: 1, 2, 4, 8" in said["value"]
    assert "reaches beyond the 512 × 512 px" in said["roi"]
    assert "grey PixelType" in said["colour"]


def _without_adapters() -> str:
    sys.modules["mm_test_adapters"] = None  # type: ignore[assignment] # this is how a package is made unimportable
    return refusal()


def test_without_adapters_the_error_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROMANAGER_PATH", str(tmp_path))
    said = in_child(_without_adapters)
    assert "no Micro-Manager device adapters" in said
    assert 'pip install "magscope-app[demo]"' in said
    assert "mmcore install" in said


def _two_axes_and_a_camera() -> dict[str, Any]:
    axes = ({"name": "focus", "limits": [-5000.0, 5000.0]}, {"name": "other"})
    motors = [MicroManagerFocus(motor_context(*axes, index=index)) for index in range(2)]
    camera = MicroManagerCamera(camera_context())
    devices: tuple[Camera | Motor, ...] = (*motors, camera)
    for device in devices:
        device.open()
    motors[0].move_to(1500.0)
    try:
        motors[0].move_to(6000.0)
        limited = False
    except LimitError:
        limited = True
    positions = [motor.position() for motor in motors]
    motors[0].close()
    camera.start()
    numbers, _ = read(camera, 3)
    motors[1].move_by(-250.0)
    positions.append(motors[1].position())
    camera.close()
    motors[1].close()
    again = MicroManagerFocus(motor_context())
    again.open()
    positions.append(again.position())
    again.close()
    return {"positions": positions, "limited": limited, "numbers": numbers}


def test_axes_and_camera_share_the_core_of_their_process() -> None:
    seen = in_child(_two_axes_and_a_camera)
    assert seen["positions"] == pytest.approx([1500.0, 0.0, -250.0, 0.0])
    assert seen["limited"]
    assert seen["numbers"] == [0, 1, 2]


def _one_label_two_devices() -> list[str]:
    host, said = CoreHost(), []
    stage = MicroManagerFocus(motor_context({"name": "focus"}), host)
    stage.open()
    for settings in ({"label": "focus"}, {"label": "focus", "device": "DCam"}):
        device = MicroManagerCamera(camera_context({**CAMERA, **settings}), host)
        try:
            device.open()
        except DeviceError as error:
            said.append(str(error))
    try:
        stage.home()
    except DeviceError as error:
        said.append(str(error))
    said.append(f"{stage.position():g}")
    stage.close()
    return said


def test_a_label_belongs_to_one_device() -> None:
    first, second, home, position = in_child(_one_label_two_devices)
    assert "the label focus is already that of DStage" in first
    assert first == second
    assert "no reference position" in home
    assert position == "0"


def _checked() -> tuple[list[str], list[str], bool]:
    camera = MicroManagerCamera.problems(camera_context({"adaptor": "DemoCamera", "buffer_mb": 0}))
    incomplete = motor_context({"name": "focus", "settings": {"adapter": "DemoCamera"}})
    motors = [incomplete, motor_context({"name": "focus", "speed": 5.0})]
    focus = [problem for motor in motors for problem in MicroManagerFocus.problems(motor)]
    good = MicroManagerCamera.problems(camera_context())
    return (
        [str(problem) for problem in (*camera, *good)],
        [problem.where for problem in (*camera, *focus)],
        "pymmcore_plus" in sys.modules,
    )


def test_the_config_is_checked_without_loading_anything() -> None:
    # In a process of its own, as other tests of this one load Micro-Manager.
    said, where, loaded = in_child(_checked)
    assert sorted(where) == [
        "camera.settings.adaptor",
        "camera.settings.buffer_mb",
        "motors.focus.settings.device",
        "motors.focus.speed",
    ]
    assert len(said) == 2
    assert any("did you mean adapter?" in problem for problem in said)
    assert not loaded


@pytest.mark.slow
def test_the_contract_holds(tmp_path: Path) -> None:
    # In an interpreter of its own, as its core has to be gone before the process ends, and without the
    # plug-ins of this run.
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    options = ["-q", "-c", str(tmp_path / "pytest.ini"), "-p", "no:cacheprovider", "--noconftest"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(HERE / "contract.py")],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=HERE.parents[2],
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_shipped_config_is_in_order() -> None:
    given = load_config("micromanager.toml").config
    camera = load_driver(given.camera.driver, Camera)
    assert camera is MicroManagerCamera
    assert camera.problems(CameraContext(config=given)) == ()
    for entry in given.motors:
        motor = load_driver(entry.driver, Motor)
        assert motor.problems(MotorContext(config=given, motor=entry)) == ()
