"""Datasets of the tests, with known content; imports little, for child processes import it anew."""

from __future__ import annotations

import hashlib
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magscope_app.storage import DatasetFolder, NDTiffStorage, TracksFile
from tests.data.rows import make_rows

UNIX_START_NS = 1_790_000_000_123_456_789
N_BEADS = 3
SHAPE = (5, 7)
FACTOR, SURFACE_NM = 0.88, 12.5
ATTRIBUTES = {"nm_per_px": 100.0, "focal_shift_factor": FACTOR, "surface_nm": SURFACE_NM}
TRUTH_COLUMNS = ("frame_id", "bead_id", "x_nm", "y_nm", "z_nm", "height_nm")


def image(frame_id: int, shape: tuple[int, int] = SHAPE) -> NDArray[Any]:
    return np.random.default_rng(frame_id).integers(0, 65535, shape, dtype=np.uint16)


def new_folder(root: Path) -> DatasetFolder:
    facts = {"mode": "Track and Video (Full)", "config": {"camera": {"fps": 100.0}}}
    return DatasetFolder.create(
        root, "test", config_text=b"[camera]\nfps = 100\n", facts=facts, unix_start_ns=UNIX_START_NS
    )


def new_tracks(folder: DatasetFolder) -> TracksFile:
    return TracksFile(
        folder.next_tracks_path(),
        unix_start_ns=UNIX_START_NS,
        attributes=ATTRIBUTES,
        telemetry={"magnet": {"unit": "mm", "role": "magnet_height"}},
        truth_columns=TRUTH_COLUMNS,
    )


def telemetry(frames: range) -> NDArray[np.float64]:
    """A magnet that moves evenly, reported at every second frame."""
    times = np.arange(frames.start, frames.stop, 2) * 10_000_000.0 + 123
    return np.column_stack([times, times / 1e9, times / 1e9 + 1, times * 0 + 1, times * 0])


def write_part(folder: DatasetFolder, frames: range, images: range) -> None:
    """Write a part of the tracks and a part of the video."""
    tracks = new_tracks(folder)
    rows = make_rows(frames, N_BEADS)
    tracks.append_rows(rows)
    tracks.append_telemetry("magnet", telemetry(frames))
    tracks.append_truth(np.column_stack([rows[:, 0], rows[:, 5], rows[:, 2:5], rows[:, 4]]))
    tracks.close("completed", events_path=folder.events.path)
    storage = NDTiffStorage(folder.next_video_part(), summary_metadata={"dataset": "test"})
    for frame_id in images:
        storage.put({"time": frame_id}, image(frame_id), {"frame_id": np.int64(frame_id), "note": "größer"})
    storage.close()


def make_dataset(root: Path) -> Path:
    """Tracks of frames 10 to 89 and images of 10 to 69 but not of 40, each in two parts; completed."""
    folder = new_folder(root)
    folder.add_zlut(b"not looked into", "lut.npz")
    folder.events.append("note", timestamp_ns=5, frame_id=10, text="as it was")
    write_part(folder, range(10, 50), range(10, 40))
    write_part(folder, range(50, 90), range(41, 70))
    counts = {"frames_acquired": 80, "frames_tracked": 80, "frames_recorded": 59, "frames_lost": 21}
    loss = {"first_id": 40, "count": 1, "where": "recording", "why": "the disk did not keep up"}
    folder.finish("completed", counts | {"lost_recording": 21}, [loss], start_frame_id=10)
    return folder.path


def pixels(lazy: Any) -> NDArray[Any]:
    """Compute a dask array."""
    return np.asarray(lazy.compute())


def fingerprint(folder: Path) -> dict[str, str]:
    """Return the content of every file, shortened."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def record_until_killed(root: str, acknowledge: Connection) -> None:
    """Record frame after frame and say what the storages have acknowledged."""
    folder = new_folder(Path(root))
    tracks = new_tracks(folder)
    storage = NDTiffStorage(folder.next_video_part(), summary_metadata={"dataset": "test"})
    acknowledge.send((str(folder.path), 0, 0))
    n_images = 0
    for start in range(0, 10**6, 10):
        tracks.append_rows(make_rows(range(start, start + 10), N_BEADS))
        tracks.append_telemetry("magnet", telemetry(range(start, start + 10)))
        durable = tracks.flush()
        for frame_id in range(start, start + 10):
            storage.put({"time": frame_id}, image(frame_id), {"frame_id": frame_id})
            n_images = frame_id + 1
        acknowledge.send((str(folder.path), durable, n_images))
