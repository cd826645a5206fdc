"""What a computer can do, and what follows for a camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from magscope_app.bench.disk import disk_bytes_per_s
from magscope_app.bench.line import run_line
from magscope_app.bench.ring import ring_bytes_per_s
from magscope_app.bench.scene import frame_edge_px, make_scene
from magscope_app.bench.tracking import rois_per_s, tracker_and_scene
from magscope_app.bench.verdict import Limit, first_limit, frame_cost, most_beads
from magscope_app.bench.window import TARGET, window_rate
from magscope_app.config import load_config
from magscope_app.devices import FrameFormat
from magscope_app.errors import MagscopeError
from magscope_app.processes.child import load_work
from magscope_app.storage import open_dataset
from magscope_app.tracking import ZLUT, Tracker
from magscope_app.tracking.flags import TrackFlag


@pytest.mark.parametrize("bits", [8, 12])
def test_the_beads_of_a_scene_can_be_tracked(bits: int) -> None:
    zlut = ZLUT.load("config/demo-zlut.npz")
    scene = make_scene(6, 64, FrameFormat(200, 130, bits), zlut)
    assert scene.frames.shape == (8, 130, 200)
    assert scene.corners.tolist() == [[0, 0], [64, 0], [128, 0], [0, 64], [64, 64], [128, 64]]
    with Tracker(64, zlut=zlut) as tracker:
        tracks = tracker.track(scene.frames, scene.corners)
    middle = scene.corners + 31.5
    assert np.abs(tracks.x_px - middle[:, 0]).max() < 4
    assert np.abs(tracks.y_px - middle[:, 1]).max() < 4
    assert np.isfinite(tracks.z_nm).mean() > 0.9


def test_rois_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        make_scene(7, 64, FrameFormat(200, 130, 8), None)
    assert frame_edge_px(100, 64) == 640


def test_each_part_gives_a_rate(tmp_path: Path) -> None:
    form = FrameFormat(320, 200, 12)
    assert ring_bytes_per_s(form, seconds=0.2) > 1e6
    assert disk_bytes_per_s(tmp_path, form, seconds=0.2) > 1e5
    assert list(tmp_path.iterdir()) == []
    assert rois_per_s(32, "qi", 2, None, seconds=0.05) > 100


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x", encoding="utf-8")
    with pytest.raises(MagscopeError, match="file cannot be written"):
        disk_bytes_per_s(file, FrameFormat(64, 48, 8), seconds=0.1)


def test_the_line_runs_at_the_rate_of_its_camera_without_a_loss() -> None:
    config = load_config("demo.toml").config
    result = run_line(config, FrameFormat(256, 128, 8), 4, 40.0, seconds=1.8)
    assert result.frames_per_s == pytest.approx(40, rel=0.15)
    assert result.frames_lost == 0
    assert {"camera", "tracking"} <= set(result.processor)


@pytest.mark.parametrize("roi_px", [32, 64, 100, 128])
def test_the_method_that_is_timed_is_the_one_that_was_asked_for(roi_px: int) -> None:
    tracker, scene = tracker_and_scene(roi_px, "fast", 1, ZLUT.load("config/demo-zlut.npz"))
    with tracker:
        flags = tracker.track(scene.frames[:2], scene.corners).flags
    assert not (flags & (TrackFlag.FALL_BACK | TrackFlag.LOST)).any()


@pytest.mark.slow
@pytest.mark.parametrize("known", [True, False])
def test_beads_in_the_line_are_fitted_whether_the_noise_is_known_or_not(known: bool, tmp_path: Path) -> None:
    config = load_config("demo.toml").config
    if not known:
        config = config.model_copy(update={"camera": config.camera.model_copy(update={"noise": None})})
    run_line(config, FrameFormat(256, 128, 8), 4, 40.0, seconds=2.5, record=tmp_path)
    (dataset,) = tmp_path.iterdir()
    flags = open_dataset(dataset).tracks()["flags"]
    assert len(flags)
    assert not (flags.astype(int) & (TrackFlag.FALL_BACK | TrackFlag.LOST)).any()


@pytest.mark.slow
def test_the_line_can_be_recorded_and_asked_how_old_its_rows_are(tmp_path: Path) -> None:
    config = load_config("demo.toml").config
    result = run_line(config, FrameFormat(256, 128, 8), 4, 40.0, seconds=1.8, record=tmp_path, ages=True)
    assert result.frames_lost == 0
    assert 0 < result.age_ms[0] <= result.age_ms[1]
    assert "supervisor" in result.processor
    (dataset,) = tmp_path.iterdir()
    assert len(open_dataset(dataset).frames()) == result.frames_acquired


def test_the_window_that_counts_can_be_found() -> None:
    assert callable(load_work(TARGET))


@pytest.mark.slow
def test_the_window_says_how_often_it_draws() -> None:
    rate = window_rate(load_config("demo.toml").config, FrameFormat(512, 256, 8))
    assert rate.updates_per_s > 2
    assert 0 < rate.processor < 2


def test_beads_follow_from_two_runs() -> None:
    per_frame_s, per_bead_s = 1e-3, 2e-5
    few, many = ((n, 1 / (per_frame_s + n * per_bead_s)) for n in (10, 400))
    cost = frame_cost(few, many)
    assert cost == pytest.approx((per_frame_s, per_bead_s))
    assert most_beads(cost, 100) == pytest.approx(450, abs=1)
    assert most_beads(cost, 2000) == 0
    assert most_beads(frame_cost((5, 200.0), (5, 200.0)), 100) == 10
    assert first_limit([Limit("a", 0.2), Limit("b", 0.9)]).part == "b"
