from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import ndstorage
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from magscope_app.data import DataHandler
from magscope_app.storage import NDTiffStorage
from magscope_app.storage.reading.images import ImagePart
from tests.data.children import full_disk_after, image

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_readable_right_after_put_after_finish_and_by_item(tmp_path: Path, dtype: type) -> None:
    storage = NDTiffStorage(tmp_path)
    for time in range(10):
        storage.put({"time": time}, image(time, dtype), {"number": time})
        np.testing.assert_array_equal(storage[{"time": time}], image(time, dtype))
        assert storage.get_metadata({"time": time}) == {"number": time}
    storage.finish()
    assert len(storage) == 10
    assert {"time": 3} in storage
    assert {"time": 30} not in storage
    assert "time" not in storage
    assert storage[{"time": 3}].dtype == dtype
    with pytest.raises(KeyError, match="no data"):
        storage.get_data({"time": 30})
    storage.close()
    with pytest.raises(RuntimeError, match="closed"):
        storage.get_data({"time": 3})


@settings(max_examples=25, deadline=None)
@given(metadata=st.dictionaries(st.text(max_size=6), JSON, max_size=4))
def test_metadata_come_back_as_they_were_put(
    tmp_path_factory: pytest.TempPathFactory, metadata: dict[str, Any]
) -> None:
    storage = NDTiffStorage(tmp_path_factory.mktemp("ndtiff"))
    storage.put({"time": 0, "channel": "ä"}, image(0), metadata)
    assert storage.get_metadata({"time": 0, "channel": "ä"}) == metadata
    storage.close()


def test_numpy_numbers_in_metadata_become_plain_ones(tmp_path: Path) -> None:
    storage = NDTiffStorage(tmp_path, summary_metadata={"nm_per_px": np.float32(100)})
    given = {
        "a": np.int64(3),
        "b": np.float32(0.5),
        "c": np.bool_(True),
        "d": np.arange(3),
        "e": [np.uint8(1)],
    }
    storage.put({"time": np.int32(1)}, image(1), given)
    assert storage.get_metadata({"time": 1}) == {"a": 3, "b": 0.5, "c": True, "d": [0, 1, 2], "e": [1]}
    storage.close()


def test_what_json_has_no_words_for_comes_back_as_it_was_put(tmp_path: Path) -> None:
    put: dict[str, Any] = {
        "pair": (1, (2.5, float("inf"))),
        "list": [{"deep": (float("-inf"), [np.float32("nan")])}],
        "none": None,
        "empty": (),
    }
    with_nan = {"mean": float("nan"), "array": np.array([1.5, np.nan])}
    storage = NDTiffStorage(tmp_path, summary_metadata={"mean": float("nan")})
    storage.put({"time": 0}, image(0), put)
    storage.put({"time": 1}, image(0), with_nan)
    for _ in range(2):
        found = storage.get_metadata({"time": 0})
        assert np.isnan(found["list"][0]["deep"][1].pop())
        assert found == {**put, "list": [{"deep": (float("-inf"), [])}]}
        assert str(storage.get_metadata({"time": 1})) == "{'mean': nan, 'array': [1.5, nan]}"
    storage.close()
    part = ImagePart(tmp_path)
    assert part.metadata(part.refresh()[0][0])["pair"] == put["pair"]

    # Readers in other languages know no NaN.
    content = (tmp_path / "NDTiffStack.tif").read_bytes()
    assert not any(word in content for word in (b"NaN", b"nfinity"))


@pytest.mark.parametrize(
    "wrong",
    [
        {1: 2},
        {"a": {1: 2}},
        {"a": [{1: 2}]},
        {"a": object()},
        {"a": b"x"},
        {"a": np.datetime64(1, "ns")},
        {"a": [np.timedelta64(1, "ns")]},
        {"a": np.zeros(2, "M8[ns]")},
    ],
)
def test_metadata_that_would_change_are_refused(tmp_path: Path, wrong: dict[Any, Any]) -> None:
    storage = NDTiffStorage(tmp_path)
    with pytest.raises(TypeError, match="metadata"):
        storage.put({"time": 0}, image(0), wrong)
    with pytest.raises(ValueError, match="taken"):
        storage.put({"time": 0}, image(0), {"magscope_app": 1})
    assert len(storage) == 0
    storage.put({"time": 0}, image(0), {})
    storage.close()


@pytest.mark.parametrize(
    "layout",
    [
        lambda a: a[::2, ::3],
        lambda a: a.T,
        lambda a: np.asfortranarray(a),
        lambda a: a[::-1, ::-1],
        lambda a: a.astype(">u2"),
    ],
)
def test_any_memory_layout(tmp_path: Path, layout: Any) -> None:
    storage = NDTiffStorage(tmp_path)
    data = layout(image(3, shape=(8, 12)))
    storage.put({"time": 0}, data, {})
    np.testing.assert_array_equal(storage[{"time": 0}], data)
    storage.close()


def test_what_the_format_cannot_hold_is_refused_with_a_reason(tmp_path: Path) -> None:
    storage = NDTiffStorage(tmp_path)
    u2 = np.dtype(np.uint16)
    assert storage.why_not((5, 7), u2, {"time": 0, "channel": "a"}) is None
    assert storage.why_not((5, 7), np.dtype(np.uint8)) is None
    reasons = {
        "shape": storage.why_not((5, 7, 3), u2),
        "not of shape": storage.why_not((0, 7), u2),
        "float32": storage.why_not((5, 7), np.dtype(np.float32)),
        "int16": storage.why_not((5, 7), np.dtype(np.int16)),
        "uint32": storage.why_not((5, 7), np.dtype(np.uint32)),
        "bool": storage.why_not((5, 7), np.dtype(bool)),
        "too large": storage.why_not((70_000, 70_000), u2),
        "axis": storage.why_not((5, 7), u2, {}),
    }
    for word, reason in reasons.items():
        assert reason is not None
        assert word in reason
    for data in (np.zeros((5, 7, 3), np.uint8), np.zeros((5, 7), np.float64), np.zeros((0, 7), np.uint8)):
        with pytest.raises(ValueError, match="NDTiff holds"):
            storage.put({"time": 0}, data, {})
    storage.put({"time": 0}, image(0), {})
    assert "int values" in str(storage.why_not((5, 7), u2, {"time": "a"}))
    with pytest.raises(ValueError, match="int values"):
        storage.put({"time": "a"}, image(0), {})
    with pytest.raises(KeyError, match="already stored"):
        storage.put({"time": 0}, image(1), {})
    np.testing.assert_array_equal(storage[{"time": 0}], image(0))
    storage.close()


def test_nothing_after_finish_and_twice_is_once(tmp_path: Path) -> None:
    storage = NDTiffStorage(tmp_path)
    storage.put({"time": 0}, image(0), {})
    for end in (storage.finish, storage.finish, storage.close, storage.close, storage.finish):
        end()
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    with pytest.raises(RuntimeError, match="finished"):
        storage.put({"time": 1}, image(1), {})
    assert {path.name: path.stat().st_size for path in tmp_path.iterdir()} == sizes
    assert sizes["NDTiffStack.tif"] < 2000


def test_an_empty_storage_leaves_no_file_that_nobody_can_open(tmp_path: Path) -> None:
    NDTiffStorage(tmp_path / "part").close()
    assert list((tmp_path / "part").iterdir()) == []


def test_a_dataset_is_not_overwritten(tmp_path: Path) -> None:
    with DataHandler(first := NDTiffStorage(tmp_path)) as handler:
        handler.put({"time": 0}, image(0), {})
    first.close()
    with pytest.raises(FileExistsError, match="choose another folder"):
        NDTiffStorage(tmp_path)


def test_names_make_folders_of_their_own(tmp_path: Path) -> None:
    for number in (1, 2):
        storage = NDTiffStorage(tmp_path / "root", "run")
        storage.put({"time": 0}, image(0), {})
        storage.close()
        assert storage.path == tmp_path / "root" / f"run_{number}"
        assert (storage.path / "run_NDTiffStack.tif").is_file()


def test_a_new_file_begins_before_one_grows_too_large(tmp_path: Path) -> None:
    storage = NDTiffStorage(tmp_path, largest_file_bytes=1000)
    for time in range(9):
        storage.put({"time": time}, image(time), {})
    names = sorted(path.name for path in tmp_path.glob("*.tif"))
    assert names == ["NDTiffStack.tif", "NDTiffStack_1.tif", "NDTiffStack_2.tif"]
    assert max(path.stat().st_size for path in tmp_path.glob("*.tif")) <= 1000
    for time in range(9):
        np.testing.assert_array_equal(storage[{"time": time}], image(time))
    storage.close()


@pytest.mark.parametrize("shape", [(50, 70), (300, 400)])
@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of the file size")
def test_a_full_disk_leaves_a_dataset_that_can_be_read(tmp_path: Path, shape: tuple[int, int]) -> None:
    storage = NDTiffStorage(tmp_path)
    limit = int(4.5 * 2 * shape[0] * shape[1])
    with full_disk_after(limit):
        for time in range(4):
            storage.put({"time": time}, image(time, shape=shape), {})
        size = (tmp_path / "NDTiffStack.tif").stat().st_size
        for time in range(4, 7):
            with pytest.raises(OSError):
                storage.put({"time": time}, image(time, shape=shape), {})
            assert {"time": time} not in storage
            assert (tmp_path / "NDTiffStack.tif").stat().st_size == size
    # Some disk is free again.
    storage.put({"time": 9}, image(9, shape=shape), {})
    storage.close()
    dataset = ndstorage.Dataset(str(tmp_path))
    for time in (0, 1, 2, 3, 9):
        np.testing.assert_array_equal(dataset.read_image(time=time), image(time, shape=shape))
    assert len(dataset.get_image_coordinates_list()) == 5
    dataset.close()
    with tifffile.TiffFile(tmp_path / "NDTiffStack.tif") as tiff:
        assert len(tiff.pages) == 5


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of the file size")
def test_a_disk_that_is_full_from_the_start(tmp_path: Path) -> None:
    storage = NDTiffStorage(tmp_path)
    with full_disk_after(10), pytest.raises(OSError):
        storage.put({"time": 0}, image(0), {})
    assert list(tmp_path.glob("*.tif")) == []
    storage.put({"time": 0}, image(0), {})
    storage.close()
