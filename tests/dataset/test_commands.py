"""The commands on datasets, as the command line calls them."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas
import pytest
import tifffile

from magscope_app.cli.dataset_commands import add_dataset_commands
from magscope_app.cli.progress import ProgressLine
from magscope_app.errors import MagscopeError
from magscope_app.storage import TracksFile, open_dataset
from tests.data.children import full_disk_after
from tests.data.rows import make_rows
from tests.dataset.making import UNIX_START_NS, image, make_dataset, new_folder, new_tracks, telemetry


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("datasets"))


def call(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    add_dataset_commands(parser.add_subparsers())
    parsed = parser.parse_args([str(argument) for argument in arguments])
    code: int = parsed.command(parsed)
    return code


def test_info(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("info", path) == 0
    text = capsys.readouterr().out
    for words in (
        "test, completed, mode Track and Video (Full)",
        "duration:  0.790 s",
        "80 frames of 3 beads",
        "59 images (0001: 30, 0002: 29)",
        "frames_lost 21",
        "missing in video: 1 frames from 40 on",
        "ledger: 1 frames from 40 on (recording: the disk did not keep up)",
        "magnet (mm)",
    ):
        assert words in text
    assert "problem" not in text


def test_info_ends_after_twenty_losses(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    description = json.loads((path / "dataset.json").read_text(encoding="utf-8"))
    description["ledger"] = [
        {"first_id": 3 * number, "count": 1, "where": "ring", "why": ""} for number in range(100)
    ]
    (path / "dataset.json").write_text(json.dumps(description), encoding="utf-8")
    assert call("info", path) == 0
    said = capsys.readouterr().out
    assert "ledger: and 80 more" in said
    assert max(said.count(start) for start in ("\nledger: ", "\nproblem: ")) == 21


def test_info_as_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("info", path, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["beads"] == [0, 1, 2]
    assert facts["gaps_in_video"] == [{"first_id": 40, "count": 1}]
    assert facts["gaps_in_tracks"] == facts["problems"] == []
    assert facts["counters"]["frames_recorded"] == 59
    assert facts["duration_s"] == pytest.approx(0.79)


def test_info_of_a_recording_without_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("info", new_folder(tmp_path).path) == 0
    assert "duration:  no frames" in capsys.readouterr().out


def test_csv_has_one_header_where_the_first_part_has_no_rows(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    for frames, n_beads in ((range(5), 0), (range(5, 10), 1)):
        tracks = new_tracks(folder)
        tracks.append_rows(make_rows(frames, n_beads))
        tracks.close()
    assert call("export", folder.path, "--format", "csv", "--out", tmp_path / "tracks.csv") == 0
    assert (tmp_path / "tracks.csv").read_text().count("frame_id") == 1
    folder = new_folder(tmp_path)
    motors = TracksFile(
        folder.next_tracks_path(), unix_start_ns=UNIX_START_NS, telemetry={"silent": {}, "moving": {}}
    )
    motors.append_telemetry("moving", telemetry(range(10)))
    motors.close()
    assert call("export", folder.path, "--format", "csv", "--out", tmp_path / "motors.csv") == 0
    assert (tmp_path / "motors.csv").read_text().count("device") == 1


def test_csv_reads_back_as_it_was(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "tracks.csv"
    assert call("export", path, "--format", "csv", "--out", out) == 0
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    data = open_dataset(path)
    tracks = data.tracks()
    for name in tracks.dtype.names or ():
        kind = tracks.dtype[name].type
        assert np.array_equal(np.array([kind(row[name]) for row in rows]), tracks[name]), name
    magnet = np.repeat(data.telemetry_at_frames("magnet")["position"], 3)
    assert np.array_equal([float(row["magnet_mm"]) for row in rows], magnet, equal_nan=True)
    with pytest.raises(MagscopeError, match="exists already"):
        call("export", path, "--format", "csv", "--out", out)


def test_tiff_holds_every_image_and_its_label(path: Path) -> None:
    assert call("export", path, "--format", "tiff") == 0
    out = path.with_name(path.name + ".tif")
    with tifffile.TiffFile(out) as tiff:
        assert tiff.is_bigtiff
        labels = [json.loads(page.description)["time"] for page in tiff.pages]  # type: ignore[union-attr]  # whole pages
    assert labels == open_dataset(path).video_frame_ids.tolist()
    assert np.array_equal(tifffile.imread(out), [image(label) for label in labels])
    out.unlink()


def test_parquet(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "tracks.parquet"
    assert call("export", path, "--format", "parquet", "--out", out) == 0
    table = pandas.read_parquet(out)
    tracks = open_dataset(path).tracks()
    assert list(table.columns) == [*(tracks.dtype.names or ()), "magnet_mm"]
    for name in tracks.dtype.names or ():
        np.testing.assert_array_equal(table[name].to_numpy(), tracks[name])


@pytest.mark.parametrize("missing", ["pandas", "pyarrow"])
def test_an_optional_package_that_is_missing_is_named(
    missing: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == missing] + [missing]:
        monkeypatch.setitem(sys.modules, name, None)
    use: dict[str, Callable[[], object]] = {
        "pandas": open_dataset(path).tracks_frame,
        "pyarrow": lambda: call("export", path, "--format", "parquet", "--out", tmp_path / "tracks.parquet"),
    }
    with pytest.raises(MagscopeError, match=f"pip install {missing}"):
        use[missing]()
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_export(tmp_path: Path) -> None:
    empty = new_folder(tmp_path).path
    for form, what in (("csv", "no tracks"), ("tiff", "no images")):
        with pytest.raises(MagscopeError, match=f"holds {what}.* to export"):
            call("export", empty, "--format", form)


def test_without_beads_frames_are_exported_and_without_frames_the_motors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = new_folder(tmp_path)
    tracks = new_tracks(folder)
    tracks.append_telemetry("magnet", telemetry(range(10)))
    tracks.flush()
    out = tmp_path / "motors.csv"
    assert call("export", folder.path, "--format", "csv", "--out", out) == 0
    assert f"{out}: 5 rows of the motors: no frames were tracked" in capsys.readouterr().out
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["position"]) for row in rows] == telemetry(range(10))[:, 1].tolist()
    assert {row["device"] for row in rows} == {"magnet"}
    tracks.append_rows(make_rows(range(3, 8), 0))
    tracks.close()
    out = tmp_path / "frames.csv"
    assert call("export", folder.path, "--format", "csv", "--out", out) == 0
    assert f"{out}: 5 rows, one per frame: no beads were tracked" in capsys.readouterr().out
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["frame_id"]) for row in rows] == [3, 4, 5, 6, 7]
    at_frames = open_dataset(folder.path).telemetry_at_frames("magnet")["position"]
    assert np.array_equal([float(row["magnet_mm"]) for row in rows], at_frames, equal_nan=True)


@pytest.mark.parametrize("form", ["csv", "tiff"])
def test_a_full_disk_ends_an_export_in_words(path: Path, form: str, tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("needs a limit of the file size")
    with (
        full_disk_after(2000),
        pytest.raises(MagscopeError, match=r"the disk of .*x is full: nothing was exp"),
    ):
        call("export", path, "--format", form, "--out", tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(path: Path, tmp_path: Path) -> None:
    with pytest.raises(MagscopeError, match=r"absent does not exist: make it"):
        call("export", path, "--format", "csv", "--out", tmp_path / "absent" / "x.csv")
    (tmp_path / "file").touch()
    with pytest.raises(MagscopeError, match=r"file does not exist"):
        call("export", path, "--format", "tiff", "--out", tmp_path / "file" / "x.tif")


def test_repair_of_a_sound_dataset(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "copy"
    assert call("repair", path, "--out", out) == 0
    assert capsys.readouterr().out.strip() == f"{out}: 80 frames with tracks, 59 images"
    original, copied = open_dataset(path), open_dataset(out)
    assert np.array_equal(original.tracks(), copied.tracks())
    assert original.description == {name: copied.description[name] for name in original.description}
    assert (original.events, original.config_text) == (copied.events, copied.config_text)
    refused: Sequence[tuple[tuple[str | Path, ...], str]] = [
        ((path, "--out", out), "exists already"),
        ((path, "--out", path / "inside"), "lies in the dataset itself"),
        ((tmp_path / "absent",), "is no folder"),
        ((tmp_path / "copy" / "zluts",), "holds nothing of a dataset"),
    ]
    for arguments, sentence in refused:
        with pytest.raises(MagscopeError, match=sentence):
            call("repair", *arguments)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_rewrites_one_line_of_a_terminal() -> None:
    terminal, pipe = _Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        with ProgressLine(stream) as progress:
            progress.show("writing rows", 0.5)
            progress.show("writing rows", 0.51)
    assert terminal.getvalue().startswith("\rwriting rows: 50 %\r ")
    assert "\n" not in terminal.getvalue()
    assert pipe.getvalue() == ""
