"""The whole line in real processes: demo, Micro-Manager and replay, recorded and read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from magscope_app.storage import open_dataset
from magscope_app.tracking import TrackFlag
from tests.line.running import SMALL, Dataset, errors_against_truth, lost_here, require_identities, run


def test_demo_is_tracked_and_recorded_completely(tmp_path: Path) -> None:
    done = run(
        "run",
        "demo.toml",
        "--headless",
        "--duration",
        "3",
        "--record",
        str(tmp_path / "new" / "out"),
        "--name",
        "first",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 beads found" in done.stdout
    dataset = Dataset.only(tmp_path / "new" / "out")
    counters = dataset.counters
    assert counters["frames_acquired"] >= 0.98 * 100 * 3
    assert lost_here(counters) == 0
    require_identities(counters, dataset.about["ledger"])
    assert dataset.about["exit_status"] == "completed"
    assert (dataset.path / "config.toml").read_bytes().startswith(b"# The simulated microscope")
    errors = errors_against_truth(dataset)
    assert len(errors) == 20
    sigma_nm = dataset.column("tracking/sigma_nm")
    assert np.isfinite(sigma_nm).mean() > 0.99
    bead_of_row = dataset.column("tracking/bead_ids")
    for bead_id, difference in errors.items():
        finite = np.isfinite(difference).all(axis=1)
        assert len(difference) == counters["frames_acquired"]
        assert finite.mean() >= 0.99, bead_id
        rms = np.sqrt(np.mean(difference[finite] ** 2, axis=0))
        assert (rms <= [5, 5, 30]).all(), (bead_id, rms)
        # The camera's noise is in the config: what is stored as uncertainty is the scatter.
        ratio = rms / np.nanmedian(sigma_nm[bead_of_row == bead_id], axis=0)
        assert ((ratio > 0.5) & (ratio < 2)).all(), (bead_id, ratio)
    frame_ids = dataset.column("tracking/frame_ids")
    np.testing.assert_array_equal(frame_ids, np.arange(counters["frames_acquired"]))
    assert np.isfinite(dataset.column("tracking/focus_nm")).all()
    for axis in ("focus", "magnet", "rotation"):
        assert len(dataset.column(f"telemetry/{axis}")) > 50


@pytest.mark.parametrize(
    "mode", ["Track and Video (Full)", pytest.param("Video (ROIs)", marks=pytest.mark.slow)]
)
def test_video_holds_every_frame(mode: str, tmp_path: Path) -> None:
    done = run(
        *("run", "demo.toml", "--headless", "--duration", "1", "--record", str(tmp_path)),
        *("--set", f"recording.mode={mode}"),
        *SMALL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    dataset = Dataset.only(tmp_path)
    assert lost_here(dataset.counters) == 0
    from ndstorage import Dataset as NDTiffDataset

    video = NDTiffDataset(str(dataset.path / "video" / "0001"))
    try:
        times = sorted(coordinates["time"] for coordinates in video.get_image_coordinates_list())
        shape = video.read_image(time=times[-1]).shape
    finally:
        video.close()
    assert times == list(range(times[0], times[0] + dataset.counters["frames_recorded"]))
    assert shape == ((384, 512) if "Full" in mode else (4 * 64, 64))


def test_micromanager_has_no_gap(tmp_path: Path) -> None:
    done = run("run", "micromanager.toml", "--headless", "--duration", "2", "--record", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    dataset = Dataset.only(tmp_path)
    assert lost_here(dataset.counters) == 0
    assert dataset.about["ledger"] == []
    assert dataset.counters["frames_recorded"] == dataset.counters["frames_acquired"] > 50
    assert len(dataset.column("telemetry/focus")) > 20


def test_replay_of_the_real_field_finds_its_beads(test_data: Path, tmp_path: Path) -> None:
    image = test_data / "qtrk" / "bead_field.jpg"
    done = run(
        "run",
        "replay.toml",
        "--headless",
        "--duration",
        "2",
        "--record",
        str(tmp_path),
        "--set",
        f"camera.path={image}",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    dataset = Dataset.only(tmp_path)
    bead_ids = dataset.column("tracking/bead_ids")
    positions = dataset.column("tracking/positions_nm")
    assert len(np.unique(bead_ids)) >= 50
    for bead_id in np.unique(bead_ids):
        assert np.isfinite(positions[bead_ids == bead_id, :2]).all(axis=1).mean() >= 0.99
    assert np.isnan(positions[:, 2]).all()
    assert (dataset.column("tracking/quality") == -1.0).all()
    assert (dataset.column("tracking/flags") & TrackFlag.NO_ZLUT).all()


@pytest.mark.slow
def test_replay_of_an_image_of_ones_own(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (96, 160)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    done = run(
        *("run", "replay.toml", "--headless", "--duration", "0.5", "--record", str(tmp_path / "out")),
        *("--set", f"camera.path={tmp_path / 'noise.png'}"),
        *("--set", "beads.find=false", "--set", "beads.roi_px=32"),
        *("--set", "beads.list=[{id=3, x_px=100, y_px=40, role='reference'}]"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    dataset = Dataset.only(tmp_path / "out")
    assert set(dataset.column("tracking/bead_ids")) == {3}
    assert dataset.about["beads"] == [{"id": 3, "x_px": 100.0, "y_px": 40.0, "role": "reference"}]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Return a recording of whole frames."""
    folder = tmp_path_factory.mktemp("recorded")
    mode = ("--set", "recording.mode=Track and Video (Full)")
    done = run(
        *("run", "demo.toml", "--headless", "--duration", "0.7", "--record", str(folder)), *mode, *SMALL
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Dataset.only(folder)


@pytest.mark.parametrize("kind", ["dataset", "NDTiff", "TIFF stack"])
@pytest.mark.slow
def test_replay_of_a_recording(kind: str, recorded: Dataset, tmp_path: Path) -> None:
    path = recorded.path if kind == "dataset" else recorded.path / "video" / "0001"
    if kind == "TIFF stack":
        path = tmp_path / "stack.tif"
        tifffile.imwrite(path, np.asarray(open_dataset(recorded.path).video), bigtiff=True)
    done = run(
        *("run", "replay.toml", "--headless", "--record", str(tmp_path / "out")),
        *("--set", f"camera.path={path}", "--set", "beads.roi_px=64", "--set", "camera.fps=200"),
        *("--set", "camera.settings={loop=false}"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    again = Dataset.only(tmp_path / "out")
    assert lost_here(again.counters) == 0
    assert again.counters["frames_recorded"] == recorded.counters["frames_recorded"]
    first = recorded.column("tracking/positions_nm")[:, :2] / recorded.about["nm_per_px"]
    second = again.column("tracking/positions_nm")[:, :2] / again.about["nm_per_px"]
    np.testing.assert_allclose(second, first, atol=0.02)


def test_without_display_it_runs_headless_and_says_so() -> None:
    done = run("run", "demo.toml", "--duration", "0.3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no display found" in done.stdout
