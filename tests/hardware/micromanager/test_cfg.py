"""What of a configuration is carried out, and in which process its devices live; no core is made."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hardware.micromanager.axis import MicroManagerAxis
from hardware.micromanager.cfg import Cfg, read_cfg
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


def done(read: Cfg) -> str:
    """Return what is carried out."""
    return "\n".join(map(str, (*read.lines, *read.startup)))


def test_what_would_move_something_is_left_out(cfg: Path) -> None:
    read = read_cfg(cfg)
    assert list(map(str, read.left_out)) == [
        "line 14 (Property,Z,Position,100)",
        "line 18 (ConfigGroup,System,Startup,Lift,State,1)",
    ]
    assert "Position" not in done(read)
    assert list(map(str, read.startup)) == ["line 17 (ConfigGroup,System,Startup,Camera,BitDepth,12)"]
    # A preset that nobody chooses is not there.
    assert "Far" not in done(read)
    assert [device.label for device in read.devices] == ["COM7", "Hub", "Camera", "Z", "Lift"]
    assert read.device("Lift").before == (("Port", "COM7"),)
    assert read.device("COM7").is_port


def test_chosen_devices_come_with_their_hub_and_their_port(cfg: Path) -> None:
    stage = read_cfg(cfg, ["Z"])
    assert [device.label for device in stage.devices] == ["Hub", "Z"]
    assert "Lift" not in done(stage)
    assert "Property,Core,Focus,Z" in done(stage)
    assert [device.label for device in read_cfg(cfg, ["Lift"]).devices] == ["COM7", "Lift"]
    assert "Focus" not in done(read_cfg(cfg, ["Lift"]))


def test_bad_configurations_are_refused_with_a_sentence(cfg: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.cfg").write_text("# nothing\n")
    (tmp_path / "binary.cfg").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "unstarted.cfg").write_text("Device,Z,DemoCamera,DStage\nProperty,Z,Position,100\n")
    for path, only, said in (
        (tmp_path / "nowhere.cfg", (), "cannot be read"),
        (tmp_path / "empty.cfg", (), "loads no device"),
        (tmp_path / "binary.cfg", (), "not a text file"),
        (
            tmp_path / "unstarted.cfg",
            (),
            "does not start its devices; put the line Property,Core,Initialize,1",
        ),
        (cfg, ("Foo",), "loads no device 'Foo'; it loads: COM7, Hub, Camera, Z, Lift"),
    ):
        with pytest.raises(DeviceError, match=said):
            read_cfg(path, only)


def test_what_would_move_something_is_left_out_wherever_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "early.cfg"
    path.write_text(
        "ConfigGroup,System,Startup,Z,Position,100\n"
        "ConfigGroup , System , Startup , W , Label , 20x\n"
        "Device,Z,DemoCamera,DStage\nDevice,W,DemoCamera,DWheel\nDevice,D,DemoCamera,D-DA\n"
        "Property,W,NumberOfPositions,6\nProperty,Z,Position,100\n"
        "Property,Core,Initialize,1\n"
        "Property,D,Volts,3\nProperty,Z,SerialCommand,M X=1\nProperty,Z,Go Home,1\nProperty,Z,Velocity,2\n"
        "ConfigGroup,System,Startup,Z,TargetPosition_um,4\nLabel,W,0,10x\n"
    )
    read = read_cfg(path)
    assert [line.number for line in read.left_out] == [1, 2, 7, 9, 10, 11, 13]
    assert [line.number for line in read.lines] == [3, 4, 5, 6, 8, 12, 14]
    assert read.startup == ()


def test_all_damaged_lines_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "damaged.cfg"
    path.write_text(
        "# a comment\nDevice,Camera,DemoCamera,DCam\n\nProperty,Camera\nDevice,X\nProprety,Camera,Gain,1\n"
        "Property,,Gain,1\nLabel,Camera,0,up,down\nConfigGroup,System,Startup,Camera\n"
        "ConfigGroup,Empty\nConfigPixelSize,Res\nSomethingNew,1\nProperty,Core,Initialize,1\n"
    )
    with pytest.raises(DeviceError) as raised:
        read_cfg(path)
    text = str(raised.value)
    assert "\n" not in text
    assert [int(number) for number in re.findall(r"line (\d+)", text)] == [4, 5, 6, 7, 8, 9]
    assert "line 4 (Property,Camera) is not of the form Property,LABEL,NAME,VALUE" in text
    assert "did you mean Property?" in text
    settings = {"cfg_file": str(path), "label": "Camera", "um_per_unit": 1.0}
    (found,) = MicroManagerMagnetRotation.problems(motor_context({"name": "a", "settings": settings}))
    assert found.where == "motors.a.settings.cfg_file"
    assert "line 5 (Device,X)" in found.what
    assert found.remedy.startswith("mend them")


def test_a_line_about_a_device_that_is_not_loaded_is_told(tmp_path: Path) -> None:
    path = tmp_path / "typo.cfg"
    path.write_text(
        "Device,Camera,DemoCamera,DCam\nParent,Camera,Hub\nProperty,Core,Initialize,1\n"
        "Property,Camra,Gain,1\nConfigGroup,System,Startup,Camra,Gain,1\nConfigGroup,Other,One,Gone,Gain,1\n"
    )
    with pytest.raises(DeviceError, match="which no line loads") as raised:
        read_cfg(path)
    assert re.findall(r"line (\d+)", str(raised.value)) == ["2", "4", "5"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_a_configuration_of_any_hand_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "hand.cfg"
    text = (
        " # Küvette\r\n\r\nDevice, Küvette µ , DemoCamera, DStage \r\n Property , Core , Initialize , 1\r\n"
    )
    path.write_bytes(text.encode(encoding))
    read = read_cfg(path)
    assert [device.label for device in read.devices] == ["Küvette µ"]
    assert [line.number for line in read.lines] == [3, 4]


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
    other.write_text("Device,Up,DemoCamera,DStage\nProperty,Core,Initialize,1\n")
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


DEMO = {"adapter": "DemoCamera", "device": "DStage"}


@pytest.mark.parametrize(
    ("one", "two", "claim"),
    [
        ({}, {}, "the device DStage of DemoCamera"),
        (
            {"label": "a", "properties": {"UseSequences": "No"}},
            {"label": "b"},
            "the device DStage of DemoCamera",
        ),
        ({}, {"device": "DXYStage"}, None),
        ({"properties": {"SerialNumber": "1"}}, {"properties": {"SerialNumber": "2"}}, None),
        ({"port": "COM3"}, {"port": "com3", "device": "DXYStage"}, "the port com3"),
        ({"port": "COM3"}, {"port": "COM4"}, None),
        ({"hub": "DHub"}, {"hub": "DHub", "device": "DXYStage"}, "the hub DHub of DemoCamera"),
        ({"hub": "DHub", "port": "COM3"}, {"hub": "DHub"}, "the hub DHub of DemoCamera at COM3"),
        ({"hub": "DHub", "port": "COM3"}, {"hub": "DHub", "port": "COM4"}, None),
    ],
)
def test_two_processes_cannot_have_one_device(
    cfg: Path, one: dict[str, Any], two: dict[str, Any], claim: str | None
) -> None:
    axes = ({"settings": DEMO | given, "controller": f"c{number}"} for number, given in enumerate((one, two)))
    found = claim_problems(config(cfg, {"devices": ["Lift"]}, *axes))
    assert len(found) == (claim is not None)
    if claim is not None:
        assert str(found[0]).startswith(
            f"motors.axis1.controller: {claim} belongs to axis0 in another process"
        )


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
