"""What goes wrong in the devices: each fault is said, counted, kept, and survived where it can be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from magscope_app.storage import open_dataset
from tests.line.running import SMALL, Dataset, require_identities, run, running

#: At 100 fps: some frames lost, some flooded, silence longer than the camera's memory; a motor is gone.
FAULTS = (
    "simulation.faults=[{kind='drop_frames', at_frame=30, count=3},"
    " {kind='saturated_light', at_frame=60, count=20},"
    " {kind='stall', at_frame=100, duration_s=1.6},"
    " {kind='disconnect', device='rotation', at_s=0.5}]"
)


def test_faults_of_the_devices_are_said_counted_and_survived(tmp_path: Path) -> None:
    recorded = ("--duration", "4", "--record", str(tmp_path))
    done = run("run", "demo.toml", "--headless", *recorded, "--set", FAULTS, *SMALL)
    said = done.stdout + done.stderr
    for text in (
        "the image is too bright: ",
        "20 frames were too bright",
        "the camera has given no frame for 1.",
        "the camera gives frames again after 1.",
        "rotation does not answer any more",
    ):
        assert text in said, said
    dataset = Dataset.only(tmp_path)
    assert dataset.about["exit_status"] == "completed"
    counters = dataset.counters
    require_identities(counters, dataset.about["ledger"])
    losses = [gap["count"] for gap in dataset.about["ledger"] if gap["where"] == "camera"]
    assert losses[0] == 3
    # 160 frames in the silence, 64 of them in the camera's memory.
    assert 85 <= sum(losses[1:]) <= 110
    kept = [event["text"] for event in dataset.events() if event["kind"] == "camera"]
    assert len(kept) == 4
    assert any("frames again" in text for text in kept)
    _check_truth(dataset.path, counters["frames_recorded"])


@pytest.mark.slow
def test_a_camera_that_is_disconnected_is_said_and_what_was_recorded_is_safe(tmp_path: Path) -> None:
    fault = "simulation.faults=[{kind='disconnect', at_frame=90}]"
    recorded = ("--duration", "3", "--record", str(tmp_path))
    done = run("run", "demo.toml", "--headless", *recorded, "--set", fault, *SMALL)
    assert "the simulated camera was disconnected: close it and open it again" in done.stdout + done.stderr
    dataset = Dataset.only(tmp_path)
    require_identities(dataset.counters, dataset.about["ledger"])
    recording = open_dataset(dataset.path)
    assert len(recording.frames()) == dataset.counters["frames_recorded"] >= 90
    np.testing.assert_array_equal(recording.frames()["frame_id"][:90], np.arange(90))


INTERRUPTING = """from hardware.simulated.microscope import SimulatedCamera, SimulatedFocus
class Camera(SimulatedCamera):
    def read_into(self, buffer, timeout_s):
        raise KeyboardInterrupt("a library thinks that it is the whole program")
class Focus(SimulatedFocus):
    def open(self):
        raise KeyboardInterrupt("another one, too")
"""


@pytest.mark.slow
def test_a_driver_that_interrupts_is_said_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "interrupting.py").write_text(INTERRUPTING, encoding="utf-8")
    given = (
        *("--set", f"drivers.path=['{tmp_path.as_posix()}']", "--set", "beads.find=false"),
        *("--set", "camera.driver=interrupting:Camera", "--set", "motors.focus.driver=interrupting:Focus"),
        *("--set", "supervisor.restart.camera=never", "--record", str(tmp_path / "out")),
    )
    done = run("run", "demo.toml", "--headless", *given, *SMALL)
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "camera stopped: KeyboardInterrupt: a library thinks that it is the whole program (inter" in said
    assert "focus could not be opened: focus: KeyboardInterrupt: another one, too" in said
    assert "Traceback" not in said


def _check_truth(path: Path, n_frames: int) -> None:
    recording = open_dataset(path)
    assert len(recording.frames()) == n_frames > 150
    truth = recording.truth()
    assert truth is not None
    stuck = truth["bead_id"] == 0
    assert (truth["extension_nm"][stuck] == 0.0).all()
    np.testing.assert_allclose(truth["force_pn"], 40.0 * np.exp(-3.0 / 1.6))
    hanging = truth["extension_nm"][~stuck]
    np.testing.assert_allclose(hanging, truth["height_nm"][~stuck] - 500.0)
    assert 900.0 < hanging.mean() < 1000.0


PROTOCOL = """
def practise(microscope):
    microscope.start_recording("practise", mode="Track")
    microscope.cause_fault("camera", "drop_frames", count=5)
    microscope.cause_fault("magnet", "limit_switch", at_position=3.2)
    for device, kind in (("nobody", "stuck_motor"), ("camera", "stuck_motor"), ("focus", "stall")):
        try:
            microscope.cause_fault(device, kind)
        except Exception as error:
            print(f"raised: {error}", flush=True)
    try:
        microscope.cause_fault("focus", "limit_switch", at_position="here")
    except Exception as error:
        print(f"raised: {error}", flush=True)
    microscope.tracks(30)
    try:
        microscope.move("magnet", 4.0, timeout_s=10)
    except Exception as error:
        microscope.note(f"refused: {error}")
    microscope.move("magnet", 3.1, timeout_s=10)
    microscope.stop_recording()
"""


@pytest.mark.slow
def test_faults_on_demand(tmp_path: Path) -> None:
    (tmp_path / "practice.py").write_text(PROTOCOL, encoding="utf-8")
    arguments = (
        *("--set", "experiment.protocol='practice:practise'"),
        *("--set", f"drivers.path=['{tmp_path.as_posix()}']"),
        *("--set", f"recording.folder='{(tmp_path / 'out').as_posix()}'"),
    )
    with running("demo.toml", "--headless", *arguments, *SMALL) as line:
        assert line.process.wait(40) == 0, line.output
        for text in (
            "raised: there is no motor 'nobody'",
            "raised: the simulated camera has no fault 'stuck_motor': choose from drop_frames",
            "raised: focus has no fault 'stall': choose from disconnect",
            "raised: Fault has a wrong at_position ('here')",
        ):
            assert text in line.output
    dataset = Dataset.only(tmp_path / "out")
    # The simulated camera may lose frames of itself on a busy machine.
    assert 5 in [gap["count"] for gap in dataset.about["ledger"] if gap["where"] == "camera"]
    (note,) = [event["text"] for event in dataset.events() if event["kind"] == "note"]
    assert "magnet did not reach 4 mm" in note
    assert "3.2 mm" in note
