"""Bad input: one clear sentence each with file, key and remedy, exit code 2, nothing created."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from magscope_app.cli import main
from magscope_app.cli.status_line import StatusLine

Write = Callable[[str], Path]

DEMO = "demo.toml"
CASES = {
    "unknown key": (["--set", "camera.fsp=3"], "camera.fsp: there is no such key; did you mean fps?"),
    "unknown section": (["--set", "optic.x=3"], "optic: there is no such key; did you mean optics?"),
    "wrong type": (["--set", "camera.fps=quick"], "camera.fps: 'quick' is not allowed"),
    "out of limits": (
        ["--set", "camera.fps=-1"],
        "camera.fps: -1 is not allowed; input should be greater than 0",
    ),
    "unknown driver": (
        ["--set", "camera.driver=hardware.simulated.microscop:SimulatedCamera"],
        "did you mean hardware.simulated.microscope?",
    ),
    "no such class": (
        ["--set", "camera.driver=hardware.simulated.microscope:SimulateCamera"],
        "did you mean hardware.simulated.microscope:SimulatedCamera?",
    ),
    "a motor as camera": (
        ["--set", "camera.driver=hardware.simulated.microscope:SimulatedFocus"],
        "derive it from magscope_app.devices.Camera",
    ),
    "name for no file": (["--record", "{tmp}/out", "--name", "a/b"], "--name: 'a/b' holds /"),
    "name of a device": (["--record", "{tmp}/out", "--name", "CON"], "is the name of a device on Windows"),
    "record into a file": (["--record", "{tmp}/file"], "is a file; give a folder"),
    "record below a file": (["--record", "{tmp}/file/sub"], "lies below a file; give a folder"),
    "unwritable folder": (["--record", "/proc/magscope"], "cannot be written to"),
    "roi outside the frame": (
        ["--set", "beads.list=[{id=0, x_px=10, y_px=500}]"],
        "the 64 px ROI of bead 0 at (10, 500) leaves the frame of 1024 × 1024 px",
    ),
    "roi outside the sensor": (
        ["--set", "camera.roi_px=[900,0,512,512]", "--set", "camera.settings={sensor_px=[1024,1024]}"],
        "camera.roi_px",
    ),
    "buffer too large": (
        ["--set", "buffer.seconds=600", "--set", "camera.fps=90000", "--set", "camera.exposure_ms=0.001"],
        "buffer.seconds: ",
    ),
    "no such z-lut": (["--set", "tracking.zlut={tmp}/nothing.npz"], "does not exist; give a Z-LUT file"),
    "rubbish for z-lut": (["--set", "tracking.zlut={tmp}/file"], "tracking.zlut"),
    "another focal shift": (["--set", "optics.focal_shift_factor=0.7"], "one of them is wrong"),
    "no such bead list": (["--set", "beads.file={tmp}/nothing.csv"], "the bead list cannot be read"),
    "more beads than fit": (["--set", "simulation.n_beads=1500"], "simulation.n_beads"),
    "path of another camera": (["--set", "camera.path={tmp}/file"], "camera.path: this camera reads no file"),
    "no folder of drivers": (["--set", "drivers.path=['{tmp}/none']"], "drivers.path: "),
    "name of nothing": (["--name", "foo"], "--name: nothing is recorded; add --record FOLDER"),
    "no function": (["--set", "recording.process_fn=os.path:nothing"], "has no function nothing"),
    "no module": (["--set", "experiment.protocol=nowhere:nothing"], "there is no module nowhere"),
    "rubbish of the wrong kind": (
        ["--set", "camera.roi_px=3"],
        "camera.roi_px: 3 is not allowed; give a list",
    ),
    "unreadable override": (["--set", "camera"], "write it as section.key=value"),
    "replay of nothing": (
        ["--set", "camera.driver=hardware.replay.camera:ReplayCamera", "--set", "camera.path={tmp}/no.tif"],
        "camera.path",
    ),
}


@pytest.mark.parametrize(
    ("case", "command"),
    [(case, "run") for case in CASES]
    + [(case, "check") for case in CASES if not {"--record", "--name"} & set(CASES[case][0])],
)
def test_bad_input_is_one_sentence(
    case: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, expected = CASES[case]
    (tmp_path / "file").write_text("nothing\n")
    before = sorted(tmp_path.iterdir())
    given = [part.replace("{tmp}", str(tmp_path)) for part in arguments]
    extra = ["--headless"] if command == "run" else []
    assert main([command, DEMO, *extra, *given]) == 2
    said = capsys.readouterr()
    assert expected in said.err
    assert "Traceback" not in said.err
    assert all(line.startswith(DEMO) for line in said.err.splitlines())
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("raise SystemExit(3)", "SystemExit"),
        ("import sys; sys.exit('no licence')", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_a_driver_that_ends_the_program_when_imported_is_told(
    body: str, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", [*sys.path])
    (tmp_path / "ends_at_import.py").write_text(body + "\n")
    wrong = [
        *("--set", f"drivers.path=['{tmp_path.as_posix()}']"),
        *("--set", "camera.driver=ends_at_import:Camera"),
        *("--set", "recording.process_fn=ends_at_import:process"),
    ]
    assert main(["check", DEMO, *wrong]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    for line, where in zip(lines, ("camera.driver", "recording.process_fn"), strict=True):
        assert where in line
        assert kind in line


def test_output_that_cannot_be_encoded_gets_stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="ascii") for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    assert main(["check", DEMO, "--set", "camera.größe=1"]) == 2
    StatusLine().say("µm · °C")
    said = []
    for stream in streams:
        stream.flush()
        buffer = stream.buffer
        assert isinstance(buffer, io.BytesIO)
        said.append(buffer.getvalue().decode("ascii"))
    assert "\\xb5m \\xb7 \\xb0C" in said[0]
    assert "gr\\xf6\\xdfe" in said[1]


def test_broken_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken, binary = tmp_path / "broken.toml", tmp_path / "binary.toml"
    broken.write_text("[camera\n")
    binary.write_bytes(np.arange(256, dtype=np.uint8).tobytes())
    for path, expected in (
        (broken, "is not valid TOML"),
        (binary, "is not a text file"),
        (tmp_path / "absent.toml", "there is no such file"),
        (tmp_path, "is a folder"),
    ):
        assert main(["run", str(path)]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"{path}: ")
        assert expected in said
        assert len(said.splitlines()) == 1


def test_all_problems_of_a_setup_are_said_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = [
        *("--set", "beads.list=[{id=0, x_px=1, y_px=1}, {id=1, x_px=1023, y_px=1}]"),
        *("--set", "tracking.zlut=nothing.npz"),
        *("--set", "camera.fsp=3"),
        *("--set", "motors.focus.driver=hardware.nowhere:Focus"),
    ]
    assert main(["run", DEMO, "--headless", "--record", str(tmp_path), "--name", "a:b", *wrong]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 6
    for part in ("camera.fsp", "bead 0", "bead 1", "nothing.npz", "hardware.nowhere", "'a:b'"):
        assert sum(part in line for line in lines) == 1, (part, lines)


def test_problems_of_every_kind_are_said_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setup = tmp_path / "setup.toml"
    setup.write_text(
        """
        [camera]
        driver = "hardware.simulated.microscope:SimulatedCamara"
        fps = "fast"
        exposure_ms = 50
        [optics]
        pixel_pitch_um = 5.0
        [[motors]]
        name = "focus"
        driver = "nopkg.mod:Focus"
        [[motors]]
        name = "focus"
        driver = "hardware.simulated.microscope:SimulatedFocus"
        [tracking]
        zlut = "nothing.npz"
        """
    )
    assert main(["check", str(setup)]) == 2
    said = capsys.readouterr().err
    for part in ("camera.fps: 'fast'", "optics.magnification: is missing", "SimulatedCamera?", "nothing.npz"):
        assert said.count(part) == 1, said


def test_driver_whose_package_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text("import serial_of_nobody\n")
    given = ["--set", f"drivers.path=['{tmp_path.as_posix()}']", "--set", "camera.driver=mine:Camera"]
    assert main(["check", DEMO, *given]) == 2
    assert "pip install serial-of-nobody" in capsys.readouterr().err


def test_check_says_that_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", DEMO]) == 0
    assert "no problems found" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["check", "--help"], ["--version"]])
def test_help_and_version(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert "magscope-app" in capsys.readouterr().out
