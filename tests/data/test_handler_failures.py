from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from magscope_app.data import DataCoordinates, DataHandler
from magscope_app.storage import NDRAMStorage
from tests.data.storages import FullDiskStorage, GatedStorage

IMAGE = np.ones((3, 4), np.uint16)


def put_until_refused(handler: DataHandler, count: int, **options: Any) -> int:
    """Put images until an error comes; return how many were accepted."""
    for i in range(count):
        try:
            handler.put({"time": i}, IMAGE, {}, **options)
        except (OSError, ValueError):
            return i
    return count


def fragile(coords: DataCoordinates, data: NDArray[Any], metadata: dict[str, Any]) -> Any:
    if coords.time == 3:
        raise ValueError("bad frame")
    return coords, data, metadata


def test_a_processor_that_raises_loses_its_own_frame_only() -> None:
    storage = GatedStorage()
    done: dict[int, bool] = {}
    handler = DataHandler(storage, fragile)
    accepted = put_until_refused(handler, 10, on_done=lambda c, stored: done.__setitem__(int(c.time), stored))
    assert accepted >= 4
    storage.gate.set()
    for call in (
        handler.await_completion,
        handler.finish,
        handler.finish,
        lambda: handler.put({"time": 99}, IMAGE),
    ):
        with pytest.raises(ValueError, match="bad frame") as caught:
            call()
    assert "while processing time=3" in caught.value.__notes__
    assert sorted(int(c["time"]) for c in storage._stored) == [i for i in range(accepted) if i != 3]
    assert storage.finish_count == 1
    assert [(dict(failure.coordinates or {}), failure.stage) for failure in handler.failures] == [
        ({"time": 3}, "processing")
    ]
    assert done == {i: i != 3 for i in range(accepted)}


def test_a_full_disk_is_told_with_coordinates_and_the_storage_is_finished() -> None:
    storage = FullDiskStorage(capacity=5)
    handler = DataHandler(storage)
    accepted = put_until_refused(handler, 5000)
    assert accepted < 5000
    with pytest.raises(OSError, match="No space left"):
        handler.finish()
    assert handler.stored_count == 5
    assert [dict(failure.coordinates or {}) for failure in handler.failures] == [
        {"time": i} for i in range(5, accepted)
    ]
    assert storage.finish_count == 1
    assert handler.pending == 0
    with pytest.raises(KeyError):
        handler.get({"time": 5})


def test_what_ends_the_block_goes_first() -> None:
    storage = FullDiskStorage(capacity=0)

    def fail_inside() -> None:
        with DataHandler(storage) as handler:
            handler.put({"time": 0}, IMAGE)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    assert storage.finish_count == 1


@pytest.mark.parametrize("images", [0, 2])
def test_a_storage_that_cannot_be_finished(images: int) -> None:
    handler = DataHandler(FullDiskStorage(capacity=9, finish_error=OSError("gone")))
    for i in range(images):
        handler.put({"time": i}, IMAGE)
    with pytest.raises(OSError, match="gone"):
        handler.finish()
    assert handler.failures[0].stage == "finishing"
    assert handler.failures[0].coordinates is None


def test_a_callback_that_raises_loses_nothing() -> None:
    def fail(coords: DataCoordinates, stored: bool) -> None:
        raise ValueError("callback")

    storage = NDRAMStorage()
    handler = DataHandler(storage)
    handler.put({"time": 0}, IMAGE, {}, on_done=fail)
    with pytest.raises(ValueError, match="callback"):
        handler.finish()
    assert handler.stored_count == len(storage) == 1


def test_a_processor_that_exits_does_not_kill_the_thread() -> None:
    def leave(coords: DataCoordinates, data: NDArray[Any], metadata: dict[str, Any]) -> Any:
        raise SystemExit(3)

    handler = DataHandler(NDRAMStorage(), leave)
    handler.put({"time": 0}, IMAGE)
    with pytest.raises(SystemExit):
        handler.finish()


def test_a_processor_that_moves_data_onto_others() -> None:
    storage = GatedStorage()
    handler = DataHandler(storage, lambda c, d, m: ({"time": 0}, d + c["time"], m))
    handler.put({"time": 0}, IMAGE)
    handler.put({"time": 1}, IMAGE)
    storage.gate.set()
    with pytest.raises(KeyError):
        handler.finish()
    assert handler.stored_count == 1
    assert (storage[{"time": 0}] == 1).all()


def test_a_storage_that_stops_is_noticed() -> None:
    storage = GatedStorage()
    handler = DataHandler(storage, queue_size=2, stall_timeout_s=0.3)
    handler.put({"time": 0}, IMAGE)
    begin = time.monotonic()

    def put_more() -> None:
        for i in range(1, 9):
            handler.put({"time": i}, IMAGE)

    with pytest.raises(TimeoutError, match="check the disk"):
        put_more()
    accepted = handler.pending
    with pytest.raises(TimeoutError):
        handler.await_completion()
    assert time.monotonic() - begin < 10
    storage.gate.set()
    handler.await_completion()
    handler.finish()
    assert len(storage) == accepted
