from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

from hardware.simulated.microscope import SimulatedCamera
from magscope_app.devices import DeviceError
from tests.hardware.simulated.twin import camera_context, film, started, still, twin_config

DROP = {"kind": "drop_frames", "at_frame": 5, "count": 3, "every": 20}


def numbers(camera: SimulatedCamera, n_frames: int) -> list[int]:
    form = camera.format
    buffer = np.empty((form.height_px, form.width_px), form.dtype)
    infos = [camera.read_into(buffer, 1.0) for _ in range(n_frames)]
    return [info.frame_number for info in infos if info is not None]


def test_the_same_seed_gives_the_same_frames_and_another_one_does_not() -> None:
    first, again, other = (film(started(twin_config(simulation={"seed": seed})), 5) for seed in (7, 7, 8))
    assert (first[0] == again[0]).all()
    assert (first[1] == again[1]).all()
    assert (first[0] != other[0]).any()
    assert not (first[1] == other[1]).all()


def test_another_start_of_a_camera_is_another_run_of_the_same_sample() -> None:
    camera = started(twin_config())
    frames, truth = film(camera, 2)
    camera.stop()
    camera.start()
    more_frames, more_truth = film(camera, 2)
    assert (frames != more_frames).any()
    assert (truth[0, 0] == more_truth[0, 0]).all()
    assert np.abs(truth[0, 1:, 1:3] - more_truth[0, 1:, 1:3]).max() < 300.0
    camera.close()


def test_closing_ends_no_count_of_runs_and_no_drift() -> None:
    camera = started(twin_config(simulation={"drift": {"x_nm_per_s": 100.0}}))
    frames, truth = film(camera, 2)
    camera.stop()
    camera.start()
    second = film(camera, 2)
    camera.close()
    again = started(twin_config(simulation={"drift": {"x_nm_per_s": 100.0}}))
    film(again, 2)
    again.close()
    again.open()
    again.start()
    reopened_frames, reopened = film(again, 2)
    assert (reopened_frames != frames).any()
    assert (reopened == second[1]).all()
    assert reopened[0, 0, 1] - truth[1, 0, 1] == pytest.approx(1.0)
    again.close()


def test_frame_numbers_jump_where_frames_were_dropped_and_the_others_stay_the_same() -> None:
    whole_frames, whole_truth = film(started(twin_config()), 12)
    camera = started(twin_config(simulation={"faults": [DROP]}))
    frames, truth = film(camera, 9)
    assert (frames == whole_frames[[0, 1, 2, 3, 4, 8, 9, 10, 11]]).all()
    assert (truth[5:] == whole_truth[8:]).all()
    camera.stop()
    camera.start()
    assert numbers(camera, 7) == [0, 1, 2, 3, 4, 8, 9]
    camera.close()


def test_tethered_beads_float_above_stuck_ones_and_move() -> None:
    camera = started(twin_config())
    _, truth = film(camera, 300)
    assert camera.truth_columns[:6] == ("frame_id", "bead_id", "x_nm", "y_nm", "z_nm", "height_nm")
    assert camera.truth_columns[6:] == ("force_pn", "extension_nm")
    assert (truth[:, :, 0] == [0, 1, 2]).all()
    assert (truth[:, 0, 4] == 500.0).all()
    assert truth[:, 1:, 4].mean() == pytest.approx(1442.0, abs=3.0)
    assert np.ptp(truth[:, 0, 1:3], axis=0).max() == 0.0
    assert 10.0 < truth[:, 1:, 1].std(axis=0).mean() < 25.0
    camera.close()


def test_drift_moves_all_beads_and_goes_on_after_a_stop() -> None:
    drift = {"x_nm_per_s": 100.0, "y_nm_per_s": -50.0, "z_nm_per_s": 20.0}
    camera = started(still({"drift": drift}))
    _, truth = film(camera, 101)
    assert truth[100, 0, 1:] - truth[0, 0, 1:] == pytest.approx([100.0, -50.0, 20.0, 0.0, 0.0, 0.0])
    camera.stop()
    camera.start()
    _, later = film(camera, 1)
    assert later[0, 0, 1] - truth[100, 0, 1] == pytest.approx(1.0)
    camera.close()


def test_exposure_brightens_and_contrast_strengthens_rings() -> None:
    camera = started(still(gain=0.1))
    before, _ = film(camera, 1)
    camera.set("exposure_ms", 2.5)
    camera.set("contrast", 0.25)
    after, _ = film(camera, 1)
    assert np.median(after) - 20.0 == pytest.approx(0.5 * (np.median(before) - 20.0), rel=0.02)
    assert np.ptp(after / np.median(after)) < 0.7 * np.ptp(before / np.median(before))
    values = {setting.name: setting.value for setting in camera.settings()}
    assert values["exposure_ms"] == 2.5
    assert values["contrast"] == 0.25
    camera.close()


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("exposure_ms", 11.0, "exposure_ms = 11 ms: give"),
        ("fps", 50.0, "can only be read"),
        ("zoom", 1, "no setting 'zoom'"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(name: str, value: float, text: str) -> None:
    camera = started(still())
    with pytest.raises(DeviceError, match=text):
        camera.set(name, value)
    camera.close()


def test_frames_come_at_their_rate_and_a_short_wait_returns_none() -> None:
    camera = started(twin_config(camera={"settings": {}, "fps": 4.0}))
    buffer = np.empty((240, 320), np.uint8)
    assert camera.read_into(buffer, 0.001) is None
    infos = [camera.read_into(buffer, 5.0) for _ in range(4)]
    stamps = [info.timestamp_ns for info in infos if info is not None]
    assert np.diff(stamps) == pytest.approx(250_000_000, abs=2)
    assert time.perf_counter_ns() >= stamps[-1]
    camera.close()


def test_a_reader_that_sleeps_finds_the_newest_frames_gone() -> None:
    camera = started(
        twin_config(
            camera={"settings": {}, "fps": 1000.0, "exposure_ms": 0.5, "roi_px": [0, 0, 160, 128]},
            simulation={"n_beads": 0, "n_reference": 0},
        )
    )
    time.sleep(0.15)
    seen = numbers(camera, 70)
    assert seen[:64] == list(range(64))
    assert seen[64] > 140
    camera.close()


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"simulation": {"n_beads": 200}}, "simulation.n_beads"),
        ({"simulation": {"n_reference": 4}}, "simulation.n_reference"),
        ({"camera": {"settings": {"bits": 7}}}, "camera.settings.bits"),
        ({"camera": {"settings": {"bit": 8}}}, "camera.settings"),
        ({"camera": {"settings": {"sensor_px": [100]}}}, "camera.settings.sensor_px"),
        ({"camera": {"settings": {"sensor_px": [300, 300]}}}, "camera.roi_px"),
        ({"simulation": {"faults": [{**DROP, "every": 3}]}}, "simulation.faults.0.every"),
        (
            {"simulation": {"faults": [{"kind": "stuck_motor", "device": "arm"}]}},
            "simulation.faults.0.device",
        ),
        ({"simulation": {"bead_radius_sd_nm": 101.0}}, "simulation.bead_radius_sd_nm"),
        ({"simulation": {"tether": {"nicked": 3}}}, "simulation.tether.nicked"),
        (
            {"simulation": {"refraction": {"numerical_aperture": 1.4}}},
            "simulation.refraction.numerical_aperture",
        ),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_opened(changes: dict[str, Any], where: str) -> None:
    context = camera_context(twin_config(**changes))
    assert [problem.where for problem in SimulatedCamera.problems(context)] == [where]
    with pytest.raises(DeviceError, match=where):
        SimulatedCamera(context).open()


def test_too_many_beads_are_told_how_many_fit() -> None:
    (problem,) = SimulatedCamera.problems(camera_context(twin_config(simulation={"n_beads": 200})))
    most = int(problem.remedy.split()[2])
    assert SimulatedCamera.problems(camera_context(twin_config(simulation={"n_beads": most}))) == ()
    assert SimulatedCamera.problems(camera_context(twin_config(simulation={"n_beads": most + 1}))) != ()


def test_the_frame_is_the_roi_or_the_sensor() -> None:
    part = twin_config(
        camera={"roi_px": [8, 16, 200, 160], "settings": {"bits": 12, "sensor_px": [640, 480]}}
    )
    form = SimulatedCamera.expected_format(camera_context(part))
    assert (form.width_px, form.height_px, form.bits, str(form.dtype)) == (200, 160, 12, "uint16")
    whole = twin_config(camera={"roi_px": None, "settings": {"sensor_px": [640, 480]}})
    form = SimulatedCamera.expected_format(camera_context(whole))
    assert (form.width_px, form.height_px, str(form.dtype)) == (640, 480, "uint8")


def test_a_camera_that_is_not_open_or_started_says_so() -> None:
    camera = SimulatedCamera(camera_context(twin_config()))
    with pytest.raises(DeviceError, match="open it first"):
        camera.start()
    camera.open()
    with pytest.raises(DeviceError, match="start it first"):
        camera.read_into(np.empty((240, 320), np.uint8), 0.1)
    camera.start()
    with pytest.raises(ValueError, match=r"\(240, 320\)"):
        camera.read_into(np.empty((320, 240), np.uint8), 0.1)
    camera.close()
    camera.close()


def test_importing_the_drivers_does_not_import_the_compiler() -> None:
    code = "import sys, hardware.simulated.microscope; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
