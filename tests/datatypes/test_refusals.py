"""What is refused is said in a sentence and changes nothing; what is handed on stays what it is."""

from __future__ import annotations

import copy
import gc
import pickle
import struct
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

from magscope_app.config import load_config
from magscope_app.datatypes import (
    BeadRoiBuffer,
    BufferUnderflow,
    LiveProfileBuffer,
    MatrixBuffer,
    ReaderMode,
    Session,
    SharedMemoryFullError,
    VideoBuffer,
    ZLUTSweepDataset,
    int_to_uint_dtype,
    layout,
)
from magscope_app.devices import FormatChange, FrameFormat
from magscope_app.errors import ConfigError
from tests.datatypes.conftest import LockMap
from tests.datatypes.frames_for_tests import publish

Make = Callable[..., VideoBuffer]
OVERWRITE = ReaderMode.OVERWRITE
SWEEP: dict[str, Any] = {
    "capacity": 6,
    "profile_length": 3,
    "n_steps": 2,
    "n_beads": 2,
    "profiles_per_bead": 1,
}
BAD_NAMES: list[Any] = ["n" * 65, "", "a\0b", "\ud800", 5, None, b"r"]


@pytest.fixture
def video(make_video: Make) -> VideoBuffer:
    return make_video(default_reader=False)


@pytest.fixture
def documented(make_video: Make) -> VideoBuffer:
    return make_video()


@pytest.fixture
def matrix(locks: LockMap, session: Session) -> Iterator[MatrixBuffer]:
    made = MatrixBuffer(create=True, locks=locks, name="m", shape=(5, 3))
    yield made
    made.close()


@pytest.fixture
def beads(locks: LockMap, session: Session) -> Iterator[BeadRoiBuffer]:
    made = BeadRoiBuffer(create=True, locks=locks, capacity=4)
    yield made
    made.close()


@pytest.fixture
def profiles(locks: LockMap, session: Session) -> Iterator[LiveProfileBuffer]:
    made = LiveProfileBuffer(create=True, locks=locks, profile_capacity=5)
    yield made
    made.close()


@pytest.fixture
def sweep(locks: LockMap, session: Session) -> Iterator[ZLUTSweepDataset]:
    made = ZLUTSweepDataset.create(locks=locks, **SWEEP)
    yield made
    made.close()


def write(sweep: ZLUTSweepDataset, **changes: Any) -> None:
    row: dict[str, Any] = {
        "bead_ids": [3],
        "step_indices": [0],
        "timestamps": [0.5],
        "motor_z_values": [1.5],
        "valid_flags": [True],
        "profiles": [[1.0, 2.0, 3.0]],
    }
    sweep.write(**{**row, **changes})


# Names


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_bad_name_costs_no_other_reader_its_entry(video: VideoBuffer, name: Any) -> None:
    for number in range(16):
        video.reader(f"r{number}", OVERWRITE).close()
    with pytest.raises(ValueError, match="a reader's name is a text of 1 to 64 bytes"):
        video.reader(name, OVERWRITE)
    assert [status.name for status in video.counters().readers] == [f"r{number}" for number in range(16)]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"unpin_first": (5,)}, "unpin_first is a tuple of names, 5 is none"),
        ({"wakes": {"VideoBuffer.r": 5}}, r"wakes\['VideoBuffer.r'\] must be a semaphore"),
        ({"wakes": [1]}, "wakes maps names to semaphores"),
        ({"session": 5}, "session is a Session, its prefix or None, not 5"),
        ({"significant_bits": 4.5}, r"significant_bits must be a whole number from 1 to 16, not 4\.5"),
        ({"significant_bits": 17}, "significant_bits must be a whole number from 1 to 16, not 17"),
    ],
)
def test_a_ring_is_not_made_of_what_is_none(make_video: Make, changes: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        make_video(**changes)
    make_video()


# Copies and errors on their way


def test_no_handle_is_copied_and_the_original_stays(
    video: VideoBuffer,
    matrix: MatrixBuffer,
    beads: BeadRoiBuffer,
    profiles: LiveProfileBuffer,
    sweep: ZLUTSweepDataset,
    locks: LockMap,
) -> None:
    readers = video.reader("r", OVERWRITE), matrix.reader("r")
    for handle in (video, matrix, beads, profiles, sweep, *readers):
        for copied in (copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match=f"a {type(handle).__name__} cannot be copied"):
                copied(handle)
    gc.collect()
    assert VideoBuffer(create=False, locks=locks).n_stacks == video.n_stacks
    assert video.counters().readers[0].alive


def config_error() -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_config("demo.toml", ["camera.fps=-1"])
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        SharedMemoryFullError("VideoBuffer", 5_000_000, 3_000_000),
        FormatChange("stop", FrameFormat(8, 4, 8), {"binning": 2}, 2.0, (0.5, 0.0)),
        config_error(),
        BufferUnderflow("empty"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_comes_whole_through_a_pipe(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


# Numbers


@pytest.mark.parametrize(
    "changes",
    [
        {"timestamps": [1_700_000_000_123_456_789]},
        {"timestamps": np.array([2**53 + 1], np.uint64)},
        {"motor_z_values": [-(2**53) - 1]},
        {"profiles": [[1, 2**62 + 1, 3]]},
    ],
)
def test_a_sweep_takes_no_number_that_would_become_another(
    sweep: ZLUTSweepDataset, changes: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(changes))} must be numbers that float64 holds"):
        write(sweep, **changes)
    assert sweep.get_count() == 0


@pytest.mark.skipif(np.finfo(np.longdouble).max == np.finfo(np.float64).max, reason="no wider floats here")
def test_a_sweep_takes_no_wider_float_that_would_become_another(sweep: ZLUTSweepDataset) -> None:
    for text in ("1e400", "0.1"):
        with pytest.raises(ValueError, match="profiles must be numbers that float64 holds"):
            write(sweep, profiles=np.full((1, 3), np.longdouble(text)))
    write(sweep, profiles=np.array([[0.25, np.nan, np.inf]], np.longdouble))
    np.testing.assert_array_equal(sweep.peak()["profiles"], [[0.25, np.nan, np.inf]])


def test_a_sweep_takes_whole_numbers_that_stay_themselves(sweep: ZLUTSweepDataset) -> None:
    for number in (2**53, 2**60, -(2**63), 2**63):
        write(sweep, timestamps=[number], motor_z_values=[np.float32(0.1)])
    assert [int(number) for number in sweep.peak()["timestamps"]] == [2**53, 2**60, -(2**63), 2**63]


def test_the_bead_of_a_preview_is_a_plain_number(sweep: ZLUTSweepDataset) -> None:
    write(sweep)
    write(sweep, bead_ids=[9])
    selected = sweep.read_preview(np.uint32(9))["selected_bead_id"]  # type: ignore[arg-type]  # as rows have it
    assert selected == 9
    assert type(selected) is int


@pytest.mark.parametrize("time_s", [1234.567, np.float32(1234.567), np.float16(3), np.int64(7), 7])
def test_a_time_is_the_same_with_and_without_an_image(documented: VideoBuffer, time_s: Any) -> None:
    look = documented.reader("look", OVERWRITE)
    documented.write_timestamp(time_s)
    documented.write_image_and_timestamp(np.zeros((5, 3), np.uint16), time_s)
    batch = look.acquire(2)
    assert batch is not None
    assert batch.timestamps_ns.tolist() == [round(float(time_s) * 1e9)] * 2
    assert batch.seconds.tolist() == [float(time_s)] * 2


@pytest.mark.parametrize("time_s", [10**400, None, "1", np.array([1.0]), 1j])
def test_what_is_no_time_begins_no_slot(documented: VideoBuffer, make_video: Make, time_s: Any) -> None:
    for attempt in (
        partial(documented.write_image_and_timestamp, np.zeros((5, 3), np.uint16)),
        documented.write_timestamp,
    ):
        with pytest.raises(ValueError, match="timestamp must be a real number"):
            attempt(time_s)
    make_video(create=False).write_timestamp(1.0)
    assert documented.counters().acquired == 1
    assert documented.ledger() == ()


@pytest.mark.parametrize(
    ("at", "bead"),
    [(1.0, 2.5), (1.0, None), (1.0, -3), (1.0, 2**53 + 1), (1.0, "2"), ("1", 2), (None, 2), (1j, 2)],
)
def test_a_profile_of_no_bead_or_no_time_is_refused(profiles: LiveProfileBuffer, at: Any, bead: Any) -> None:
    profiles.write_profile(1.5, np.uint32(7), [1.0])  # type: ignore[arg-type]  # as a table has it
    before = profiles.peak_unsorted()
    with pytest.raises(ValueError, match=r"timestamp must be a real|bead_id must be a whole"):
        profiles.write_profile(at, bead, [2.0])
    np.testing.assert_array_equal(profiles.peak_unsorted(), before)


@pytest.mark.parametrize("count", [-5, 2.5, None, "2"])
def test_the_newest_rows_have_a_number(matrix: MatrixBuffer, count: Any) -> None:
    matrix.write([[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match="n_rows must be a whole number"):
        matrix.newest(count)
    assert matrix.newest(np.int64(2)).shape == (1, 3)  # type: ignore[arg-type]  # a whole number, too
    assert matrix.newest(0).shape == (0, 3)


@pytest.mark.parametrize("roi", [5, None, (1, 2, 3), "abcd"])
def test_a_bead_has_four_edges(beads: BeadRoiBuffer, roi: Any) -> None:
    with pytest.raises(ValueError, match=r"four numbers|whole numbers"):
        beads.add_beads({0: roi})
    assert beads.active_count == 0


@pytest.mark.parametrize("bits", [[8], 8.0, "8", None])
def test_no_width_but_a_whole_number(bits: Any) -> None:
    with pytest.raises(ValueError, match="bits must be one of"):
        int_to_uint_dtype(bits)


# Shapes, states, ends


def test_the_newest_frame_goes_into_one_frame_only(video: VideoBuffer) -> None:
    reader = video.reader("gui", ReaderMode.NEWEST)
    publish(video)
    for out in (np.zeros((2, 3, 5), np.uint16), np.zeros((5, 3), np.uint16), np.zeros((3, 5)), [1]):
        with pytest.raises(ValueError, match=r"out is an array of shape \(3, 5\) and type uint16"):
            reader.newest(out)  # type: ignore[arg-type]  # that is the point
    assert reader.newest(np.zeros((3, 5), np.uint16)) is not None


def test_a_stack_that_runs_over_the_end_of_the_ring_is_read_only_too(make_video: Make) -> None:
    video = make_video(n_stacks=3, n_images=2)
    for number in range(6):
        video.write_timestamp(float(number))
    video.read_image()
    video.write_timestamp(6.0)
    for _ in range(3):
        stack, _ = video.peak_stack()
        assert not stack.flags.writeable
        video.read_stack_no_return()


@pytest.mark.parametrize("state", [2.0, [3], "READY", None, 8])
def test_a_sweep_has_no_other_states(sweep: ZLUTSweepDataset, state: Any) -> None:
    with pytest.raises(ValueError, match="has states"):
        sweep.set_state(state)
    sweep.set_state(np.int64(3))  # type: ignore[arg-type]  # a whole number, too
    assert sweep.state == ZLUTSweepDataset.STATE_CAPTURING


def test_a_sweep_in_no_known_state_is_damaged(sweep: ZLUTSweepDataset, locks: LockMap) -> None:
    sweep._block.words[layout.RESERVED] = 99
    with pytest.raises(ValueError, match=r"damaged.*no known state \(99\)"):
        ZLUTSweepDataset.attach(locks=locks)


def test_a_closed_reader_is_entered_by_nobody(video: VideoBuffer, matrix: MatrixBuffer) -> None:
    for reader in (video.reader("r", OVERWRITE), matrix.reader("r")):
        reader.close()
        with pytest.raises(RuntimeError, match="closed"), reader:
            pass


def test_a_reader_keeps_its_buffer(video: VideoBuffer, matrix: MatrixBuffer, locks: LockMap) -> None:
    frames = VideoBuffer(create=False, locks=locks).reader("r", OVERWRITE)
    read = MatrixBuffer(create=False, locks=locks, name="m").reader("r")
    gc.collect()
    publish(video)
    matrix.write([[1.0, 2.0, 3.0]])
    with frames.acquire(1) as batch:  # type: ignore[union-attr]  # there is one
        assert batch.frame_ids.tolist() == [0]
    assert read.read().tolist() == [[1.0, 2.0, 3.0]]
    frames.close()
    read.close()


def test_a_number_that_is_none_books_nothing_in_the_camera(video: VideoBuffer) -> None:
    publish(video, 0)
    assert video.begin() is not None
    with pytest.raises(struct.error):
        video.commit(timestamp_ns=1, camera_frame=np.float64(4))  # type: ignore[arg-type]  # that is the point
    assert video.commit(timestamp_ns=1, camera_frame=1) == 1
    assert video.ledger() == ()
