"""The index of a long video: read at once where entries are alike, and entry by entry elsewhere."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magscope_app.data import FrozenDataCoordinates
from magscope_app.storage.reading.image_blocks import read_blocks
from magscope_app.storage.reading.image_index import ImageEntry, read_entries
from magscope_app.storage.reading.images import INDEX_NAME, Images

_COORDINATES = st.one_of(
    st.fixed_dictionaries({"time": st.integers(-5, 10**20)}),
    st.fixed_dictionaries({"time": st.integers(0, 99), "step": st.integers(0, 9)}),
    st.fixed_dictionaries({"channel": st.text(max_size=3)}),
    st.fixed_dictionaries({"größe": st.integers(0, 9)}),
)


def entry(coordinates: dict[str, int | str], filename: str = "a.tif", kind: int = 1) -> ImageEntry:
    return ImageEntry(FrozenDataCoordinates(coordinates), filename, 100, 7, 5, kind, 200, 10)


def images_of(folder: Path, parts: list[bytes]) -> Images:
    for number, content in enumerate(parts, 1):
        part = folder / f"{number:04d}"
        part.mkdir(parents=True)
        (part / INDEX_NAME).write_bytes(content)
        for name in ("a.tif", "b.tif"):
            (part / name).write_bytes(bytes(300))
    images = Images(folder)
    images.refresh()
    return images


@settings(max_examples=60, deadline=None)
@given(
    start=st.integers(0, 1200),
    n_alike=st.integers(0, 150),
    others=st.lists(st.tuples(_COORDINATES, st.sampled_from(["a.tif", "b.tif"])), max_size=6),
    damage=st.none() | st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)),
)
def test_both_ways_of_reading_agree(
    start: int,
    n_alike: int,
    others: list[tuple[dict[str, int | str], str]],
    damage: tuple[float, bytes] | None,
) -> None:
    entries = [entry({"time": start + number}) for number in range(n_alike)]
    entries += [entry(coordinates, filename) for coordinates, filename in others]
    entries += [entry({"time": 5000 - number}, "b.tif", 0) for number in range(n_alike)]
    content = bytearray(b"".join(one.encoded() for one in entries))
    if damage is not None:
        at = int(damage[0] * len(content))
        content[at : at + len(damage[1])] = damage[1]
    expected = list(read_entries(bytes(content)))
    found = [(block, end) for block, end in read_blocks(bytes(content))]
    assert [block[at] for block, _ in found for at in range(len(block))] == [one for one, _ in expected]
    assert [one.end for one, _ in expected] == [end for block, _ in found for end in block.ends]
    assert (found[-1][1] if found else 0) == (expected[-1][1] if expected else 0)


def test_of_the_same_coordinates_the_first_image_counts(tmp_path: Path) -> None:
    first = [entry({"time": number}) for number in range(40)]
    again = [entry({"time": number}, "b.tif") for number in range(30, 70)]
    odd = [entry({"time": 1, "step": 2}), entry({"time": 1, "step": 2}, "b.tif")]
    parts = [[*first, *odd[:1]], [*again, *odd[1:], *again[-3:]]]
    images = images_of(tmp_path / "video", [b"".join(one.encoded() for one in part) for part in parts])
    assert len(images) == 71
    assert [one.get("time") for one in images] == [*range(40), 1, *range(40, 70)]
    assert images.values("time").tolist() == [*range(40), 1, *range(40, 70)]
    for time in (0, 39, 40, 69):
        assert images.find({"time": time})[1].filename == ("a.tif" if time < 40 else "b.tif")
    assert images.find({"time": 1, "step": 2})[1].filename == "a.tif"
    for absent in ({"time": 70}, {"time": -1}, {"time": "1"}, {"step": 2}, {}):
        assert absent not in images
    assert len(images.places("0002")) == 30
    assert images.places()[-1 + len(images)][1] == again[-1]


@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(
        st.tuples(
            st.sampled_from(["time", "depth"]),
            st.lists(st.integers(0, 60), min_size=1, max_size=40),
        ),
        max_size=6,
    ),
    data=st.data(),
)
def test_images_in_any_order_are_those_of_a_dict(
    tmp_path_factory: pytest.TempPathFactory,
    pieces: list[tuple[str, list[int]]],
    data: st.DataObject,
) -> None:
    folder = tmp_path_factory.mktemp("shuffled") / "video"
    images, expected = images_of(folder, [b"", b""]), dict[FrozenDataCoordinates, str]()
    for number, (axis, values) in enumerate(pieces):
        filename = data.draw(st.sampled_from(["a.tif", "b.tif"]))
        entries = [entry({axis: value}, filename) for value in values]
        with (folder / f"{1 + number % 2:04d}" / INDEX_NAME).open("ab") as file:
            file.write(b"".join(one.encoded() for one in entries))
        images.refresh()
        for one in entries:
            expected.setdefault(one.coordinates, filename)
    assert list(images) == list(expected)
    assert {one: images.find(one)[1].filename for one in images} == expected
    for axis in ("time", "depth"):
        for value in range(62):
            assert ({axis: value} in images) == (FrozenDataCoordinates({axis: value}) in expected)


def test_an_index_that_grows_is_read_on(tmp_path: Path) -> None:
    images = images_of(tmp_path / "video", [b""])
    index = tmp_path / "video/0001" / INDEX_NAME
    for number in range(0, 300, 3):
        with index.open("ab") as file:
            file.write(b"".join(entry({"time": number + more}).encoded() for more in range(3)))
        images.refresh()
    assert images.values("time").tolist() == list(range(300))


def test_long_video_takes_little_memory(tmp_path: Path) -> None:
    n_images = 50_000
    content = b"".join(entry({"time": number}).encoded() for number in range(n_images))
    tracemalloc.start()
    try:
        images = images_of(tmp_path / "video", [content])
        assert len(images) == n_images
        assert tracemalloc.get_traced_memory()[0] < 100 * n_images
        # Beside the index itself no more is held while it is read.
        assert tracemalloc.get_traced_memory()[1] < len(content) + 400 * n_images
    finally:
        tracemalloc.stop()
    assert np.array_equal(images.values("time"), np.arange(n_images))
