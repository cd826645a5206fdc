"""Camera, focus, magnets and XY stage of one configuration or by name, each in a process of its own."""

from __future__ import annotations

import importlib
import logging
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hardware.micromanager.camera import MicroManagerCamera
from hardware.micromanager.focus import MicroManagerFocus
from hardware.micromanager.magnets import MicroManagerMagnetHeight, MicroManagerMagnetRotation
from hardware.micromanager.stage import MicroManagerStage
from hardware.micromanager.xy_stage import MicroManagerStageX, MicroManagerStageY
from magscope_app.devices import DeviceError, FormatChange, FrameFormat, Motor
from tests.hardware.micromanager.children import camera_context, in_child, motor_context
from tests.hardware.micromanager.test_devices import read, refusal

CFG = """\
Property,Core,Initialize,0
Device,Hub,DemoCamera,DHub
Device,Camera,DemoCamera,DCam
Device,Z,DemoCamera,DStage
Device,XY,DemoCamera,DXYStage
Property,Camera,MaximumExposureMs,5000.0
Parent,Camera,Hub
Parent,Z,Hub
Parent,XY,Hub
Property,Core,Initialize,1
Property,Core,AutoShutter,1
Property,Z,Position,42
ConfigGroup,System,Startup,Camera,Gain,3
"""


def settle(*motors: Motor) -> list[float]:
    deadline = time.monotonic() + 10
    while any(motor.is_moving() for motor in motors) and time.monotonic() < deadline:
        time.sleep(0.005)
    return [motor.position() for motor in motors]


def axis(driver: type[Motor], path: str, label: str, **settings: Any) -> Motor:
    return driver(motor_context({"name": label, "settings": {"cfg_file": path, "label": label, **settings}}))


def _one_configuration(path: str) -> dict[str, Any]:
    cfg = {"cfg_file": path, "label": "Camera", "adapter": "", "device": ""}
    camera = MicroManagerCamera(camera_context(cfg))
    camera.open()
    focus, x, y = (
        axis(driver, path, label)
        for driver, label in (
            (MicroManagerFocus, "Z"),
            (MicroManagerStageX, "XY"),
            (MicroManagerStageY, "XY"),
        )
    )
    for motor in (focus, x, y):
        motor.open()
    seen: dict[str, Any] = {"start": settle(focus, x, y)}
    settings = {setting.name: setting.value for setting in camera.settings()}
    seen["settings"] = [settings[name] for name in ("Gain", "MaximumExposureMs")]
    camera.start()
    x.move_to(900.0)
    y.move_to(-300.0)
    focus.move_to(1500.0)
    seen["numbers"], _ = read(camera, 20)
    seen["end"] = settle(focus, x, y)
    focus.close()
    focus.open()
    seen["reconnected"] = focus.position()
    focus.move_to(250.0)
    seen["again"] = settle(focus)
    try:
        axis(MicroManagerStage, path, "Nowhere").open()
    except DeviceError as error:
        seen["unknown"] = str(error)
    try:
        MicroManagerFocus(motor_context({"name": "other"})).open()
    except DeviceError as error:
        seen["mixed"] = str(error)
    for device in (camera, focus, x, y):
        device.close()
    return seen


def test_one_configuration_gives_camera_and_axes(tmp_path: Path) -> None:
    path = tmp_path / "scope.cfg"
    # A preset is applied last, wherever it stands.
    path.write_text("ConfigGroup,System,Startup,Z,Position,42\n" + CFG)
    seen = in_child(_one_configuration, str(path))
    # The file says Position,42: opening moves nothing.
    assert seen["start"] == [0.0, 0.0, 0.0]
    assert seen["settings"] == [3, 5000.0]
    assert seen["end"] == pytest.approx([1500.0, 900.0, -300.0], abs=0.1)
    assert (np.diff(seen["numbers"]) == 1).all()
    assert seen["reconnected"] == 0.0
    assert seen["again"] == [250.0]
    assert "loads no device 'Nowhere'" in seen["unknown"]
    assert "is not of" in seen["mixed"]


def _refused_lines(path: str, *configurations: str) -> list[str]:
    said = []
    for text in configurations:
        Path(path).write_text(text, encoding="utf-8")
        camera = MicroManagerCamera(
            camera_context({"cfg_file": path, "label": "Camera", "adapter": "", "device": ""})
        )
        try:
            camera.open()
            values = {setting.name: setting.value for setting in camera.settings()}
            said.append(f"Gain {values['Gain']}")
        except DeviceError as error:
            said.append(str(error))
        finally:
            camera.close()
    return said


def test_a_line_that_the_core_refuses_is_named(tmp_path: Path) -> None:
    path = tmp_path / "refused.cfg"
    preset = "ConfigGroup,System,Startup,Camera,"
    value, name, twice, startup, good = in_child(
        _refused_lines,
        str(path),
        CFG + "\nProperty,Camera,Gain,99\n",
        CFG + "Property,Camera,Gian,9\n",
        CFG.replace("Parent,XY,Hub", "Device,XY,DemoCamera,DXYStage"),
        f"{CFG}{preset}Binning,3\n{preset}Foo,1\n{preset}BitDepth,16\n",
        # The second is refused before the third is set.
        f"{CFG}{preset}PixelType,8bit\n{preset}BitDepth,12\n{preset}PixelType,16bit\n",
    )
    assert f"{path}, line 15 (Property,Camera,Gain,99): Cannot set" in value
    assert "(allowed: -5 to 8); mend it" in value
    assert "line 14 (Property,Camera,Gian,9): Error in device" in name
    assert "line 9 (Device,XY,DemoCamera,DXYStage) gives the label XY for a second time" in twice
    assert "line 14 (ConfigGroup,System,Startup,Camera,Binning,3)" in startup
    assert "line 15 (ConfigGroup,System,Startup,Camera,Foo,1)" in startup
    assert "line 16" not in startup
    assert good == "Gain 3"
    assert not any("\n" in text for text in (value, name, twice, startup))


def _xy() -> dict[str, list[float]]:
    settings = {"adapter": "DemoCamera", "device": "DXYStage", "hub": "DHub", "properties": {"Velocity": 0.2}}
    x, y = (
        driver(motor_context({"name": name, "settings": settings}))
        for driver, name in ((MicroManagerStageX, "x"), (MicroManagerStageY, "y"))
    )
    x.open()
    y.open()
    x.move_to(60.0)
    time.sleep(0.03)
    y.move_to(30.0)
    together = settle(x, y)
    x.move_to(200.0)
    y.move_to(200.0)
    time.sleep(0.05)
    y.stop()
    stopped = settle(x, y)
    y.move_to(0.0)
    after = settle(x, y)
    x.close()
    y.close()
    return {"together": together, "stopped": stopped, "after": after}


def test_the_axes_of_an_xy_stage_go_on_while_the_other_is_sent() -> None:
    seen = in_child(_xy)
    assert seen["together"] == pytest.approx([60.0, 30.0], abs=0.1)
    assert 60.0 <= seen["stopped"][0] < 190.0
    # After a stop the other axis stays: it does not go on to its old target.
    assert seen["after"] == pytest.approx([seen["stopped"][0], 0.0], abs=0.1)


def _units() -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for driver, given in (
        (MicroManagerMagnetHeight, {}),
        (MicroManagerMagnetHeight, {"um_per_unit": -1000.0}),
        (MicroManagerMagnetRotation, {"um_per_unit": 360.0}),
    ):
        settings = {"adapter": "DemoCamera", "device": "DStage", "label": "stage", **given}
        motor = driver(motor_context({"name": "axis", "settings": settings}))
        plain = MicroManagerStage(
            motor_context({"name": "plain", "settings": {**settings, "um_per_unit": 1.0}})
        )
        motor.open()
        plain.open()
        motor.move_to(0.25)
        seen[f"{driver.unit} {given}"] = (motor.position(), plain.position())
        motor.close()
        plain.close()
    camera = {"adapter": "DemoCamera", "device": "DCam"}
    try:
        MicroManagerStageX(motor_context({"name": "x", "settings": camera})).open()
    except DeviceError as error:
        seen["refused"] = str(error)
    return seen


def test_magnets_have_units_of_their_own() -> None:
    seen = in_child(_units)
    assert "not an XY stage" in seen.pop("refused")
    assert list(seen.values()) == [pytest.approx(pair) for pair in ((0.25, 250), (0.25, -250), (0.25, 90))]


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def _changes() -> dict[str, Any]:
    listener = _Listener()
    logging.getLogger("magscope_app").addHandler(listener)
    logging.getLogger("magscope_app").setLevel(logging.INFO)
    camera = MicroManagerCamera(camera_context(roi_px=[16, 32, 200, 100]))
    camera.open()
    camera.start()
    numbers, _ = read(camera, 5)
    # As it is: nothing is stopped for that.
    for name, value in (("Binning", "1"), ("roi_height_px", 100), ("roi_y_px", 32)):
        camera.set(name, value)
    unasked = list(listener.said)
    refused, changes = [], []
    asked = (("roi_x_px", 313), ("roi_x_px", 312), ("roi_y_px", 0), ("Binning", "2"), ("roi_width_px", 400))
    for name, value in asked:
        try:
            camera.set(name, value)
        except FormatChange as change:
            changes.append((change.form, change.camera["roi_px"], change.pixel_scale, change.offset_px))
        except DeviceError as error:
            refused.append(str(error))
    more, image = read(camera, 5)
    settings = camera.settings()
    camera.close()
    return {
        "unasked": unasked,
        "said": listener.said,
        "anew": [setting.name for setting in settings if setting.begins_anew],
        "numbers": numbers + more,
        "shape": image.shape,
        "values": {setting.name: setting.value for setting in settings},
        "refused": refused,
        "changes": changes,
    }


def test_a_changed_roi_or_binning_is_for_a_run_that_begins_anew() -> None:
    seen = in_child(_changes)
    assert seen["shape"] == (100, 200)
    assert (seen["values"]["roi_x_px"], seen["values"]["roi_y_px"]) == (16, 32)
    assert seen["values"]["Binning"] == "1"
    assert "0 to 312" in seen["refused"][0]
    assert seen["changes"] == [
        (FrameFormat(200, 100, 8), (312, 32, 200, 100), 1.0, (-296.0, 0.0)),
        (FrameFormat(200, 100, 8), (16, 0, 200, 100), 1.0, (0.0, 32.0)),
        (FrameFormat(100, 50, 8), (8, 16, 100, 50), 2.0, (0.0, 0.0)),
        (FrameFormat(400, 100, 8), (16, 32, 400, 100), 1.0, (0.0, 0.0)),
    ]
    assert set(seen["anew"]) == {
        "Binning",
        "PixelType",
        "roi_x_px",
        "roi_y_px",
        "roi_width_px",
        "roi_height_px",
    }
    assert seen["unasked"] == []
    assert len(seen["said"]) == 4
    assert "was stopped to try roi_x_px = 312, which is as it was, and goes on; about" in seen["said"][0]
    assert len(seen["refused"]) == 1
    steps = np.diff(seen["numbers"])
    assert (steps >= 1).all()
    assert steps.max() > 1


def _said(*adapters: str) -> list[str]:
    sys.modules["mm_test_adapters"] = None  # type: ignore[assignment] # this is how a package is made unimportable
    return [refusal({"adapter": adapter}) for adapter in adapters]


def test_an_adapter_of_another_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("there is no C compiler to make an adapter with")
    (package,) = importlib.import_module("mm_test_adapters").__path__
    libraries = Path(package) / "libs"
    for library in libraries.iterdir():
        shutil.copy(library, tmp_path)
    source, made = Path(__file__).with_name("wrong_version.c"), tmp_path / "libmmgr_dal_Old.so.0"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(made), str(source)], check=True, timeout=30)
    (tmp_path / "libmmgr_dal_Torn.so.0").write_bytes(b"torn")
    monkeypatch.setenv("MICROMANAGER_PATH", str(tmp_path))
    adapters = "Old", "Torn"
    for adapter, said in zip(adapters, in_child(_said, *adapters), strict=True):
        assert f"the adapter {adapter} cannot be used: it was made for another version" in said
        assert "mmcore install" in said
        assert "\n" not in said
