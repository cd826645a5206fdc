from __future__ import annotations

import logging
import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from magscope_app.data import DataCoordinates, DataHandler, DataProcessor
from magscope_app.storage import NDRAMStorage
from tests.data.storages import GatedStorage

Result = tuple[DataCoordinates, NDArray[Any], dict[str, Any]]


def process_function(data_coords: DataCoordinates, data: NDArray[Any], metadata: dict[str, Any]) -> Result:
    # Modify data or metadata
    data[:100, :100] = 0
    metadata["new_key"] = "new_value"
    return data_coords, data, metadata


def multi_output_process(
    coords: DataCoordinates, data: NDArray[Any], metadata: dict[str, Any]
) -> list[Result]:
    data2 = np.array(data, copy=True)
    metadata2 = metadata.copy()
    metadata2["Channel"] = "New_Channel"
    return [(coords, data, metadata), (coords, data2, metadata2)]


def test_document_example_in_place() -> None:
    raw = np.full((120, 160), 7, np.uint16)
    storage = NDRAMStorage()
    metadata = {"old": 1}
    processor = DataProcessor(process_function)
    with DataHandler(storage, process_fn=processor) as data_handler:
        for time in range(20):
            data_handler.put(DataCoordinates(time=time), raw, metadata)
    assert (raw == 7).all()
    assert metadata == {"old": 1}
    for time in range(20):
        found = data_handler.get({"time": time}, return_data=True, return_metadata=True)
        assert found is not None
        data, stored = found
        assert data is not None
        assert (data[:100, :100] == 0).all()
        assert (data[100:] == 7).all()
        assert stored == {"old": 1, "new_key": "new_value"}


def test_document_example_multi_output(caplog: pytest.LogCaptureFixture) -> None:
    storage = NDRAMStorage()
    with caplog.at_level(logging.WARNING), DataHandler(storage, process_fn=multi_output_process) as handler:
        handler.put(DataCoordinates(time=0), np.ones((3, 4), np.uint8), {})
    assert handler.duplicates == 1
    assert handler.stored_count == 1
    assert storage.get_metadata({"time": 0}) == {"Channel": "New_Channel"}
    assert "more than once for time=0" in caplog.text


def test_duplicates_are_counted_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    processor = DataProcessor(multi_output_process)
    for part in range(2):
        with caplog.at_level(logging.WARNING), DataHandler(NDRAMStorage(), processor) as handler:
            for time in range(5):
                handler.put({"part": part, "time": time}, np.ones((3, 4), np.uint8), {})
        assert handler.duplicates == 5
    assert processor.duplicates == 10
    assert len(caplog.records) == 1


def test_document_example_batch() -> None:
    def batch_process(coords: DataCoordinates, data: NDArray[Any], metadata: dict[str, Any]) -> Result | None:
        if not hasattr(batch_process, "images"):
            batch_process.images = []  # type: ignore[attr-defined]  # as in the document
        batch_process.images.append(data)  # type: ignore[attr-defined]  # as in the document
        if len(batch_process.images) == 10:  # type: ignore[attr-defined]  # as in the document
            combined = np.stack(batch_process.images, axis=0)  # type: ignore[attr-defined]  # as in the document
            batch_process.images = []  # type: ignore[attr-defined]  # as in the document
            return coords, combined, metadata
        return None

    storage = NDRAMStorage()
    done: list[tuple[int, bool]] = []
    slot = np.zeros((3, 4), np.uint16)
    with DataHandler(storage, process_fn=batch_process) as handler:
        for time in range(20):
            # One buffer used over and over, as a camera does.
            slot[:] = time
            handler.put(
                {"time": time}, slot, {}, on_done=lambda c, stored: done.append((int(c.time), stored))
            )
    assert len(storage) == 2
    for last in (9, 19):
        expected = np.arange(last - 9, last + 1)[:, None, None] * np.ones((1, 3, 4))
        np.testing.assert_array_equal(storage[{"time": last}], expected)
    assert sorted(done) == [(time, time in (9, 19)) for time in range(20)]


def test_a_processor_may_go_on_changing_what_it_returned() -> None:
    total = np.zeros((3, 4), np.uint32)

    def running_sum(coords: DataCoordinates, data: NDArray[Any], metadata: dict[str, Any]) -> Result:
        np.add(total, data, out=total)
        return coords, total, metadata

    storage = NDRAMStorage()
    with DataHandler(storage, running_sum) as handler:
        for time in range(50):
            handler.put({"time": time}, np.ones((3, 4), np.uint16), {})
    assert [int(storage[{"time": time}][0, 0]) for time in range(50)] == list(range(1, 51))


def test_a_processor_may_go_on_changing_metadata_that_it_returned() -> None:
    times: list[int] = []
    seen_all = threading.Event()

    def remember(coords: DataCoordinates, data: NDArray[Any], metadata: dict[str, Any]) -> Result:
        times.append(int(coords.time))
        if len(times) == 3:
            seen_all.set()
        metadata["times"] = times
        return coords, data, metadata

    storage = GatedStorage()
    with DataHandler(storage, remember) as handler:
        for time in range(3):
            handler.put({"time": time}, np.ones((3, 4), np.uint16), {})
        assert seen_all.wait(20)
        storage.gate.set()
    assert [len(storage.get_metadata({"time": time})["times"]) for time in range(3)] == [1, 2, 3]


def test_results_may_be_plain_dicts_and_new_coordinates() -> None:
    def split(coords: DataCoordinates, data: NDArray[Any], metadata: dict[str, Any]) -> list[Any]:
        return [({**coords, "half": half}, part, metadata) for half, part in enumerate(np.hsplit(data, 2))]

    result = DataProcessor(split).process({"time": 1}, np.arange(12).reshape(2, 6), {})
    assert [image.coordinates for image in result.images] == [{"time": 1, "half": 0}, {"time": 1, "half": 1}]
    assert [image.data.shape for image in result.images] == [(2, 3), (2, 3)]
    assert result.duplicates == 0


def test_of_the_same_coordinates_the_later_wins() -> None:
    def twice(coords: DataCoordinates, data: NDArray[Any], metadata: dict[str, Any]) -> list[Any]:
        return [(coords, data, {"n": 1}), ({"time": 5}, data, {}), (coords, data + 1, {"n": 2})]

    result = DataProcessor(twice).process({"time": 1}, np.zeros((2, 3)), {})
    assert [image.coordinates for image in result.images] == [{"time": 5}, {"time": 1}]
    assert result.images[1].metadata == {"n": 2}
    assert result.images[1].data[0, 0] == 1
    assert result.duplicates == 1


@pytest.mark.parametrize(
    "wrong",
    [3, "abc", (1, 2), ({"time": 1}, [1, 2], {}), ({"time": 1}, {}, np.zeros(3)), [None], (1, 2, 3, 4)],
)
def test_other_results_are_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match="a processor returns"):
        DataProcessor(lambda c, d, m: wrong).process({"time": 1}, np.zeros((2, 3)), {})


def test_no_function_is_refused() -> None:
    with pytest.raises(TypeError, match="not int"):
        DataProcessor(3)  # type: ignore[arg-type]  # the point of the test
