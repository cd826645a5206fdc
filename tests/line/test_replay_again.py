"""A dataset played again with its own beads, Z-LUT and settings gives its tracks again."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from magscope_app.cli.main import main
from magscope_app.processes.makeshift import KIND
from magscope_app.processes.preflight import load_ready
from magscope_app.storage import Dataset as Recording
from magscope_app.storage import open_dataset
from tests.line.running import SMALL, Dataset, run

_FULL = ("--set", "recording.mode=Track and Video (Full)")
#: Room in the ring, so that tracking has time on a busy computer, too.
_PATIENT = ("--set", "buffer.seconds=10")
_PLACES = ("x_nm", "y_nm", "z_nm", "height_nm", "focus_nm", "roi_x_px", "roi_y_px")
_EXACT = (*_PLACES, "sigma_x_nm", "sigma_y_nm", "sigma_z_nm", "quality")


def _record(folder: Path, *settings: str, seconds: str = "2") -> Path:
    done = run(
        *("run", "demo.toml", "--headless", "--duration", seconds, "--record", str(folder)),
        *(*SMALL, *_FULL, *_PATIENT, *settings),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Dataset.only(folder).path


def _replayed(recorded: Path, folder: Path) -> Recording:
    done = run("replay", str(recorded), "--headless", "--record", str(folder), *_FULL)
    assert done.returncode == 0, done.stdout + done.stderr
    return open_dataset(Dataset.only(folder).path)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _record(tmp_path_factory.mktemp("recorded"))


@pytest.mark.slow
def test_the_tracks_are_the_same_within_a_tenth_of_their_noise(recorded: Path, tmp_path: Path) -> None:
    """From the first frame on, but for those of which the dataset says that tracking had no time."""
    recording, replay = open_dataset(recorded), _replayed(recorded, tmp_path)
    old, new = recording.tracks(), replay.tracks()
    np.testing.assert_array_equal(new["bead_id"], old["bead_id"])
    assert not any(event["kind"] == KIND for event in replay.events)
    as_ever = np.ones(len(old), bool)
    for event in recording.events:
        if event["kind"] == KIND:
            as_ever &= (old["frame_id"] < event["frame_id"]) | (old["frame_id"] > event["last_id"])
    assert as_ever.mean() > 0.9
    assert np.isfinite(new["sigma_z_nm"]).all()
    for axis in "xyz":
        apart = (new[f"{axis}_nm"] - old[f"{axis}_nm"]) / new[f"sigma_{axis}_nm"]
        assert np.sqrt(np.mean(apart[as_ever] ** 2)) < 0.1


@pytest.mark.parametrize("method", [pytest.param(name, marks=pytest.mark.slow) for name in ("qi", "full")])
def test_the_tracks_are_the_same_to_the_last_bit(method: str, tmp_path: Path) -> None:
    """With the methods that know nothing of the frames before."""
    recorded = _record(tmp_path / "recorded", "--set", f"tracking.method={method}", seconds="1")
    first, again = open_dataset(recorded), _replayed(recorded, tmp_path / "again")
    assert again.counters["frames_lost"] == 0
    old, new = first.tracks(), again.tracks()
    assert len(old) == len(new) > 100
    # The same frames by the time at which they were taken, which is kept beside the new one.
    ticks = [again.get_metadata({"time": int(frame)})["device_tick"] for frame in again.video_frame_ids]
    np.testing.assert_array_equal(ticks, first.frames()["t_ns"])
    np.testing.assert_array_equal(new["bead_id"], old["bead_id"])
    for column in _EXACT:
        np.testing.assert_array_equal(new[column], old[column], err_msg=column)
    assert np.isfinite(new["height_nm"]).all()
    assert "recording" in again.description["camera"]["tick_source"]
    assert {bead["role"] for bead in again.description["beads"]} == {"tethered"}
    np.testing.assert_array_equal(np.asarray(first.video[-1]), np.asarray(again.video[-1]))


def test_the_config_can_be_written_and_changed(recorded: Path, tmp_path: Path) -> None:
    written = tmp_path / "again.toml"
    assert main(["replay", str(recorded), "--write", str(written)]) == 0
    given = load_ready(str(written), ["beads.roi_px=72"], None, None).config
    assert given.beads.roi_px == 72
    assert [bead.id for bead in given.beads.list] == open_dataset(recorded).bead_ids
    assert given.motors == ()
    assert given.tracking.zlut is not None
    assert given.tracking.zlut.is_relative_to(recorded)


def test_the_last_frames_are_tracked_also_where_nothing_is_recorded(recorded: Path) -> None:
    done = run("replay", str(recorded), "--headless", "--set", "buffer.n_images=4")
    assert done.returncode == 0, done.stdout + done.stderr
    n = open_dataset(recorded).counters["frames_recorded"]
    assert f"{n} frames acquired" in done.stdout
    assert f" {n} tracked, 0 lost" in done.stdout


def test_what_cannot_be_played_again_is_said(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(recorded, copy)
    description = copy / "dataset.json"
    text = description.read_text()
    for change, said in (
        (("Track and Video (Full)", "Track and Video (ROIs)"), "only video of whole frames"),
        (('"config"', '"konfig"'), "knows no config"),
    ):
        description.write_text(text.replace(*change))
        assert main(["replay", str(copy), "--headless"]) == 2
        assert said in capsys.readouterr().err
    description.write_text(text)
    (zlut,) = (copy / "zluts").iterdir()
    zlut.unlink()
    assert main(["replay", str(copy), "--headless"]) == 2
    assert "no copy of the Z-LUT demo-zlut.npz" in capsys.readouterr().err
    assert main(["replay", str(tmp_path / "nowhere"), "--headless"]) == 2
    assert "is no folder" in capsys.readouterr().err
    assert list(recorded.parent.iterdir()) == [recorded]
