"""Drivers are found by name, and what is wrong is said in one sentence."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware.replay.camera import ReplayCamera
from magscope_app.devices import Camera, DriverNotFound, Motor
from magscope_app.devices.lookup import append_driver_folders, load_driver, source_hash

LAB_CAMERA = """
from magscope_app.devices import Camera, FrameFormat, FrameInfo

class LabCamera(Camera):
    format = FrameFormat(64, 48, 8)
    def open(self): pass
    def start(self): pass
    def read_into(self, buffer, timeout_s): return None
    def stop(self): pass
    def close(self): pass

class Unfinished(Camera):
    def open(self): pass

def not_a_class(context): pass
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        file = getattr(sys.modules[name], "__file__", None)
        if file and Path(file).is_relative_to(tmp_path):
            del sys.modules[name]


def message(name: str, base: type = Camera, folders: tuple[Path, ...] = ()) -> str:
    with pytest.raises(DriverNotFound) as caught:
        load_driver(name, base, folders)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_driver_of_this_project_is_found() -> None:
    assert load_driver("hardware.replay.camera:ReplayCamera", Camera) is ReplayCamera


def test_a_module_in_a_driver_folder_is_found_and_hashed(folder: Path) -> None:
    (folder / "lab_camera_a.py").write_text(LAB_CAMERA)
    driver = load_driver("lab_camera_a:LabCamera", Camera, [folder])
    assert issubclass(driver, Camera)
    assert source_hash(driver) == hashlib.sha256((folder / "lab_camera_a.py").read_bytes()).hexdigest()


def test_driver_folders_come_last_and_once(folder: Path) -> None:
    before = list(sys.path)
    append_driver_folders([folder, folder])
    append_driver_folders([folder])
    assert sys.path == [*before, str(folder.resolve())]


def test_what_is_installed_goes_before_a_file_of_the_same_name(folder: Path) -> None:
    (folder / "hardware").mkdir()
    (folder / "hardware" / "__init__.py").write_text("raise RuntimeError('the wrong one')")
    assert load_driver("hardware.replay.camera:ReplayCamera", Camera, [folder]) is ReplayCamera


def test_an_entry_point_is_found_by_its_name_and_suggested(folder: Path) -> None:
    (folder / "lab_camera_b.py").write_text(LAB_CAMERA)
    info = folder / "lab_camera-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-camera\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[magscope_app.drivers]\nfine-camera = lab_camera_b:LabCamera\n")
    assert load_driver("fine-camera", Camera, [folder]).__name__ == "LabCamera"
    assert "did you mean fine-camera?" in message("fine-camra", Camera, (folder,))


def test_entry_points_are_read_as_packages_may_write_them(folder: Path) -> None:
    (folder / "lab_camera_f.py").write_text(LAB_CAMERA + "\nclass Outer:\n    class Inner(LabCamera): pass\n")
    (folder / "lab_camera_g.py").write_text("def __getattr__(name): raise SystemExit('no licence')\n")
    info = folder / "lab_entries-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-entries\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[magscope_app.drivers]\nlab-extra = lab_camera_f:LabCamera [usb]\n"
        "lab-spaces = lab_camera_f : LabCamera\nlab-nested = lab_camera_f:Outer.Inner\n"
        "lab-bare = lab_camera_f\nlab-odd = lab_camera_f:not a class!\nlab-lazy = lab_camera_g:Camera\n"
    )
    append_driver_folders([folder])
    assert load_driver("lab-extra", Camera).__name__ == "LabCamera"
    assert load_driver("lab-spaces", Camera).__name__ == "LabCamera"
    assert load_driver("lab-nested", Camera).__name__ == "Inner"
    bare = "driver 'lab-bare': its package announces it as 'lab_camera_f', which names no class; the package"
    assert message("lab-bare").startswith(bare)
    assert "which names no class" in message("lab-odd")
    assert "its module cannot give Camera (SystemExit: no licence); mend the module" in message("lab-lazy")


def test_an_unknown_module_suggests_the_nearest() -> None:
    text = message("hardware.repaly.camera:ReplayCamera")
    assert "no module hardware.repaly.camera" in text
    assert "did you mean hardware.replay.camera:ReplayCamera?" in text
    assert "did you mean hardware.replay.camera:ReplayCamera?" in message("hardwar.replay.camera:ReplyCamera")


def test_an_unknown_module_says_where_was_looked(folder: Path) -> None:
    missing = folder / "nowhere"
    text = message("zzqqxx_vvv:Camera", Camera, (folder, missing))
    assert str(folder) in text
    assert f"{missing} (no such folder)" in text
    assert "drivers.path" in text


def test_a_missing_class_suggests_the_nearest() -> None:
    text = message("hardware.replay.camera:RepalyCamera")
    assert "no class RepalyCamera" in text
    assert "did you mean hardware.replay.camera:ReplayCamera?" in text


def test_a_missing_package_is_named_with_its_remedy(folder: Path) -> None:
    (folder / "lab_camera_c.py").write_text("import serial_numberless.port\n")
    text = message("lab_camera_c:LabCamera", Camera, (folder,))
    assert "needs the package serial_numberless" in text
    assert text.endswith("pip install serial-numberless")


def test_a_broken_module_is_said_to_be_broken(folder: Path) -> None:
    (folder / "lab_camera_d.py").write_text("x = 1\ny = = 2\n")
    assert "SyntaxError in line 2" in message("lab_camera_d:LabCamera", Camera, (folder,))


def test_a_class_of_the_wrong_kind_is_refused(folder: Path) -> None:
    (folder / "lab_camera_e.py").write_text(LAB_CAMERA)
    assert "not a Motor" in message("hardware.replay.camera:ReplayCamera", Motor)
    assert "is not a class" in message("lab_camera_e:not_a_class", Camera, (folder,))
    assert "it has no close, format, read_into, start, stop" in message(
        "lab_camera_e:Unfinished", Camera, (folder,)
    )


def test_looking_up_a_driver_loads_no_device_software() -> None:
    code = (
        "import sys\n"
        "from magscope_app.devices import Camera, Motor\n"
        "from magscope_app.devices.lookup import load_driver\n"
        "load_driver('hardware.micromanager.camera:MicroManagerCamera', Camera)\n"
        "load_driver('hardware.micromanager.focus:MicroManagerFocus', Motor)\n"
        "load_driver('hardware.replay.camera:ReplayCamera', Camera)\n"
        "print([name for name in ('pymmcore_plus', 'tifffile', 'PIL', 'ndstorage') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
