"""What of a configuration is carried out, and in which process its devices live; no core is made."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hardware.micromanager.axis import MicroManagerAxis
from hardware.micromanager.cfg import read_cfg
from hardware.micromanager.magnets import MicroManagerMagnetRotation
from magscope_app.config import Config
from magscope_app.config.load import load_config
from magscope_app.devices import DeviceError
from magscope_app.errors import ConfigError
from magscope_app.processes.controllers import claim_problems, motor_processes
from magscope_app.processes.preflight import load_ready
from tests.hardware.micromanager.children import motor_context

CFG = """\
# made by hand
Property,Core,Initialize,0
Device,COM7,SerialManager,COM7
Device,Hub,DemoCamera,DHub
Device,Camera,DemoCamera,DCam
Device,Z,DemoCamera,DStage
Device,Lift,SomeMaker,Lift
Property,COM7,BaudRate,9600
Property,Lift,Port,COM7
Parent,Camera,Hub
Parent,Z,Hub
Property,Core,Initialize,1
Property,Core,Focus,Z
Property,Z,Position,100
FocusDirection,Z,1
Label,Lift,0,up
ConfigGroup,System,Startup,Camera,BitDepth,12
ConfigGroup,System,Startup,Lift,State,1
ConfigGroup,Other,Far,Lift,State,1
ConfigPixelSize,Res,Lift,Label,up
"""


@pytest.fixture
def cfg(tmp_path: Path) -> Path:
    path = tmp_path / "scope.cfg"
    path.write_text(CFG)
    return path


def test_what_would_move_something_is_left_out(cfg: Path) -> None:
    read = read_cfg(cfg)
    assert read.left_out == ("Property,Z,Position,100", "ConfigGroup,System,Startup,Lift,State,1")
    assert "Position" not in read.text
    # A preset that nobody chooses moves nothing.
    assert "ConfigGroup,Other,Far,Lift,State,1" in read.text
    assert [device.label for device in read.devices] == ["COM7", "Hub", "Camera", "Z", "Lift"]
    assert read.device("Z").after == ()
    assert read.device("Lift").before == (("Port", "COM7"),)
    assert read.device("COM7").is_port


def test_chosen_devices_come_with_their_hub_and_their_port(cfg: Path) -> None:
    stage = read_cfg(cfg, ["Z"])
    assert [device.label for device in stage.devices] == ["Hub", "Z"]
    assert "Lift" not in stage.text
    assert "Property,Core,Focus,Z" in stage.text
    assert [device.label for device in read_cfg(cfg, ["Lift"]).devices] == ["COM7", "Lift"]
    assert "Focus" not in read_cfg(cfg, ["Lift"]).text


def test_bad_configurations_are_refused_with_a_sentence(cfg: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.cfg").write_text("# nothing\n")
    (tmp_path / "binary.cfg").write_bytes(b"\xff\xfe\x00")
    for path, only, said in (
        (tmp_path / "nowhere.cfg", (), "cannot be read"),
        (tmp_path / "empty.cfg", (), "loads no device"),
        (tmp_path / "binary.cfg", (), "not a text file"),
        (cfg, ("Foo",), "loads no device 'Foo'; it loads: COM7, Hub, Camera, Z, Lift"),
    ):
        with pytest.raises(DeviceError, match=said):
            read_cfg(path, only)


def config(cfg: Path, camera: dict[str, Any], *motors: dict[str, Any]) -> Config:
    settings = {"cfg_file": str(cfg), "label": "Camera"} | camera
    driver = "hardware.micromanager.focus:MicroManagerFocus"
    axes = [
        {"name": f"axis{number}", "driver": driver, "settings": {"cfg_file": str(cfg), "label": "Z"}} | motor
        for number, motor in enumerate(motors)
    ]
    return Config.model_validate(
        {
            "camera": {"driver": "hardware.micromanager.camera:MicroManagerCamera", "settings": settings},
            "optics": {"pixel_pitch_um": 5, "magnification": 50},
            "motors": axes,
        }
    )


def places(given: Config) -> dict[str, list[str]]:
    return {name: [entry.name for entry in entries] for name, entries in motor_processes(given).items()}


def test_axes_of_the_cameras_configuration_live_in_its_process(cfg: Path) -> None:
    alone = {"settings": {"adapter": "DemoCamera", "device": "DStage"}}
    given = config(cfg, {}, {}, alone, {})
    assert places(given) == {"camera": ["axis0", "axis2"], "motors": ["axis1"]}
    assert claim_problems(given) == ()


def test_each_other_configuration_has_a_process_of_its_own(cfg: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.cfg"
    other.write_text("Device,Up,DemoCamera,DStage\n")
    elsewhere = {"settings": {"cfg_file": str(other), "label": "Up"}}
    given = config(cfg, {"devices": ["Camera"]}, {}, elsewhere)
    assert len(places(given)) == 2
    assert "camera" not in places(given)


def test_two_processes_cannot_have_one_hub_or_port(cfg: Path) -> None:
    (hub,) = claim_problems(config(cfg, {"devices": ["Camera"]}, {}))
    assert "the hub DHub of DemoCamera belongs to the camera in another process" in str(hub)
    assert 'controller = "camera"' in str(hub)
    serial = {"adapter": "SomeMaker", "device": "Lift", "port": "COM7"}
    given = config(
        cfg,
        {"devices": ["Camera"]},
        {"settings": serial, "controller": "one"},
        {"settings": serial | {"device": "Turn"}, "controller": "two"},
    )
    (port,) = claim_problems(given)
    assert port.where == "motors.axis1.controller"
    assert "the port COM7 belongs to axis0" in str(port)
    together = given.model_copy(
        update={"motors": tuple(motor.model_copy(update={"controller": "one"}) for motor in given.motors)}
    )
    assert claim_problems(together) == ()


def test_the_configuration_lies_beside_the_config(cfg: Path, tmp_path: Path) -> None:
    toml = tmp_path / "setup" / "my.toml"
    toml.parent.mkdir()
    toml.write_text(
        '[camera]\ndriver = "hardware.micromanager.camera:MicroManagerCamera"\n'
        'settings = { cfg_file = "../scope.cfg", label = "Camera" }\n'
        "[optics]\npixel_pitch_um = 5.0\nmagnification = 50.0\n"
        '[[motors]]\nname = "focus"\ndriver = "hardware.micromanager.focus:MicroManagerFocus"\n'
        'settings = { cfg_file = "../scope.cfg", label = "Nowhere" }\n'
    )
    loaded = load_config(toml)
    assert loaded.config.camera.settings["cfg_file"] == str(cfg)
    with pytest.raises(ConfigError, match="loads no device 'Nowhere'") as raised:
        load_ready(str(toml), (), None, None)
    assert [problem.where for problem in raised.value.problems] == ["motors.focus.settings.cfg_file"]
    changed = load_config(toml, [f"motors.focus.settings.cfg_file={cfg}"])
    assert changed.config.motors[0].settings["cfg_file"] == str(cfg)


def said(settings: dict[str, Any], driver: type[MicroManagerAxis]) -> list[str]:
    context = motor_context({"name": "axis", "settings": settings})
    return [str(problem) for problem in driver.problems(context)]


def test_settings_that_contradict_each_other_are_refused(cfg: Path) -> None:
    demo = {"adapter": "DemoCamera", "device": "DStage"}
    turns = MicroManagerMagnetRotation
    assert said(demo | {"um_per_unit": 360.0}, turns) == []
    assert ["um_per_unit: is missing" in text for text in said(demo, turns)] == [True]
    assert "it cannot be 0" in said(demo | {"um_per_unit": 0}, turns)[0]
    assert "cfg_file already" in said({"cfg_file": str(cfg), "um_per_unit": 1, **demo}, turns)[0]
    assert "devices: chooses from cfg_file" in said(demo | {"devices": ["Z"], "um_per_unit": 1}, turns)[0]
    assert "give port" in said(demo | {"port_properties": {"BaudRate": 9600}, "um_per_unit": 1}, turns)[0]
    assert "adapter: is missing" in said({"um_per_unit": 1}, turns)[0]


def test_the_configs_of_the_document_are_in_order(cfg: Path, tmp_path: Path) -> None:
    document = Path(__file__).parents[3] / "docs" / "micromanager.md"
    blocks = re.findall(r"```toml\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        toml = tmp_path / "my.toml"
        toml.write_text(block + "[optics]\npixel_pitch_um = 5.0\nmagnification = 50.0\n", encoding="utf-8")
        hosted = motor_processes(load_ready(str(toml), (), None, None).config)
        assert list(hosted) == (["camera"] if "cfg_file" in block else ["motors"])
