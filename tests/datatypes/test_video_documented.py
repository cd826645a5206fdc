"""The video buffer as its document describes it, with code that knows nothing else."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable

import numpy as np
import pytest

from magscope_app import datatypes
from magscope_app.datatypes import BufferOverflow, BufferUnderflow, Session, VideoBuffer
from tests.datatypes.conftest import LockMap

Make = Callable[..., VideoBuffer]


def image(number: int) -> np.ndarray:
    return (np.arange(15, dtype=np.uint16) + 100 * number).reshape(5, 3)


def fill(video: VideoBuffer, count: int) -> None:
    for number in range(count):
        video.write_image_and_timestamp(image(number), 0.5 + number)


def test_sizes_and_types_are_public_and_equal_on_both_sides(make_video: Make) -> None:
    made = make_video()
    for video in (made, make_video(create=False)):
        assert video.name == "VideoBuffer"
        assert (video.n_stacks, video.n_images, video.n_total_images) == (4, 2, 8)
        assert (video.image_shape, video.stack_shape) == ((5, 3), (5, 3, 2))
        assert video.dtype == np.uint16
        assert (video.itemsize, video.bits) == (2, 16)
        assert (video.image_size, video.stack_size, video.buffer_size) == (30, 60, 240)
        assert video.lock is made.lock


def test_stacks_come_back_in_order_and_transposed(make_video: Make) -> None:
    video = make_video()
    fill(video, 5)
    assert video.get_level() == 5 / 8
    assert (video.check_read_stack(), video.get_unread_stack_count()) == (True, 2)
    stack, timestamps = video.peak_stack()
    assert stack.shape == (5, 3, 2)
    assert timestamps.dtype == np.float64
    np.testing.assert_array_equal(stack[:, :, 1], image(1))
    np.testing.assert_array_equal(timestamps, [0.5, 1.5])
    again, _ = video.peak_stack()
    np.testing.assert_array_equal(again, stack)
    assert video.read_stack_no_return() is None  # type: ignore[func-returns-value]  # the document promises None
    read, timestamp = video.read_image()
    assert (read.shape, timestamp) == ((5, 3), 2.5)
    np.testing.assert_array_equal(read, image(2))
    assert video.get_level() == 2 / 8


def test_a_stack_over_the_end_of_the_ring_is_whole(make_video: Make) -> None:
    video = make_video(n_stacks=1, n_images=4)
    fill(video, 3)
    for _ in range(3):
        video.read_image()
    fill(video, 4)
    stack, timestamps = video.peak_stack()
    np.testing.assert_array_equal(stack, np.stack([image(n) for n in range(4)], axis=2))
    np.testing.assert_array_equal(timestamps, [0.5, 1.5, 2.5, 3.5])


def test_peak_image_returns_the_newest_and_keeps_it(make_video: Make) -> None:
    video = make_video()
    with pytest.raises(BufferUnderflow):
        video.peak_image()
    fill(video, 3)
    index, raw = video.peak_image()
    assert (index, raw.nbytes) == (2, video.image_size)
    picture = np.frombuffer(raw, video.dtype).reshape(3, 5)
    np.testing.assert_array_equal(picture.T, image(2))
    assert video.get_level() == 3 / 8
    for _ in range(3):
        video.read_image()
    fill(video, 8)
    np.testing.assert_array_equal(picture.T, image(2))


class AtBarriers:
    """Does something, at a chosen one of the places where a handle orders its looks at what others change."""

    def __init__(self, video: VideoBuffer, number: int, action: Callable[[], object]) -> None:
        self.left, self._video, self._action = number, video, action
        self.free: list[bool] = []
        video._ring.fence = self

    def __call__(self) -> None:
        free = self._video.lock.acquire(False)
        self.free.append(free)
        if free:
            self._video.lock.release()
            self.left -= 1
            if self.left == 0:
                self._action()


def fill_up(video: VideoBuffer) -> None:
    """Write frames numbered by their position until the ring is full."""
    while video.get_level() < 1:
        number = video.counters().acquired
        video.write_image_and_timestamp(image(number), 0.5 + number)


@pytest.mark.parametrize("number", range(1, 5))
@pytest.mark.parametrize("first", [0, 7], ids=["in one piece", "over the end"])
def test_a_stack_that_another_handle_takes_meanwhile_is_not_returned(
    make_video: Make, first: int, number: int
) -> None:
    writer, reader = make_video(), make_video(create=False)
    fill_up(writer)
    for _ in range(first):
        writer.read_image()
    fill_up(writer)
    expected = [first]

    def take() -> None:
        writer.read_stack_no_return()
        fill_up(writer)
        expected[0] += 2

    barriers = AtBarriers(reader, number, take)
    for _ in range(2):
        stack, seconds = reader.peak_stack()
        np.testing.assert_array_equal(seconds, [expected[0] + 0.5, expected[0] + 1.5])
        np.testing.assert_array_equal(stack, np.stack([image(expected[0]), image(expected[0] + 1)], axis=2))
        assert 0 <= reader.get_level() <= 1
    assert barriers.left <= 0


@pytest.mark.parametrize("number", range(1, 4))
def test_two_handles_never_get_the_same_image(make_video: Make, number: int) -> None:
    writer, reader, taken = make_video(), make_video(create=False), []
    fill_up(writer)
    AtBarriers(reader, number, lambda: taken.append(writer.read_image()[1]))
    for _ in range(7):
        pixels, seconds = reader.read_image()
        np.testing.assert_array_equal(pixels, image(round(seconds - 0.5)))
        taken.append(seconds)
    assert sorted(taken) == [0.5 + place for place in range(8)]


def test_the_lock_is_held_while_the_cursor_moves_and_not_while_pixels_are_copied(make_video: Make) -> None:
    video = make_video()
    fill_up(video)
    skipping = AtBarriers(video, 0, bool)
    video.read_stack_no_return()
    assert not any(skipping.free)
    reading = AtBarriers(video, 0, bool)
    video.read_image()
    assert reading.free == [True, True, False]


def test_reading_more_than_there_is_underflows(make_video: Make) -> None:
    video = make_video()
    reads: list[Callable[[], object]] = [video.read_image, video.peak_stack, video.read_stack_no_return]
    for read in reads:
        with pytest.raises(BufferUnderflow):
            read()
    fill(video, 1)
    with pytest.raises(BufferUnderflow, match="1 unread"):
        video.read_stack_no_return()
    assert not video.check_read_stack()


def test_a_full_ring_refuses_and_keeps_what_it_has(make_video: Make) -> None:
    video = make_video()
    fill(video, 8)
    stack, _ = video.peak_stack()
    with pytest.raises(BufferOverflow):
        fill(video, 1)
    with pytest.raises(BufferOverflow):
        video.write_timestamp(1.0)
    np.testing.assert_array_equal(stack[:, :, 0], image(0))
    video.read_image()
    fill(video, 1)
    assert video.get_level() == 1.0
    assert (video.counters().lost_ring, video.counters().next_frame_id) == (2, 11)


def test_a_timestamp_alone_is_a_zeroed_frame(make_video: Make) -> None:
    video = make_video(n_stacks=1)
    fill(video, 2)
    video.read_stack_no_return()
    video.write_timestamp(7.25)
    pixels, timestamp = video.read_image()
    assert (int(pixels.max()), timestamp) == (0, 7.25)


@pytest.mark.parametrize("strided", [False, True])
def test_arrays_of_any_strides_and_bytes_are_taken(make_video: Make, *, strided: bool) -> None:
    video = make_video()
    source = np.repeat(image(4), 2, axis=0)[::2] if strided else image(4)
    video.write_image_and_timestamp(source, 0.0)
    video.write_image_and_timestamp(np.ascontiguousarray(image(4).T).tobytes(), 0.0)
    for _ in range(2):
        np.testing.assert_array_equal(video.read_image()[0], image(4))


@pytest.mark.parametrize(
    "wrong", [image(0).T, image(0).astype(np.uint8), image(0)[:4], b"\0" * 29, b"\0" * 31, "text"]
)
def test_anything_else_is_refused_whole(make_video: Make, wrong: object) -> None:
    video = make_video()
    with pytest.raises(ValueError, match="image"):
        video.write_image_and_timestamp(wrong, 0.0)  # type: ignore[arg-type]  # that is the point
    assert video.counters().next_frame_id == 0


def test_a_missing_lock_is_named(session: Session) -> None:
    with pytest.raises(KeyError, match="VideoBuffer"):
        VideoBuffer(create=True, locks={})


def test_missing_and_impossible_sizes_are_named_at_once(make_video: Make, locks: LockMap) -> None:
    with pytest.raises(ValueError, match="n_stacks, width, height, bits"):
        VideoBuffer(create=True, locks=locks, n_images=2)
    with pytest.raises(ValueError, match=r"width.*height"):
        make_video(width=0, height=-1)
    with pytest.raises(ValueError, match="bits"):
        make_video(bits=12)


def test_int_to_uint_dtype() -> None:
    for bits, dtype in datatypes.bit_to_dtype.items():
        assert datatypes.int_to_uint_dtype(bits) == np.dtype(dtype)
        assert np.dtype(dtype).itemsize * 8 == bits
    with pytest.raises(ValueError, match="12"):
        datatypes.int_to_uint_dtype(12)


def test_without_a_session_a_buffer_makes_one_and_leaves_nothing() -> None:
    locks = {"VideoBuffer": multiprocessing.Lock()}
    video = VideoBuffer(create=True, locks=locks, n_stacks=2, n_images=2, width=4, height=2, bits=8)
    attached = VideoBuffer(create=False, locks=locks)
    video.write_image_and_timestamp(np.ones((4, 2), np.uint8), 1.0)
    assert attached.read_image()[0].sum() == 8
    path = Session.current().path  # type: ignore[union-attr]  # the buffer has just made it
    assert path.exists()
    attached.close()
    video.close()
    assert not path.exists()
    assert "MAGSCOPE_SESSION" not in os.environ


def test_a_name_can_be_used_again_only_after_close(make_video: Make) -> None:
    video = make_video()
    with pytest.raises(FileExistsError, match="VideoBuffer"):
        make_video()
    video.close()
    video.close()
    with pytest.raises(FileNotFoundError, match="create it first"):
        make_video(create=False)
    make_video()


def test_deleting_the_creator_removes_the_buffer(make_video: Make, locks: LockMap) -> None:
    video = VideoBuffer(create=True, locks=locks, n_stacks=2, n_images=2, width=4, height=2, bits=8)
    del video
    with pytest.raises(FileNotFoundError):
        make_video(create=False)


def test_a_closed_buffer_raises_and_its_views_stay_readable(make_video: Make) -> None:
    video = make_video()
    fill(video, 2)
    stack, _ = video.peak_stack()
    reader = video.reader("late", datatypes.ReaderMode.OVERWRITE)
    video.close()
    np.testing.assert_array_equal(stack[:, :, 0], image(0))
    for use in (
        video.get_level,
        video.peak_image,
        video.begin,
        video.counters,
        reader.beat,
        lambda: fill(video, 1),
    ):
        with pytest.raises(RuntimeError, match="closed"):
            use()
