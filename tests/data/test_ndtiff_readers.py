"""Our files in the hands of other programs' readers, and after a kill."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time as clock
from pathlib import Path

import ndstorage
import numpy as np
import pytest
import tifffile

from magscope_app.data import DataHandler
from magscope_app.storage import NDTiffStorage
from tests.data.children import image, leave_unfinished, record_images_until_killed


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_ndstorage_reads_our_files(tmp_path: Path, dtype: type) -> None:
    storage = NDTiffStorage(tmp_path, summary_metadata={"nm_per_px": 100.5})
    with DataHandler(storage) as handler:
        for time in range(6):
            for channel in ("a", "b"):
                handler.put({"time": time, "channel": channel}, image(time, dtype), {"n": time})
    storage.close()
    dataset = ndstorage.Dataset(str(tmp_path))
    assert dataset.summary_metadata == {"nm_per_px": 100.5}
    assert dataset.as_array().shape == (6, 2, 5, 7)
    assert dataset.dtype == dtype
    for time in range(6):
        np.testing.assert_array_equal(dataset.read_image(time=time, channel="b"), image(time, dtype))
        assert dataset.read_metadata(time=time, channel="b")["n"] == time
    dataset.close()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tifffile_reads_our_files(tmp_path: Path, dtype: type) -> None:
    storage = NDTiffStorage(tmp_path)
    for time in range(7):
        storage.put({"time": time}, image(time, dtype), {"odd": "x" * time})
    storage.close()
    with tifffile.TiffFile(tmp_path / "NDTiffStack.tif") as tiff:
        assert len(tiff.pages) == 7
        for time, page in enumerate(tiff.pages):
            assert page.asarray().dtype == dtype
            np.testing.assert_array_equal(page.asarray(), image(time, dtype))


def test_the_coordinates_stand_in_the_image_metadata(tmp_path: Path) -> None:
    storage = NDTiffStorage(tmp_path)
    storage.put({"time": 3, "step": 4}, image(0), {"n": 1})
    storage.close()
    with tifffile.TiffFile(tmp_path / "NDTiffStack.tif") as tiff:
        page = tiff.pages.first
        assert page.tags[51123].value == {"n": 1, "magscope_app": {"axes": {"time": 3, "step": 4}}}


def check_killed(folder: Path, delay_s: float) -> int:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=record_images_until_killed, args=(str(folder), theirs))
    child.start()
    theirs.close()
    acknowledged = []
    assert ours.poll(30)
    deadline = clock.monotonic() + delay_s
    while clock.monotonic() < deadline:
        if ours.poll(0.01):
            acknowledged.append(ours.recv())
    os.kill(child.pid or 0, signal.SIGKILL)
    child.join(10)
    try:
        while ours.poll(0):
            acknowledged.append(ours.recv())
    except EOFError:
        ours.close()
    dataset = ndstorage.Dataset(str(folder))
    for time in acknowledged:
        np.testing.assert_array_equal(dataset.read_image(time=time), image(time % 5))
        assert dataset.read_metadata(time=time)["n"] == time
    dataset.close()
    return len(acknowledged)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.2])
def test_what_was_stored_survives_kill_9(tmp_path: Path, delay_s: float) -> None:
    assert check_killed(tmp_path, delay_s) > 0


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
@pytest.mark.parametrize("trial", range(50))
def test_what_was_stored_survives_many_kills(tmp_path: Path, trial: int) -> None:
    assert check_killed(tmp_path, float(np.random.default_rng(trial).uniform(0, 0.3))) > 0


def test_a_storage_that_nobody_finished_keeps_no_process_alive(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    child = context.Process(target=leave_unfinished, args=(str(tmp_path),))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    dataset = ndstorage.Dataset(str(tmp_path))
    np.testing.assert_array_equal(dataset.read_image(time=0), image(0))
    dataset.close()
