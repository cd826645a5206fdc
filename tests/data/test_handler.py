from __future__ import annotations

import contextlib
import gc
import itertools
import math
import threading
import time
import weakref
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from magscope_app.data import DataCoordinates, DataHandler
from magscope_app.storage import NDRAMStorage
from tests.data.storages import GatedStorage

IMAGE = np.arange(12, dtype=np.uint16).reshape(3, 4)


class Recorder:
    """A future that writes down what it is told."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, int, bool, bool]] = []

    def _notify_data(
        self,
        coords: DataCoordinates,
        data: NDArray[Any],
        metadata: dict[str, Any],
        *,
        processed: bool,
        stored: bool,
    ) -> None:
        self.heard.append((int(coords.time), int(data[0, 0]), processed, stored))


def test_document_example() -> None:
    storage = NDRAMStorage()
    data_handler = DataHandler(storage)
    coords = DataCoordinates(time=1, channel="GFP")
    data_handler.put(coords, IMAGE, {"exposure": 3})
    data_handler.await_completion()
    found = data_handler.get(coords, return_data=True, return_metadata=True)
    assert found is not None
    np.testing.assert_array_equal(found[0], IMAGE)
    assert found[1] == {"exposure": 3}
    data_handler.finish()


def test_finds_data_wherever_they_are() -> None:
    storage = GatedStorage()
    with DataHandler(storage) as handler:
        coords = DataCoordinates(time=0)
        handler.put(coords, IMAGE, {"a": 1})
        coords.time = 9
        # No processor: the data are what a processor would have returned.
        for processed in (None, True, False):
            found = handler.get({"time": 0}, processed=processed)
            assert found is not None
            np.testing.assert_array_equal(found[0], IMAGE)
        assert handler.get({"time": 0}, return_data=False) == (None, {"a": 1})
        pixels, nothing = handler.get({"time": 0}, return_metadata=False) or (None, {})
        np.testing.assert_array_equal(pixels, IMAGE)
        assert nothing is None
        for absent in ({"time": 9}, coords, {"time": 0, "z": 0}):
            with pytest.raises(KeyError, match="no data"):
                handler.get(absent)
        assert handler.pending == 1
        storage.gate.set()
        handler.await_completion()
        assert handler.pending == 0
        assert handler.get({"time": 0}, return_data=False) == (None, {"a": 1})
        assert handler.stored_count == 1
    assert handler.get({"time": 0}, return_data=False) == (None, {"a": 1})


def test_waiting_processing_and_stored_data_of_a_processor() -> None:
    storage = GatedStorage()
    entered, release = threading.Event(), threading.Event()

    def slow(coords: DataCoordinates, data: NDArray[Any], metadata: dict[str, Any]) -> Any:
        entered.set()
        data[:] = 100
        assert release.wait(20)
        return coords, data, {**metadata, "done": True}

    with DataHandler(storage, slow) as handler:
        handler.put({"time": 0}, IMAGE, {})
        handler.put({"time": 1}, IMAGE, {})
        assert entered.wait(20)
        assert handler.get({"time": 0}, processed=True) is None
        waiting = handler.get({"time": 1})
        assert waiting is not None
        np.testing.assert_array_equal(waiting[0], IMAGE)
        threading.Timer(0.1, release.set).start()
        # Half-processed data are never seen: this waits for the processor.
        found = handler.get({"time": 0})
        assert found is not None
        assert found[0] is not None
        assert (found[0] == 100).all()
        np.testing.assert_array_equal(waiting[0], IMAGE)
        with pytest.raises(KeyError, match="only as the processor"):
            handler.get({"time": 0}, processed=False)
        storage.gate.set()
        handler.await_completion()
        assert handler.get({"time": 0}, processed=True, return_data=False) == (None, {"done": True})
        with pytest.raises(KeyError, match="only as the processor"):
            handler.get({"time": 0}, processed=False)


def test_the_future_hears_of_every_stage() -> None:
    storage = GatedStorage()
    plain, worked = Recorder(), Recorder()
    with DataHandler(storage) as handler:
        handler.put({"time": 0}, IMAGE + 1, {}, plain)
        assert plain.heard == [(0, 1, False, False)]
        storage.gate.set()
    assert plain.heard == [(0, 1, False, False), (0, 1, False, True)]
    with DataHandler(NDRAMStorage(), lambda c, d, m: (c, d + 1, m)) as handler:
        handler.put({"time": 5}, IMAGE + 1, {}, worked)
    assert worked.heard == [(5, 1, False, False), (5, 2, True, False), (5, 2, True, True)]


def test_metadata_are_owned() -> None:
    storage = GatedStorage()
    metadata: dict[str, Any] = {"flat": 1, "deep": {"list": [1]}}
    with DataHandler(storage) as handler:
        handler.put({"time": 0}, IMAGE, metadata)
        metadata["flat"] = 2
        metadata["deep"]["list"].append(2)
        storage.gate.set()
    assert storage.get_metadata({"time": 0}) == {"flat": 1, "deep": {"list": [1]}}


@pytest.mark.parametrize("process_fn", [None, lambda c, d, m: (c, d, m)])
def test_what_is_found_on_its_way_is_the_callers_own(process_fn: Any) -> None:
    storage = GatedStorage()
    with DataHandler(storage, process_fn) as handler:
        handler.put({"time": 0}, IMAGE, {"a": [1]})
        while (found := handler.get({"time": 0}, processed=True)) is None:
            time.sleep(0.001)
        data, metadata = found
        assert data is not None
        assert metadata is not None
        data[:] = 7
        metadata["a"].append(5)
        storage.gate.set()
    np.testing.assert_array_equal(storage[{"time": 0}], IMAGE)
    assert storage.get_metadata({"time": 0}) == {"a": [1]}
    assert IMAGE[0, 1] == 1


@pytest.mark.parametrize("process_fn", [None, lambda c, d, m: (c, d, m)])
def test_a_future_cannot_change_what_is_stored(process_fn: Any) -> None:
    class Meddler:
        def _notify_data(
            self, coordinates: Any, data: Any, metadata: Any, *, processed: bool, stored: bool
        ) -> None:
            metadata["a"].append(5)
            if data.flags.writeable:
                data[:] = 7

    storage = NDRAMStorage()
    image = IMAGE.copy()
    with DataHandler(storage, process_fn) as handler:
        handler.put({"time": 0}, image, {"a": [1]}, Meddler())
    np.testing.assert_array_equal(storage[{"time": 0}], IMAGE)
    np.testing.assert_array_equal(image, IMAGE)
    assert image.flags.writeable
    assert storage.get_metadata({"time": 0}) == {"a": [1]}


def test_the_array_is_passed_by_reference_and_released_when_stored() -> None:
    storage = GatedStorage()
    done: list[tuple[int, bool]] = []
    with DataHandler(storage) as handler:
        slot = np.zeros((3, 4), np.uint8)
        alive = weakref.ref(slot)
        handler.put({"time": 0}, slot, {}, on_done=lambda c, stored: done.append((int(c.time), stored)))
        del slot
        assert alive() is not None
        assert done == []
        storage.gate.set()
        handler.await_completion()
        assert done == [(0, True)]
    gc.collect()
    assert alive() is None


def test_the_same_coordinates_again_change_nothing() -> None:
    storage = GatedStorage()
    with DataHandler(storage) as handler:
        handler.put({"time": 0}, IMAGE, {"n": 1})
        with pytest.raises(KeyError, match="on their way"):
            handler.put({"time": 0}, IMAGE * 0, {"n": 2})
        storage.gate.set()
        handler.await_completion()
        with pytest.raises(KeyError, match="already stored"):
            handler.put(DataCoordinates(time=0), IMAGE * 0, {"n": 3})
        handler.put({"time": 1}, IMAGE, {})
    assert storage.get_metadata({"time": 0}) == {"n": 1}
    np.testing.assert_array_equal(storage[{"time": 0}], IMAGE)
    assert handler.stored_count == 2
    assert handler.failures == ()


def test_a_full_queue_refuses_and_counts() -> None:
    storage = GatedStorage()
    with DataHandler(storage, queue_size=5, on_full="refuse") as handler:
        future = Recorder()
        accepted = [handler.put({"time": i}, IMAGE, {}, future) for i in range(20)]
        assert accepted == [True] * 5 + [False] * 15
        assert handler.refused == 15
        assert handler.pending == 5
        assert len(future.heard) == 5
        with pytest.raises(KeyError):
            handler.get({"time": 19})
        storage.gate.set()
    assert handler.stored_count == 5


def test_refusing_never_waits_however_many_put() -> None:
    storage = GatedStorage()
    handler = DataHandler(storage, queue_size=1, on_full="refuse", stall_timeout_s=20)
    both_told = threading.Barrier(2)

    class Slow:
        def _notify_data(
            self, coordinates: Any, data: Any, metadata: Any, *, processed: bool, stored: bool
        ) -> None:
            if not stored:
                # Both producers are past the question for room, if both may be.
                with contextlib.suppress(threading.BrokenBarrierError):
                    both_told.wait(0.5)

    accepted: list[bool] = []
    producers = [
        threading.Thread(target=lambda i=i: accepted.append(handler.put({"time": i}, IMAGE, {}, Slow())))
        for i in range(2)
    ]
    for producer in producers:
        producer.start()
    for producer in producers:
        producer.join(5)
    assert sorted(accepted) == [False, True]
    assert handler.refused == 1
    storage.gate.set()
    handler.finish()


def test_a_processor_that_waits_for_its_handler_is_refused() -> None:
    said: list[str] = []

    def impatient(coords: DataCoordinates, data: NDArray[Any], metadata: dict[str, Any]) -> Any:
        for wait in (handler.await_completion, handler.finish):
            with pytest.raises(RuntimeError) as caught:
                wait()
            said.append(str(caught.value))
        return coords, data, metadata

    handler = DataHandler(NDRAMStorage(), impatient)
    handler.put({"time": 0}, IMAGE, {}, on_done=lambda *_: handler.await_completion())
    with pytest.raises(RuntimeError, match="cannot wait for the handler"):
        handler.finish()
    assert len(said) == 2
    assert handler.stored_count == 1
    assert [failure.stage for failure in handler.failures] == ["notifying"]


def test_a_processor_that_would_wait_for_room_is_refused() -> None:
    def split(coords: DataCoordinates, data: NDArray[Any], metadata: dict[str, Any]) -> Any:
        if coords.time == 0:
            handler.put({"time": 1}, data)
            handler.put({"time": 2}, data)
        return coords, data, metadata

    handler = DataHandler(NDRAMStorage(), split, queue_size=2, stall_timeout_s=3)
    handler.put({"time": 0}, IMAGE)
    for wait in (handler.await_completion, handler.finish):
        with pytest.raises(RuntimeError, match="cannot wait for the handler"):
            wait()
    assert handler.stored_count == 1
    assert [failure.coordinates for failure in handler.failures] == [{"time": 0}]


def test_what_was_told_is_taken_by_a_handler_that_is_being_finished() -> None:
    class Finisher:
        def _notify_data(
            self, coordinates: Any, data: Any, metadata: Any, *, processed: bool, stored: bool
        ) -> None:
            if stored:
                return
            finisher.start()
            with contextlib.suppress(RuntimeError):
                # Until nothing more can be put.
                for number in itertools.count(1):
                    handler.put({"time": number}, IMAGE)
            # A storage that did not wait for these data would end now.
            time.sleep(0.1)

    # A wait for the storage without end is cut into pieces.
    handler = DataHandler(NDRAMStorage(), stall_timeout_s=math.inf)
    finisher = threading.Thread(target=handler.finish)
    assert handler.put({"time": 0}, IMAGE, {}, Finisher())
    finisher.join(20)
    assert handler.get({"time": 0}, return_data=False) == (None, {})
    assert handler.pending == 0


def test_a_full_queue_makes_put_wait() -> None:
    storage = GatedStorage()
    handler = DataHandler(storage, queue_size=5)
    largest = 0

    def produce() -> None:
        nonlocal largest
        for i in range(200):
            handler.put({"time": i}, IMAGE, {})
            largest = max(largest, handler.pending)

    producer = threading.Thread(target=produce)
    producer.start()
    # Longer than the queue takes to look again.
    producer.join(0.8)
    assert producer.is_alive()
    assert handler.pending == 6
    storage.gate.set()
    producer.join(20)
    handler.finish()
    assert handler.stored_count == 200
    assert largest <= 6


def test_many_threads_may_put() -> None:
    storage = NDRAMStorage()
    with DataHandler(storage, lambda c, d, m: (c, d, m), queue_size=7) as handler:

        def produce(channel: str) -> None:
            for i in range(100):
                handler.put({"time": i, "channel": channel}, IMAGE, {})

        producers = [threading.Thread(target=produce, args=(name,)) for name in "abcd"]
        for producer in producers:
            producer.start()
        for producer in producers:
            producer.join(20)
    assert handler.stored_count == len(storage) == 400


def test_the_storage_is_used_by_one_thread() -> None:
    storage = GatedStorage()
    storage.gate.set()
    with DataHandler(storage, lambda c, d, m: (c, d, m)) as handler:
        for i in range(10):
            handler.put({"time": i}, IMAGE, {})
    assert len(storage.threads) == 1
    assert threading.current_thread().name not in storage.threads
    assert storage.finish_count == 1


def test_nothing_after_finish() -> None:
    storage = GatedStorage()
    storage.gate.set()
    handler = DataHandler(storage)
    handler.put({"time": 0}, IMAGE, {})
    handler.finish()
    handler.finish()
    handler.await_completion()
    with pytest.raises(RuntimeError, match="finished"):
        handler.put({"time": 1}, IMAGE, {})
    assert handler.pending == 0
    assert storage.finish_count == 1


def test_an_unused_handler_finishes_its_storage_and_starts_no_thread() -> None:
    storage = GatedStorage()
    threads = threading.active_count()
    handler = DataHandler(storage)
    assert threading.active_count() == threads
    handler.finish()
    handler.finish()
    assert storage.finish_count == 1


@pytest.mark.parametrize("wrong", [{"queue_size": 0}, {"stall_timeout_s": 0}, {"on_full": "drop"}])
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        DataHandler(NDRAMStorage(), **wrong)


def test_lists_are_no_arrays() -> None:
    with DataHandler(NDRAMStorage()) as handler, pytest.raises(TypeError, match="not list"):
        handler.put({"time": 0}, [[1]], {})  # type: ignore[arg-type]  # the point of the test
