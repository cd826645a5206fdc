"""Every public name of the document is there: classes, parameters, attributes, constants, exceptions."""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest

from magscope_app import datatypes
from magscope_app.datatypes import (
    BeadRoiBuffer,
    LiveProfileBuffer,
    MatrixBuffer,
    Session,
    VideoBuffer,
    ZLUTSweepDataset,
)
from tests.datatypes.conftest import LockMap

SWEEP = "capacity profile_length n_steps n_beads profiles_per_bead"
#: Class, then per method its parameters; those after * are by keyword only.
METHODS = {
    "VideoBuffer": {
        "__init__": "* create locks n_stacks width height n_images bits",
        "get_level": "",
        "get_unread_stack_count": "",
        "check_read_stack": "",
        "peak_image": "",
        "peak_stack": "",
        "read_stack_no_return": "",
        "read_image": "",
        "write_timestamp": "timestamp",
        "write_image_and_timestamp": "image timestamp",
        "__del__": "",
    },
    "MatrixBuffer": {
        "__init__": "* create locks name shape",
        "get_count_index": "",
        "get_read_index": "",
        "get_write_index": "",
        "write": "np_array",
        "read": "",
        "peak_unsorted": "",
        "peak_sorted": "",
        "__del__": "",
    },
    "BeadRoiBuffer": {
        "__init__": "* create locks capacity name",
        "replace_beads": "value",
        "add_beads": "value",
        "update_beads": "value",
        "remove_beads": "ids",
        "clear_beads": "",
        "reorder_beads": "",
        "get_next_available_bead_id": "",
        "get_beads": "",
        "__del__": "",
    },
    "LiveProfileBuffer": {
        "__init__": "* create locks profile_capacity name",
        "clear": "",
        "write_profile": "timestamp bead_id profile",
        "peak_unsorted": "",
    },
    "ZLUTSweepDataset": {
        "__init__": f"* create locks {SWEEP} name",
        "create": f"* locks {SWEEP} name",
        "attach": "* locks name",
        "set_state": "value",
        "write": "* bead_ids step_indices timestamps motor_z_values valid_flags profiles",
        "peak": "",
        "read_preview": "selected_bead_id",
        "get_count": "",
        "get_capacity": "",
        "close": "",
        "destroy": "",
        "__del__": "",
    },
}
STATES = ["ABSENT", "CREATING", "READY", "CAPTURING", "COMPLETE", "DETACHING", "FAILED", "DESTROYED"]
DEFAULTS = {
    ("BeadRoiBuffer", "name"): "BeadRoiBuffer",
    ("LiveProfileBuffer", "name"): "LiveProfileBuffer",
    ("ZLUTSweepDataset", "name"): "ZLUTSweepDataset",
}


@pytest.mark.parametrize(("owner", "method"), [(owner, name) for owner in METHODS for name in METHODS[owner]])
def test_methods_have_the_documented_parameters(owner: str, method: str) -> None:
    words = METHODS[owner][method].split()
    by_keyword = words[:1] == ["*"]
    wanted = words[by_keyword:]
    found = inspect.signature(getattr(getattr(datatypes, owner), method)).parameters
    assert [name for name in found if name in wanted] == wanted
    for name in wanted:
        assert (found[name].kind is inspect.Parameter.KEYWORD_ONLY) == by_keyword
        if method == "__init__" and (owner, name) in DEFAULTS:
            assert found[name].default == DEFAULTS[owner, name]
    further = [p for name, p in found.items() if name not in (*wanted, "self")]
    assert all(p.default is not inspect.Parameter.empty for p in further), "code from the document would fail"


@pytest.mark.parametrize("name", ["BufferUnderflow", "BufferOverflow", "DatasetNotReadyError"])
def test_exceptions_are_plain_ones(name: str) -> None:
    assert getattr(datatypes, name).__bases__ == (Exception,)


def test_module_attributes() -> None:
    assert isinstance(datatypes.logger, logging.Logger)
    assert sorted(datatypes.bit_to_dtype) == [8, 16, 32, 64]


def test_constants_of_the_sweep() -> None:
    assert ZLUTSweepDataset.NAME == "ZLUTSweepDataset"
    assert [getattr(ZLUTSweepDataset, f"STATE_{name}") for name in STATES] == list(range(8))
    assert (VideoBuffer.name, BeadRoiBuffer.name) == ("VideoBuffer", "BeadRoiBuffer")


@pytest.fixture
def everything(locks: LockMap, session: Session) -> Iterator[dict[str, object]]:
    sizes = {"n_stacks": 4, "n_images": 2, "width": 5, "height": 3, "bits": 16}
    sweep = dict(zip(SWEEP.split(), (6, 3, 2, 2, 1), strict=True))
    video = VideoBuffer(create=True, locks=locks, **sizes)  # type: ignore[arg-type]  # whole numbers all
    matrix = MatrixBuffer(create=True, locks=locks, name="m", shape=(5, 3))
    beads = BeadRoiBuffer(create=True, locks=locks, capacity=6)
    profile = LiveProfileBuffer(create=True, locks=locks, profile_capacity=4)
    dataset = ZLUTSweepDataset(create=True, locks=locks, **sweep)  # type: ignore[arg-type]  # whole numbers all
    made = (video, matrix, beads, profile, dataset)
    yield {type(buffer).__name__: buffer for buffer in made}
    for buffer in made:
        buffer.close()


ATTRIBUTES: dict[str, dict[str, object]] = {
    "VideoBuffer": {
        "name": "VideoBuffer",
        "stack_shape": (5, 3, 2),
        "image_shape": (5, 3),
        "dtype": np.dtype(np.uint16),
        "itemsize": 2,
        "n_images": 2,
        "n_total_images": 8,
        "image_size": 30,
        "stack_size": 60,
        "buffer_size": 240,
    },
    "MatrixBuffer": {
        "name": "m",
        "dtype": np.dtype(np.float64),
        "itemsize": 8,
        "strides": (24, 8),
        "nbytes": 120,
    },
    "BeadRoiBuffer": {
        "name": "BeadRoiBuffer",
        "capacity": 6,
        "max_id_plus_one": 0,
        "active_count": 0,
        "version": 0,
    },
    "LiveProfileBuffer": {"profile_capacity": 4, "shape": (1, 7)},
    "ZLUTSweepDataset": {"name": "ZLUTSweepDataset", "state": 2},
}


def test_attributes_have_the_documented_values(everything: dict[str, object], locks: LockMap) -> None:
    for owner, wanted in ATTRIBUTES.items():
        found = {name: getattr(everything[owner], name) for name in wanted}
        assert found == wanted
    for owner in ("VideoBuffer", "MatrixBuffer", "BeadRoiBuffer", "ZLUTSweepDataset"):
        buffer = everything[owner]
        assert buffer.lock is locks[buffer.name]  # type: ignore[attr-defined]  # documented of each


def test_properties_cannot_be_set(everything: dict[str, object]) -> None:
    for owner, name in (
        ("BeadRoiBuffer", "max_id_plus_one"),
        ("BeadRoiBuffer", "active_count"),
        ("BeadRoiBuffer", "version"),
        ("LiveProfileBuffer", "shape"),
        ("ZLUTSweepDataset", "state"),
    ):
        with pytest.raises(AttributeError):
            setattr(everything[owner], name, 1)


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
def test_every_width_of_a_pixel_carries_its_largest_value(
    locks: LockMap, session: Session, bits: int
) -> None:
    video = VideoBuffer(create=True, locks=locks, n_stacks=1, n_images=2, width=5, height=3, bits=bits)
    image = np.zeros((5, 3), f"uint{bits}")
    image[4, 1] = 2**bits - 1
    video.write_image_and_timestamp(image, 1.5)
    assert (video.dtype, video.image_size) == (image.dtype, 15 * bits // 8)
    pixels = np.frombuffer(video.peak_image()[1], video.dtype).reshape(3, 5)
    np.testing.assert_array_equal(pixels.T, image)
    read, timestamp = video.read_image()
    np.testing.assert_array_equal(read, image)
    assert (read.dtype, timestamp) == (image.dtype, 1.5)
    video.close()


@pytest.mark.parametrize("name", ["MatrixBuffer", "BeadRoiBuffer", "LiveProfileBuffer", "ZLUTSweepDataset"])
def test_a_missing_lock_is_named_by_every_class(session: Session, name: str) -> None:
    with pytest.raises(KeyError, match=name):
        getattr(datatypes, name)(create=True, locks={}, name=name)


@pytest.mark.parametrize("name", ["MatrixBuffer", "BeadRoiBuffer", "LiveProfileBuffer"])
def test_attaching_to_what_nobody_made_is_refused_by_every_class(session: Session, name: str) -> None:
    with pytest.raises(FileNotFoundError, match=name):
        getattr(datatypes, name)(create=False, locks={name: threading.Lock()}, name=name)


@pytest.mark.parametrize("name", ["MatrixBuffer", "BeadRoiBuffer", "LiveProfileBuffer", "ZLUTSweepDataset"])
@pytest.mark.parametrize("no_lock", [None, object(), "lock"])
def test_what_is_no_lock_is_refused_and_takes_no_name(session: Session, name: str, no_lock: object) -> None:
    sizes: dict[str, dict[str, object]] = {
        "MatrixBuffer": {"shape": (3, 2)},
        "BeadRoiBuffer": {"capacity": 2},
        "LiveProfileBuffer": {"profile_capacity": 2},
        "ZLUTSweepDataset": {
            "capacity": 2,
            "profile_length": 3,
            "n_steps": 1,
            "n_beads": 1,
            "profiles_per_bead": 1,
        },
    }
    make = partial(getattr(datatypes, name), create=True, name=name, **sizes[name])
    with pytest.raises(ValueError, match=f"'{name}'.*must be a lock, with acquire and release") as kept:
        make(locks={name: no_lock})
    make(locks={name: threading.Lock()}).close()
    assert kept.value
