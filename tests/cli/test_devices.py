"""`magscope-app devices` and `check --connect`: what there is, and whether it answers."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
import sys
from pathlib import Path

import pytest

import hardware
from magscope_app.cli.check import check
from magscope_app.cli.main import main
from magscope_app.devices import Camera, Motor
from magscope_app.devices.catalogue import OWN_DRIVERS
from magscope_app.processes.connecting import connect_all
from magscope_app.processes.preflight import load_ready
from tests.hardware.controller import StageController
from tests.hardware.docs.examples import write_examples

SMALL = ["camera.roi_px=[0,0,320,240]", "simulation.n_beads=4", "simulation.n_reference=1"]
BROKEN = """
import os, sys, time
from magscope_app.devices import DeviceError, Motor

class Axis(Motor):
    def open(self):
        how = self.context.motor.settings["how"]
        if how == "refuses": raise DeviceError("it is not switched on; switch it on")
        if how == "raises": raise ValueError("a mistake")
        if how == "waits": time.sleep(60)
        if how == "dies": os._exit(7)
        if how == "exits": sys.exit("there is no licence")
        if how == "interrupts": raise KeyboardInterrupt("the library thinks that it is alone")
    def close(self):
        (self.context.config.drivers.path[0] / f"{self.name}.closed").write_text("")
        if self.name == "sticks": raise OSError("the line is busy")
        if self.name == "hangs": time.sleep(60)
    def position(self): return float("nan") if self.name == "nowhere" else 1.0
    def home_position(self): return 7.0 if self.name == "beyond" else None
    def is_moving(self): return self.context.motor.settings["how"] == "moves"
    def start_move(self, position): raise AssertionError
    def stop(self): pass
"""

UNAVAILABLE = """
class Alone(Axis):
    @classmethod
    def why_unavailable(cls): raise SystemExit("no licence")

class Five(Axis):
    @classmethod
    def why_unavailable(cls): return 5

class Seven(Axis):
    needs = 7
"""


def test_devices_are_listed_with_what_they_need(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tmp_path / "lab_stages-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-stages\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[magscope_app.drivers]\nlab-stage = lab_stages_xyz:Stage\nloud-stage = loud_axes:Axis\n"
        "alone = loud_axes:Alone\nfive = loud_axes:Five\nseven = loud_axes:Seven\nlazy = lazy_axes:Axis\n"
    )
    (tmp_path / "lazy_axes.py").write_text("def __getattr__(name): raise RuntimeError('no licence')\n")
    (tmp_path / "loud_axes.py").write_text("import os, sys\nprint('hello')\n" + BROKEN + UNAVAILABLE)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["devices", "--json"]) == 0
    listed = {driver["driver"]: driver for driver in json.loads(capsys.readouterr().out)}
    assert listed["hardware.simulated.microscope:SimulatedFocus"]["unit"] == "nm"
    micromanager = listed["hardware.micromanager.camera:MicroManagerCamera"]
    assert micromanager["needs"].startswith("pymmcore-plus")
    assert micromanager["unavailable"] == ""
    assert "no module lab_stages_xyz" in listed["lab-stage"]["unavailable"]
    assert listed["lab-stage"]["kind"] == "unknown"
    assert listed["loud-stage"]["kind"] == "motor"
    assert "cannot say whether it can be used (SystemExit: no licence)" in listed["alone"]["unavailable"]
    assert "its why_unavailable() is 5, and must be a sentence or None" in listed["five"]["unavailable"]
    assert "its needs is 7, and must be a text; mend the driver" in listed["seven"]["unavailable"]
    assert "cannot give Axis (RuntimeError: no licence); mend the module" in listed["lazy"]["unavailable"]


def test_a_driver_without_its_adapters_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pymmcore_plus.find_micromanager", lambda **_: [])
    assert main(["devices"]) == 0
    out = capsys.readouterr().out
    assert out.count("UNAVAILABLE: there are no Micro-Manager device adapters on this computer") >= 2
    assert "mmcore install" in out


def test_every_driver_of_this_project_is_listed() -> None:
    found = set()
    for module in pkgutil.walk_packages(hardware.__path__, "hardware."):
        for _, cls in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            own = cls.__module__.startswith("hardware.") and not inspect.isabstract(cls)
            if own and issubclass(cls, Camera | Motor) and "axis" not in cls.__module__:
                found.add(cls.__name__)
    assert {name.partition(":")[2] for name in OWN_DRIVERS} == found


def test_the_devices_of_the_demo_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("demo.toml", SMALL, connect=True) == 0
    out = capsys.readouterr().out
    assert "├─ camera\n│  └─ ok      camera  hardware.simulated.microscope:SimulatedCamera: 320 ×" in out
    assert "   ├─ ok      magnet  hardware.simulated.microscope:SimulatedMagnetHeight: at 3 mm" in out
    assert "all 4 devices were opened and closed, nothing was moved" in out


def test_an_axis_outside_its_limits_is_a_warning_in_the_tree(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "far_axis.py").write_text(MISTAKEN + "\nclass Far(Axis):\n    needs = ''\n")
    (tmp_path / "setup.toml").write_text(
        '[camera]\ndriver = "hardware.simulated.microscope:SimulatedCamera"\n'
        "[optics]\npixel_pitch_um = 5.0\nmagnification = 50.0\n"
        '[[motors]]\nname = "far"\ndriver = "far_axis:Far"\nlimits = [2.0, 3.0]\n'
    )
    assert check(str(tmp_path / "setup.toml"), [], connect=True) == 0
    out = capfd.readouterr().out
    # What the driver prints is no part of it.
    assert "hello" not in out
    line = (
        "WARN    far  far_axis:Far: at 1 mm, limits 2 to 3 mm; it is outside its limits; move it inside, or"
    )
    assert line in out
    assert "see to far; all 2 devices were opened and closed, nothing was moved" in out


@pytest.mark.slow
def test_every_failure_is_in_the_tree_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    controller = StageController()
    write_examples("connect-a-motor.md", tmp_path)
    write_examples("connect-a-camera.md", tmp_path)
    (tmp_path / "broken_axes.py").write_text(BROKEN)
    names = ("refuses", "raises", "exits", "interrupts", "moves", "sticks", "nowhere", "beyond", "fine")
    axes = dict.fromkeys(names, "a") | {"waits": "b", "dies": "c", "left": "d", "hangs": "d"}
    entries = [
        f'[[motors]]\nname = "{how}"\ndriver = "broken_axes:Axis"\ncontroller = "{name}"\nlimits = [0, 5]\n'
        f'settings = {{ how = "{how}" }}\n'
        for how, name in axes.items()
    ]
    stage = f'settings = {{ host = "127.0.0.1", port = {controller.port} }}\n'
    config = tmp_path / "setup.toml"
    config.write_text(
        '[camera]\ndriver = "lab_camera:LabCamera"\n'
        "[optics]\npixel_pitch_um = 5.0\nmagnification = 50.0\n"
        + "".join(entries)
        + f'[[motors]]\nname = "stage"\ndriver = "lab_stage:LabStage"\n{stage}'
    )
    try:
        results = connect_all(load_ready(str(config), [], None, None).config, timeout_s=6.0)
    finally:
        controller.close()
    said = {result.name: result.text for result in results if not result.is_open}
    assert said["refuses"] == "it is not switched on; switch it on"
    assert said["raises"] == "ValueError: a mistake; mend the driver"
    assert said["exits"] == "SystemExit: there is no licence; mend the driver"
    assert said["interrupts"].startswith("KeyboardInterrupt: the library thinks")
    assert said["sticks"].startswith("it was opened, but closing it fails: OSError: the line is busy")
    assert "it moves, though nobody told it to" in said["moves"]
    assert said["nowhere"].startswith("it gives nan as its position; see to it")
    assert said["beyond"].startswith(
        "the reference position of beyond, 7 mm, is outside its limits, 0 to 5 mm"
    )
    assert re.match(
        r"it was opened, but its driver does not come back from closing it, for which \d", said["hangs"]
    )
    assert said["hangs"].endswith("mend its close, and switch the device off and on before it is used again")
    assert said["left"] == "it was opened, but not closed, as hangs does not close"
    assert "does not answer within 6 s" in said["waits"]
    assert "ended the process (exit code 7)" in said["dies"]
    fine = {result.name: result.text for result in results if result.is_open}
    assert set(fine) == {"camera", "fine", "stage"}, said
    assert fine["stage"] == "at 3 mm, limits 0 to 25 mm"
    assert controller.log == ["LIMITS?"]
    closed = {path.stem for path in tmp_path.glob("*.closed")}
    assert closed == {*names, "hangs"}


MISTAKEN = """
from magscope_app.devices import Camera, Motor

print("the maker's library says hello")

class Axis(Motor):
    def open(self): pass
    def close(self): pass
    def position(self): return 1.0
    def is_moving(self): return False
    def start_move(self, position): pass
    def stop(self): pass

class Problems(Axis):
    @classmethod
    def problems(cls, context): return context.nonsense

class Claims(Axis):
    @classmethod
    def claims(cls, context): raise SystemExit("bye")

class Controller(Axis):
    @classmethod
    def controller(cls, context): return context.motor.settings["line"]

class Attribute(Axis):
    controller = "c1"
    problems = ()

class Bare(Axis):
    unit = None
    @classmethod
    def controller(cls, context): return None
    @classmethod
    def claims(cls, context): return "COM3"
    @classmethod
    def problems(cls, context): return ["bad cable"]

class Silent(Axis):
    @classmethod
    def claims(cls, context): return None
    @classmethod
    def problems(cls, context): return "bad cable"

class Eye(Camera):
    kernels = "eye:f"
    shared_matrices = {"x": (3,)}
    def open(self): pass
    def close(self): pass
    def start(self): pass
    def stop(self): pass
    format = None
    def read_into(self, buffer, timeout_s): pass
    @classmethod
    def expected_format(cls, context): return (64, 48, 8)
    @classmethod
    def claims(cls, context): return [3]
"""


def test_mistakes_of_drivers_are_problems_like_any_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "mistaken_axes.py").write_text(MISTAKEN)
    kinds = ("Problems", "Claims", "Controller")
    entries = [f'[[motors]]\nname = "{kind}"\ndriver = "mistaken_axes:{kind}"\n' for kind in kinds]
    (tmp_path / "setup.toml").write_text(
        '[camera]\ndriver = "hardware.simulated.microscope:SimulatedCamera"\n'
        "[optics]\npixel_pitch_um = 5.0\nmagnification = 50.0\n" + "".join(entries)
    )
    assert main(["check", str(tmp_path / "setup.toml")]) == 2
    said = capsys.readouterr().err
    for kind, question, error in zip(
        kinds, ("problems", "claims", "controller"), ("AttributeError", "SystemExit", "KeyError"), strict=True
    ):
        assert f"motors.{kind}.driver: the driver cannot say its {question} ({error}: " in said
    assert "Traceback" not in said


def test_answers_of_another_kind_are_problems_like_any_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "mistaken_kinds.py").write_text(MISTAKEN)
    entries = [
        f'[[motors]]\nname = "{kind}"\ndriver = "mistaken_kinds:{kind}"\n'
        for kind in ("Attribute", "Bare", "Silent")
    ]
    (tmp_path / "setup.toml").write_text(
        '[camera]\ndriver = "mistaken_kinds:Eye"\n'
        "[optics]\npixel_pitch_um = 5.0\nmagnification = 50.0\n" + "".join(entries)
    )
    assert main(["check", str(tmp_path / "setup.toml")]) == 2
    said = capsys.readouterr().err
    problems = "a tuple of magscope_app.errors.Problem, () where nothing is wrong"
    for sentence in (
        "motors.Attribute.driver: the driver's controller is 'c1', and must be a class method; write",
        "motors.Attribute.driver: the driver's problems is (), and must be a class method",
        "motors.Bare.driver: the driver's unit is None, and must be a text",
        "motors.Bare.driver: the driver's controller() is None, and must be the name of the controller",
        "motors.Bare.driver: the driver's claims() is 'COM3', and must be a tuple of texts",
        f"motors.Bare.driver: the driver's problems() is ['bad cable'], and must be {problems}; mend",
        "motors.Silent.driver: the driver's claims() is None, and must be a tuple of texts",
        f"motors.Silent.driver: the driver's problems() is 'bad cable', and must be {problems}; mend",
        "camera.driver: the driver's kernels is 'eye:f', and must be a tuple",
        "camera.driver: the driver's shared_matrices is {'x': (3,)}, and must be",
        "camera.driver: the driver's expected_format() is (64, 48, 8), and must be a FrameFormat, or None",
        "camera.driver: the driver's claims() is [3], and must be a tuple of texts",
    ):
        assert sentence in said
    assert "Traceback" not in said


def test_a_driver_that_cannot_say_whether_it_can_be_used_is_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "unsaid_axes.py").write_text(BROKEN + UNAVAILABLE)
    head = (
        '[camera]\ndriver = "hardware.simulated.microscope:SimulatedCamera"\n'
        "[optics]\npixel_pitch_um = 5.0\nmagnification = 50.0\n"
    )
    said = ""
    for kinds in (("Alone", "Five"), ("Seven",)):
        entries = [f'[[motors]]\nname = "{kind}"\ndriver = "unsaid_axes:{kind}"\n' for kind in kinds]
        (tmp_path / "setup.toml").write_text(head + "".join(entries))
        assert main(["check", str(tmp_path / "setup.toml")]) == 2
        said += capsys.readouterr().err
    for sentence in (
        "motors.Alone.driver: the driver cannot say its why_unavailable (SystemExit: no licence)",
        "motors.Five.driver: the driver's why_unavailable() is 5, and must be a sentence, or None",
        "motors.Seven.driver: the driver's needs is 7, and must be a text",
    ):
        assert sentence in said
