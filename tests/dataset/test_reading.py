"""A dataset gives back what was recorded, while it is recorded and afterwards."""

from __future__ import annotations

from pathlib import Path

import dask.array
import numpy as np
import pytest

from magscope_app.errors import MagscopeError
from magscope_app.storage import Dataset, DatasetFolder, NDTiffStorage, open_dataset
from tests.data.rows import make_rows
from tests.dataset.making import (
    FACTOR,
    N_BEADS,
    SHAPE,
    SURFACE_NM,
    UNIX_START_NS,
    fingerprint,
    image,
    make_dataset,
    new_folder,
    new_tracks,
    pixels,
    telemetry,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("datasets"))


@pytest.fixture
def data(path: Path) -> Dataset:
    before = fingerprint(path)
    opened = open_dataset(path)
    assert fingerprint(path) == before
    return opened


def test_tracks_of_all_parts(data: Dataset) -> None:
    tracks = data.tracks()
    rows = make_rows(range(10, 90), N_BEADS)
    for column, name in enumerate(("frame_id", "t_ns", "x_nm", "y_nm", "z_nm", "bead_id")):
        assert np.array_equal(tracks[name], rows[:, column]), name
    assert np.array_equal(tracks["timestamp_ns"], tracks["t_ns"].astype(np.uint64) + np.uint64(UNIX_START_NS))
    assert np.array_equal(tracks["sigma_z_nm"], rows[:, 10].astype(np.float32))
    assert np.array_equal(tracks["roi_y_px"], rows[:, 7])
    expected = tracks["z_nm"] + FACTOR * tracks["focus_nm"] - SURFACE_NM
    assert np.array_equal(tracks["height_nm"], expected)
    assert np.array_equal(data.height_nm, expected)
    assert data.bead_ids == [0, 1, 2]


def test_tracks_in_portions(data: Dataset) -> None:
    whole = data.tracks()
    for rows in (1, 7, 100, 10**6):
        blocks = list(data.tracks_blocks(rows))
        assert np.array_equal(np.concatenate(blocks), whole)
        assert max(map(len, blocks)) <= max(rows, N_BEADS)
    for first, stop in ((0, 10), (12, 13), (45, 55), (50, 90), (88, 1000)):
        chosen = data.tracks(first_frame=first, stop_frame=stop)
        assert np.array_equal(chosen, whole[(whole["frame_id"] >= first) & (whole["frame_id"] < stop)])
    assert np.array_equal(data.tracks(2, stop_frame=30)["frame_id"], np.arange(10, 30))
    assert len(data.tracks(99)) == 0


def test_tracks_as_a_pandas_table(data: Dataset) -> None:
    table, tracks = data.tracks_frame(bead_id=2, first_frame=20), data.tracks(bead_id=2, first_frame=20)
    assert list(table.columns) == list(tracks.dtype.names or ())
    np.testing.assert_array_equal(table["x_nm"].to_numpy(), tracks["x_nm"])
    assert len(table) == 70


def test_frames_and_truth(data: Dataset) -> None:
    frames, truth = data.frames(), data.truth()
    assert np.array_equal(frames["frame_id"], np.arange(10, 90))
    assert set(frames["n_beads"]) == {N_BEADS}
    assert truth is not None
    assert np.array_equal(truth["x_nm"], data.tracks()["x_nm"])


def test_telemetry_at_frames(data: Dataset) -> None:
    assert data.devices == {"magnet": {"unit": "mm", "role": "magnet_height"}}
    assert np.array_equal(data.telemetry("magnet")["position"], telemetry(range(10, 90))[:, 1])
    at_frames = data.telemetry_at_frames("magnet")
    t_ns = data.frames()["t_ns"]
    # The last row was sent at frame 88: nothing is known about the magnet at frame 89.
    assert np.allclose(at_frames["position"][:-1], t_ns[:-1] / 1e9, rtol=1e-12)
    assert np.isnan(at_frames["position"][-1])
    assert np.array_equal(at_frames["target"][1:3], telemetry(range(10, 90))[:2, 2])
    listed = data.telemetry_at_frames("magnet", t_ns[:3].tolist())
    assert np.array_equal(listed, at_frames[:3])
    assert len(data.telemetry_at_frames("magnet", [])) == 0
    with pytest.raises(TypeError, match="times are a list or an array"):
        data.telemetry_at_frames("magnet", ["now"])
    with pytest.raises(MagscopeError, match="no telemetry of 'laser'; devices: magnet"):
        data.telemetry("laser")


def test_video_is_one_lazy_array(data: Dataset) -> None:
    ids = [*range(10, 40), *range(41, 70)]
    assert isinstance(data.video, dask.array.Array)
    assert data.video.shape == (59, *SHAPE)
    assert np.array_equal(pixels(data.video), [image(frame_id) for frame_id in ids])
    assert np.array_equal(pixels(data.video[33, 1:3]), image(44)[1:3])
    assert np.array_equal(pixels(data.video[::20, :, [0, 3]])[1], image(30)[:, [0, 3]])
    assert np.array_equal(pixels(data.video_part(2)[0]), image(41))
    assert data.video_frame_ids.tolist() == ids
    assert data.video_parts == {"0001": 30, "0002": 29}


def test_images_by_coordinates(data: Dataset) -> None:
    coordinates = data.coordinates()
    assert coordinates.is_finite()
    assert coordinates.might_produce_coordinates({"time": 10})
    assert not coordinates.might_produce_coordinates({"time": 40})
    assert [one["time"] for one in coordinates] == data.video_frame_ids.tolist()
    for one in coordinates:
        assert np.array_equal(data[one], image(int(one["time"])))
    assert data.get_metadata({"time": np.int64(12)}) == {"frame_id": 12, "note": "größer"}
    assert {"time": 12} in data
    with pytest.raises(KeyError, match="no image at"):
        data[{"time": 40}]


def test_what_is_known_about_it(data: Dataset, path: Path) -> None:
    assert (data.exit_status, data.counters["frames_lost"], data.ledger[0]["count"]) == ("completed", 21, 1)
    assert data.config == {"camera": {"fps": 100.0}}
    assert data.config_text.startswith("[camera]")
    assert data.events[0]["text"] == "as it was"
    assert data.zluts == {"lut.npz": path / "zluts" / "lut.npz"}
    assert data.problems() == []


def test_reading_while_it_is_recorded(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    data = open_dataset(folder.path)
    assert len(data.tracks()) == len(data.frames()) == len(data.bead_ids) == 0
    with pytest.raises(MagscopeError, match="holds no images"):
        _ = data.video
    tracks, storage = new_tracks(folder), NDTiffStorage(folder.next_video_part())
    for frame_id in range(300):
        tracks.append_rows(make_rows(range(frame_id, frame_id + 1), N_BEADS))
        durable = tracks.flush()
        storage.put({"time": frame_id}, image(frame_id), {})
        if frame_id % 60 == 59:
            assert len(data.frames()) == durable == frame_id
            assert np.array_equal(data[{"time": frame_id}], image(frame_id))
            data.refresh()
            assert len(data.video) == frame_id + 1
    tracks.close()
    storage.close()
    assert len(data.frames()) == 300


def test_mosaics_of_different_size_are_read_part_by_part(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    for number, shape in enumerate([(5, 7), (10, 7)]):
        storage = NDTiffStorage(folder.next_video_part())
        storage.put({"time": number}, image(number, shape), {})
        storage.close()
    data = open_dataset(folder.path)
    with pytest.raises(MagscopeError, match=r"0001: 5 × 7 uint16, 0002: 10 × 7 uint16; ask for one part"):
        _ = data.video
    assert np.array_equal(pixels(data.video_part("0002")[0]), image(1, (10, 7)))


def test_repeated_frames_of_a_restarted_recorder_come_once(tmp_path: Path) -> None:
    folder = DatasetFolder.create(tmp_path, "x", config_text=b"", unix_start_ns=UNIX_START_NS)
    for frames in (range(5), range(3, 9)):
        tracks = new_tracks(folder)
        tracks.append_rows(make_rows(frames, 1))
        tracks.close()
    assert open_dataset(folder.path).tracks()["frame_id"].tolist() == list(range(9))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "there is no dataset.json in it"),
        (b"\xff{", "cannot be read"),
        (b"[]", "it holds no entries"),
        (b'{"schema_version": "1"}', "'schema_version' is missing or no int"),
        (b"[" * 100_000, "cannot be read"),
    ],
)
def test_foreign_folder(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    if content is not None:
        (tmp_path / "dataset.json").write_bytes(content)
    with pytest.raises(MagscopeError, match=sentence) as caught:
        open_dataset(tmp_path)
    assert "\n" not in str(caught.value)
    with pytest.raises(MagscopeError, match="is no folder"):
        open_dataset(tmp_path / "absent")
