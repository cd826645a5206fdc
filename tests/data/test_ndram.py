from __future__ import annotations

import numpy as np
import pytest

from magscope_app.data import DataCoordinates
from magscope_app.data.storage import Pixels
from magscope_app.storage import NDRAMStorage
from tests.data.children import image


@pytest.mark.parametrize("shape", [(), (3,), (5, 7), (2, 5, 7), (5, 7, 3, 2), (0,), (0, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.complex128, bool])
def test_arrays_of_any_shape_and_type(shape: tuple[int, ...], dtype: type) -> None:
    storage = NDRAMStorage()
    data: Pixels = np.ones(shape, dtype)
    storage.put({"time": 0}, data, {"a": 1})
    assert storage[{"time": 0}].shape == shape
    assert storage[{"time": 0}].dtype == dtype
    np.testing.assert_array_equal(storage[{"time": 0}], data)
    assert storage.get_metadata({"time": 0}) == {"a": 1}
    storage.close()


def test_what_is_put_and_what_is_read_are_copies() -> None:
    storage = NDRAMStorage()
    data, metadata = image(0), {"n": [1]}
    storage.put(coords := DataCoordinates(time=0), data, metadata)
    data[:] = 0
    metadata["n"].append(2)
    coords.time = 9
    storage[{"time": 0}][:] = 0
    storage.get_metadata({"time": 0})["n"].append(3)
    np.testing.assert_array_equal(storage[{"time": 0}], image(0))
    assert storage.get_metadata({"time": 0}) == {"n": [1]}
    assert coords not in storage


def test_coordinates_are_taken_as_they_are() -> None:
    storage = NDRAMStorage()
    storage.put({"channel": "a", "self": 1}, image(0), {})
    assert {"channel": "a", "self": 1} in storage
    for other in ({"channel": 0, "self": 1}, {"channel": "b", "self": 1}, {"self": 1}):
        assert other not in storage
        with pytest.raises(KeyError, match="no data"):
            storage.get_data(other)
    assert "channel" not in storage
    with pytest.raises(KeyError, match="already stored"):
        storage.put({"self": 1, "channel": "a"}, image(1), {})
    assert "str values" in str(storage.why_not((5, 7), np.dtype(np.uint8), {"channel": 1}))
    with pytest.raises(ValueError, match="str values"):
        storage.put({"channel": 1}, image(1), {})
    assert len(storage) == 1
    np.testing.assert_array_equal(storage[{"channel": "a", "self": 1}], image(0))


def test_nothing_after_finish_and_nothing_left_after_close() -> None:
    storage = NDRAMStorage()
    storage.put({"time": 0}, image(0), {})
    storage.finish()
    storage.finish()
    with pytest.raises(RuntimeError, match="finished"):
        storage.put({"time": 1}, image(1), {})
    np.testing.assert_array_equal(storage[{"time": 0}], image(0))
    storage.close()
    storage.close()
    assert len(storage) == 0
    with pytest.raises(KeyError, match="no data"):
        storage.get_data({"time": 0})
    with pytest.raises(RuntimeError, match="finished"):
        storage.put({"time": 1}, image(1), {})
