from __future__ import annotations

import gc
import json
import multiprocessing
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from magscope_app.datatypes import TRUTH_COLUMNS
from magscope_app.errors import MagscopeError
from magscope_app.storage import TracksFile
from tests.data.children import (
    UNIX_START_NS,
    full_disk_after,
    record_tracks_until_full,
    record_tracks_until_killed,
)
from tests.data.rows import make_rows


def new_file(path: Path, **options: Any) -> TracksFile:
    return TracksFile(path, unix_start_ns=UNIX_START_NS, **options)


def test_has_the_layout_of_magscope_tracking_data(tmp_path: Path) -> None:
    tracks = new_file(tmp_path / "tracks.h5")
    tracks.append_rows(make_rows(range(4), 3))
    tracks.flush()
    tracks.append_rows(make_rows(range(4, 6), 2))
    tracks.append_rows(make_rows(range(6, 7), 0))
    tracks.close()
    with h5py.File(tmp_path / "tracks.h5") as file:
        group = file["tracking"]
        layout = {name: (dataset.shape, dataset.dtype.str) for name, dataset in group.items()}
        assert layout == {
            "batch_sequence": ((2,), "<u8"),
            "batch_frame_start": ((2,), "<u8"),
            "batch_frame_count": ((2,), "<u8"),
            "batch_record_start": ((2,), "<u8"),
            "batch_record_count": ((2,), "<u8"),
            "frame_timestamps_ns": ((7,), "<u8"),
            "frame_offsets": ((8,), "<u8"),
            "frame_batch_sequence": ((7,), "<u8"),
            "bead_ids": ((16,), "<u2"),
            "positions_nm": ((16, 3), "<f8"),
            "roi_positions_px": ((16, 2), "<u2"),
            "frame_ids": ((7,), "<u8"),
            "frame_session_ns": ((7,), "<i8"),
            "focus_nm": ((7,), "<f8"),
            "sigma_nm": ((16, 3), "<f4"),
            "quality": ((16,), "<f4"),
            "flags": ((16,), "|u1"),
        }
        assert group.attrs["schema_version"] == 1
        assert group.attrs["include_roi_positions"] == 1
        assert group["frame_offsets"][:].tolist() == [0, 3, 6, 9, 12, 14, 16, 16]
        assert group["batch_frame_start"][:].tolist() == [0, 3]
        assert group["batch_frame_count"][:].tolist() == [3, 4]
        assert group["batch_record_start"][:].tolist() == [0, 9]
        assert group["batch_record_count"][:].tolist() == [9, 7]
        assert group["frame_batch_sequence"][:].tolist() == [0, 0, 0, 1, 1, 1, 1]
        session = [frame * 10_000_000 + 123 for frame in range(7)]
        assert group["frame_session_ns"][:].tolist() == session
        assert group["frame_timestamps_ns"][:].tolist() == [UNIX_START_NS + t_ns for t_ns in session]
        assert group.attrs["min_frame_timestamp_ns"] == UNIX_START_NS + session[0]
        assert group.attrs["max_frame_timestamp_ns"] == UNIX_START_NS + session[-1]
        first, last = group["frame_offsets"][4:6]
        assert group["bead_ids"][first:last].tolist() == [0, 1]
        assert group["positions_nm"][first:last].tolist() == [[4.25, 0.5, 0.0], [4.25, 1.5, -4.0]]
        assert group["roi_positions_px"][first:last].tolist() == [[0, 1], [10, 11]]
        assert group["sigma_nm"][first:last].tolist() == [[1, 2, 3], [2, 3, 4]]


def test_is_readable_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "tracks.h5"
    tracks = new_file(path, telemetry={"focus": {"unit": "um"}}, truth_columns=TRUTH_COLUMNS)
    with h5py.File(path, "r", swmr=True) as reader:
        stamps = reader["tracking/frame_timestamps_ns"]
        assert len(stamps) == 0
        tracks.append_rows(make_rows(range(5), 2))
        tracks.append_telemetry("focus", np.ones((3, 5)))
        tracks.append_truth(np.full((4, len(TRUTH_COLUMNS)), 2.0))
        assert tracks.flush() == tracks.durable_frames == 4
        assert tracks.flush() == 4
        for name in ("tracking/frame_timestamps_ns", "telemetry/focus", "truth"):
            reader[name].refresh()
        assert len(stamps) == 4
        assert reader["telemetry/focus"].shape == (3, 5)
        assert (reader["truth"][:] == 2).all()
        assert tracks.flush(final=True) == 5
        stamps.refresh()
        assert len(stamps) == 5
    tracks.close()


def test_the_completed_file_explains_itself(tmp_path: Path) -> None:
    events, lut, config = tmp_path / "events.jsonl", tmp_path / "lut.npz", tmp_path / "config.toml"
    events.write_text('{"kind": "note", "text": "ä"}\n{"kind": "loss"}\n', encoding="utf-8")
    lut.write_bytes(b"\x00\x01\xff")
    config.write_bytes(b"a = 1\r\n")
    attributes = {"nm_per_px": 100.5, "session": "x", "settings": {"a": [1, 2]}}
    tracks = new_file(
        tmp_path / "tracks.h5",
        attributes=attributes,
        telemetry={"motor": {"unit": "mm"}},
        truth_columns=("a", "b"),
    )
    tracks.append_telemetry("motor", [[1, 2, 3, 0, 1]])
    tracks.append_truth([[1, 2]])
    for _ in range(2):
        tracks.close("interrupted", events_path=events, zlut_paths=[lut], documents=[config])
    with h5py.File(tmp_path / "tracks.h5") as file:
        assert file.attrs["exit_status"] == "interrupted"
        assert file.attrs["nm_per_px"] == 100.5
        assert json.loads(file.attrs["settings"]) == {"a": [1, 2]}
        assert [json.loads(line)["kind"] for line in file["events"]] == ["note", "loss"]
        assert json.loads(file["events"][0])["text"] == "ä"
        assert file["zluts/lut.npz"][:].tobytes() == b"\x00\x01\xff"
        assert file["documents/config.toml"][()] == b"a = 1\r\n"
        assert file["telemetry/motor"].attrs["unit"] == "mm"
        assert list(file["telemetry/motor"].attrs["columns"])[:2] == ["t_ns", "position"]
        assert list(file["truth"].attrs["columns"]) == ["a", "b"]
        assert file["telemetry/motor"][:].tolist() == [[1, 2, 3, 0, 1]]


def test_wrong_rows_and_devices_are_refused(tmp_path: Path) -> None:
    tracks = new_file(tmp_path / "tracks.h5", telemetry={"motor": {}})
    with pytest.raises(ValueError, match="shape"):
        tracks.append_rows(np.zeros((1, 7)))
    with pytest.raises(ValueError, match="shape"):
        tracks.append_telemetry("motor", np.zeros((1, 4)))
    with pytest.raises(ValueError, match="devices: motor"):
        tracks.append_telemetry("other", np.zeros((1, 5)))
    with pytest.raises(ValueError, match="truth"):
        tracks.append_truth(np.zeros((1, 6)))
    tracks.close()
    with pytest.raises(MagscopeError, match="closed"):
        tracks.flush()
    for name in ("", "a/b", ".."):
        with pytest.raises(ValueError, match="names"):
            new_file(tmp_path / "other.h5", telemetry={name: {}})
    assert not (tmp_path / "other.h5").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    new_file(tmp_path / "tracks.h5").close()
    with pytest.raises(MagscopeError, match="could not be made"):
        new_file(tmp_path / "tracks.h5")
    with pytest.raises(MagscopeError, match="could not be made"):
        new_file(tmp_path / "absent" / "tracks.h5")


def test_a_file_without_frames(tmp_path: Path) -> None:
    tracks = new_file(tmp_path / "tracks.h5")
    assert tracks.flush(final=True) == 0
    tracks.close()
    with h5py.File(tmp_path / "tracks.h5") as file:
        assert file["tracking/frame_offsets"][:].tolist() == [0]
        assert file.attrs["exit_status"] == "completed"


def check_readable(path: Path, acknowledged: int) -> int:
    """Check what a reader finds in the file of a writer that was killed; return the number of frames."""
    with h5py.File(path, "r", swmr=True) as file:
        group = file["tracking"]
        n_frames = len(group["frame_timestamps_ns"])
        assert n_frames >= acknowledged
        offsets = group["frame_offsets"][: n_frames + 1]
        n_records = int(offsets[-1])
        expected = make_rows(range(n_frames), 3)
        assert n_records == len(expected)
        np.testing.assert_array_equal(group["frame_ids"][:n_frames], np.arange(n_frames))
        np.testing.assert_array_equal(group["positions_nm"][:n_records], expected[:, 2:5])
        np.testing.assert_array_equal(group["bead_ids"][:n_records], expected[:, 5])
        stamps = group["frame_session_ns"][:n_frames] + UNIX_START_NS
        np.testing.assert_array_equal(group["frame_timestamps_ns"][:n_frames], stamps)
    return n_frames


def check_killed(path: Path, delay_s: float) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=record_tracks_until_killed, args=(str(path), theirs))
    child.start()
    theirs.close()
    assert ours.poll(30)
    time.sleep(delay_s)
    os.kill(child.pid or 0, signal.SIGKILL)
    child.join(10)
    acknowledged = 0
    try:
        while ours.poll(0):
            acknowledged = ours.recv()
    except EOFError:
        pass
    ours.close()
    assert check_readable(path, acknowledged) >= acknowledged > 0


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
@pytest.mark.parametrize("delay_s", [0.0, 0.08, 0.25])
def test_acknowledged_frames_survive_kill_9(tmp_path: Path, delay_s: float) -> None:
    check_killed(tmp_path / "tracks.h5", delay_s)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
@pytest.mark.parametrize("trial", range(50))
def test_acknowledged_frames_survive_many_kills(tmp_path: Path, trial: int) -> None:
    check_killed(tmp_path / "tracks.h5", float(np.random.default_rng(trial).uniform(0, 0.4)))


def test_a_disk_that_is_almost_full_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tracks.h5"
    tracks = new_file(path, reserve_bytes=2**62)
    tracks.append_rows(make_rows(range(5), 3))
    for _ in range(2):
        with pytest.raises(MagscopeError, match="is full"):
            tracks.flush()
    assert tracks.durable_frames == 0
    tracks.close("interrupted")
    assert check_readable(path, 5) == 5


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of the file size")
def test_a_file_without_room_for_its_end_is_not_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tracks.h5"
    tracks = new_file(path)
    tracks.append_rows(make_rows(range(5), 3))
    durable = tracks.flush()
    tracks.append_rows(make_rows(range(5, 2000), 3))
    free = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: free)
    with full_disk_after(path.stat().st_size):
        for end in (tracks.flush, tracks.close):
            with pytest.raises(MagscopeError, match="is full"):
                end()
        gc.collect()
    # It is as a kill leaves it, and takes nothing more.
    assert check_readable(path, durable) == durable == 4
    tracks.close()
    with pytest.raises(MagscopeError, match="is closed"):
        tracks.flush(final=True)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of the file size")
def test_a_disk_that_fails_is_told_and_what_was_acknowledged_is_readable(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=record_tracks_until_full, args=(str(tmp_path / "tracks.h5"), theirs))
    child.start()
    theirs.close()
    assert ours.poll(60)
    durable, errors = ours.recv()
    child.join(20)
    ours.close()
    assert child.exitcode == 0
    assert "not full" in errors[0]
    assert len(errors) == 3
    assert durable > 0
    check_readable(tmp_path / "tracks.h5", durable)
