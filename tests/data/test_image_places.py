"""Where images stand: the same as a dict would say, and the same directory as ndstorage writes."""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ndstorage
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magscope_app.storage import NDTiffStorage
from magscope_app.storage.image_places import ImagePlaces

AXES = st.dictionaries(st.sampled_from("tzc"), st.integers(0, 3) | st.sampled_from("ab"), max_size=3)


def _entry(axes: Any, *place: Any) -> SimpleNamespace:
    names = (
        *("pixel_type", "pix_offset", "image_width", "image_height"),
        *("metadata_offset", "metadata_length", "filename"),
    )
    return SimpleNamespace(axes_key=axes, **dict(zip(names, place, strict=True)))


@given(steps=st.lists(st.tuples(st.booleans(), AXES, st.integers(0, 2**32 - 1)), max_size=30))
def test_places_are_those_of_a_dict(steps: list[tuple[bool, dict[str, int | str], int]]) -> None:
    places, expected = ImagePlaces(_entry), dict[Any, Any]()
    for adds, axes, number in steps:
        key = frozenset(axes.items())
        if adds:
            entry = _entry(key, number % 2, number, 1, 2, number, 5, f"file_{number % 3}.tif")
            places[key] = expected[key] = entry
        else:
            assert places.pop(key, None) == expected.pop(key, None)
        assert (key in places) == (key in expected)
        assert dict(places) == expected
        assert len(places) == len(expected)


def test_an_image_costs_little_memory() -> None:
    places = ImagePlaces(_entry)
    tracemalloc.start()
    try:
        for number in range(10_000, 30_000):
            key = frozenset({("time", number)})
            places[key] = _entry(key, 0, number, 16, 16, number, 90, "file.tif")
        assert tracemalloc.get_traced_memory()[0] / 20_000 < 250
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="would fill 4 GiB with zeros")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("summary", [{"a": 1}, {"a": 12}])
def test_the_files_are_those_of_ndstorage_byte_for_byte(tmp_path: Path, summary: dict[str, int]) -> None:
    images = [np.full((5, 8), number, np.uint16) for number in range(3)]
    theirs = ndstorage.NDTiffDataset(str(tmp_path / "theirs"), summary_metadata=summary, writable=True)
    (tmp_path / "theirs").mkdir(exist_ok=True)
    ours = NDTiffStorage(tmp_path / "ours", summary_metadata=summary)
    for number, image in enumerate(images):
        ours.put({"time": number, "z": 1}, image, {"n": number})
        about = (tmp_path / "ours" / "NDTiffStack.tif").read_bytes()
        text = about[about.rindex(b'{"n"') :]
        theirs.put_image({"time": number, "z": 1}, image, text)
    theirs.finish()
    theirs.close()
    ours.close()
    written = (tmp_path / "ours" / "NDTiffStack.tif").read_bytes()
    # Their file keeps the length that it was allocated with where an image was the last.
    with (tmp_path / "theirs" / "NDTiffStack.tif").open("rb") as file:
        head = file.read(len(written))
    differing = [at for at in range(len(written)) if written[at] != head[at]]
    assert differing == []
