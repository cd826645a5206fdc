"""Images and rows to the disk, against the libraries below, a raw file, and ExEngine, in one run.

``pytest tests/benchmarks/test_storage.py -o addopts= -s`` prints the rates of images; ``--basetemp`` says on
which disk. ExEngine comes with the extra `bench`.
"""

from __future__ import annotations

import importlib.util
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest

from magscope_app.data import DataCoordinates, DataHandler
from magscope_app.datatypes import TRACKS_COLUMNS
from magscope_app.storage import NDTiffStorage, TracksFile

# Bare ndstorage and ExEngine leave files open.
pytestmark = pytest.mark.filterwarnings("ignore")

Images = list[npt.NDArray[np.uint16]]
#: Side of an image in px and images per round.
SIZES = {64: 5000, 512: 300, 2048: 40}
ROUNDS = {64: 11, 512: 7, 2048: 5}
BLOCK_ROWS, BLOCKS = 1000, 300


def raw_file(folder: Path, images: Images, count: int) -> None:
    with (folder / "raw").open("wb", buffering=0) as file:
        for number in range(count):
            file.write(images[number % len(images)].data)


def ndstorage_alone(folder: Path, images: Images, count: int) -> None:
    from ndstorage import NDTiffDataset

    dataset = NDTiffDataset(str(folder), summary_metadata={}, name="bare", writable=True)
    for number in range(count):
        dataset.put_image({"time": number}, images[number % len(images)], {"frame_id": number})
    dataset.finish()
    dataset.close()


def storage(folder: Path, images: Images, count: int) -> None:
    made = NDTiffStorage(folder / "ours")
    for number in range(count):
        made.put({"time": number}, images[number % len(images)], {"frame_id": number})
    made.finish()
    made.close()


def handler(folder: Path, images: Images, count: int) -> None:
    made = NDTiffStorage(folder / "ours")
    with DataHandler(made, queue_size=min(512, 512_000_000 // images[0].nbytes)) as data_handler:
        for number in range(count):
            data_handler.put(DataCoordinates(time=number), images[number % len(images)], {"frame_id": number})
    made.close()


def exengine(folder: Path, images: Images, count: int) -> None:
    """ExEngine's handler; its queue is unbounded, and its storage thread is waited for by looking."""
    from exengine.data import DataCoordinates as TheirCoordinates
    from exengine.data import DataHandler as TheirHandler
    from exengine.kernel.executor import ExecutionEngine as TheirEngine
    from exengine.storage_backends.ndtiff_and_ndram.NDTiffandRAM import NDTiffStorage as TheirStorage

    engine = TheirEngine()
    theirs = TheirStorage(directory=str(folder), name="theirs", summary_metadata={})
    data_handler = TheirHandler(storage=theirs)
    for number in range(count):
        image = images[number % len(images)]
        data_handler.put(TheirCoordinates(time=number), image, {"frame_id": number}, None)
    data_handler.finish()
    while not theirs._storage.is_finished():
        time.sleep(0.001)
    engine.shutdown()


CONTESTANTS: dict[str, Callable[[Path, Images, int], None]] = {
    "raw file": raw_file,
    "ndstorage": ndstorage_alone,
    "NDTiffStorage": storage,
    "DataHandler": handler,
    "ExEngine": exengine,
}


def _seconds(contestant: str, folder: Path, images: Images, count: int) -> float:
    folder.mkdir()
    began = time.perf_counter()
    CONTESTANTS[contestant](folder, images, count)
    took = time.perf_counter() - began
    shutil.rmtree(folder)
    return took


@pytest.mark.parametrize("size", SIZES)
def test_images(size: int, benchmark: Any, tmp_path: Path) -> None:
    """Take turns: what the disk's cache still holds of the one before is the same for all."""
    present = [name for name in CONTESTANTS if name != "ExEngine" or importlib.util.find_spec("exengine")]
    rng = np.random.default_rng(1)
    images = [rng.integers(0, 60_000, (size, size), dtype=np.uint16) for _ in range(4)]
    seconds: dict[str, list[float]] = {name: [] for name in present}

    def one_round() -> None:
        for name in present:
            seconds[name].append(_seconds(name, tmp_path / "round", images, SIZES[size]))

    benchmark.pedantic(one_round, rounds=ROUNDS[size], warmup_rounds=1)
    alone = seconds["ndstorage"][1:]
    print(f"\n{SIZES[size]} images of {size}², 16 bit; share of ndstorage alone: fastest (median) round")
    for name, (_, *took) in seconds.items():
        share = statistics.median(a / b for a, b in zip(alone, took, strict=True))
        rate = SIZES[size] / min(took)
        print(f"{name:14s} {rate:9.0f} images/s  {min(alone) / min(took):.2f} ({share:.2f})")
        benchmark.extra_info[name] = share


def _rows(block: int) -> npt.NDArray[np.float64]:
    """Return 20 beads × 50 frames as rows of tracks."""
    rows = np.zeros((BLOCK_ROWS, len(TRACKS_COLUMNS)))
    rows[:, 0] = block * 50 + np.arange(BLOCK_ROWS) // 20
    rows[:, 1] = rows[:, 0] * 1e7
    rows[:, 5] = np.arange(BLOCK_ROWS) % 20
    return rows


def tracks_file(path: Path, blocks: list[npt.NDArray[np.float64]]) -> None:
    file = TracksFile(path, unix_start_ns=0)
    for rows in blocks:
        file.append_rows(rows)
        file.flush()
    file.close()


def plain_swmr(path: Path, blocks: list[npt.NDArray[np.float64]]) -> None:
    with h5py.File(path, "w", libver="v110") as file:
        width = blocks[0].shape[1]
        table = file.create_dataset(
            "rows", (0, width), maxshape=(None, width), chunks=(4096, width), dtype="f8"
        )
        file.swmr_mode = True
        for number, rows in enumerate(blocks):
            table.resize(((number + 1) * BLOCK_ROWS, width))
            table[number * BLOCK_ROWS :] = rows
            table.flush()


@pytest.mark.parametrize("contestant", [plain_swmr, tracks_file], ids=lambda function: function.__name__)
def test_rows(
    contestant: Callable[[Path, list[npt.NDArray[np.float64]]], None], benchmark: Any, tmp_path: Path
) -> None:
    benchmark.group = f"{BLOCKS} blocks of {BLOCK_ROWS} rows"
    blocks = [_rows(block) for block in range(BLOCKS)]
    rounds = iter(range(1000))
    benchmark.pedantic(
        contestant, setup=lambda: ((tmp_path / f"{next(rounds)}.h5", blocks), {}), rounds=5, warmup_rounds=1
    )
