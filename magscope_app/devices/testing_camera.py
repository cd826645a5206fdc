"""The tests that every camera must pass; see `magscope_app.devices.testing`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from magscope_app.devices.camera import Camera, FrameInfo
from magscope_app.devices.testing_settings import (
    NO_MAKE,
    check_changes,
    check_refusals,
    check_settings,
    open_again,
)

#: So many frames are looked at.
_READS = 5
#: What takes no longer has not been waited for; to say that there is no frame may take a little.
_AT_ONCE_S, _NONE_S = 0.002, 0.05
#: Where so many of the pixels differ from frame to frame, noise does it: no two frames are alike by chance.
_NOISY = 0.1


def _read(camera: Camera, buffer: npt.NDArray[Any], within_s: float) -> FrameInfo:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        info = camera.read_into(buffer, 0.1)
        if info is not None:
            most = 2**camera.format.bits - 1
            assert int(buffer.max()) <= most, (
                f"frame {info.frame_number} has pixels of {buffer.max()}, above {most}, the most that the "
                f"{camera.format.bits} bits of its format hold"
            )
            return info
    raise AssertionError(f"no frame came within {within_s} s")


def _buffer(camera: Camera) -> npt.NDArray[Any]:
    form = camera.format
    return np.empty((form.height_px, form.width_px), form.dtype)


def _require_every_number(infos: list[FrameInfo], camera: Camera) -> None:
    """Make sure that frames which follow one another have numbers that do so."""
    steps = {int(later.frame_number) - int(earlier.frame_number) for earlier, later in pairwise(infos)}
    said = [setting.value for setting in camera.settings() if setting.name == "fps"]
    rates = [float(rate) for rate in said if not isinstance(rate, str) and rate > 0]
    period_s = 1.0 / (rates[0] if rates else camera.context.config.camera.fps)
    gaps_ns = [int(later.timestamp_ns) - int(earlier.timestamp_ns) for earlier, later in pairwise(infos)]
    apart_s = median(gaps_ns) * 1e-9
    # Whoever is too slow for the camera misses frames; those that come a period apart are all there.
    assert steps == {1} or len(steps) > 1 or apart_s > 1.5 * period_s, (
        f"frame numbers go up in steps of {min(steps)}, though frames are only {1e3 * apart_s:.3g} ms apart: "
        "those in between would count as lost; count every frame once"
    )


def _require_every_image_once(frames: list[npt.NDArray[Any]]) -> None:
    """Make sure that no image comes twice, as far as noise tells: without it images may be alike."""
    changed = [float(np.mean(later != earlier)) for earlier, later in pairwise(frames)]
    assert max(changed) < _NOISY or min(changed) > 0.0, (
        f"frame {changed.index(0.0) + 1} is the frame before once more, to the last pixel, though noise "
        "makes others differ: every image is to be given once, or a frame counts that there never was"
    )


class CameraContract:
    """What every camera does; override `make`."""

    #: Longest wait for one frame.
    frame_within_s: float = 5.0
    #: True for a camera that shows one and the same image for ever.
    still: bool = False
    #: Names of settings that must not be changed, as that would do harm.
    untouched: tuple[str, ...] = ()

    @pytest.fixture
    def make(self) -> Callable[[], Camera]:
        """Return a function that makes a new camera, not open yet; every class of tests has its own."""
        pytest.fail(NO_MAKE.format(type(self).__name__), pytrace=False)

    @pytest.fixture
    def camera(self, make: Callable[[], Camera]) -> Iterator[Camera]:
        """Lend an open camera."""
        camera = make()
        try:
            camera.open()
            yield camera
        finally:
            camera.close()

    def test_closing_and_stopping_are_allowed_at_any_time(self, make: Callable[[], Camera]) -> None:
        """Before opening, twice, and while acquiring."""
        camera = make()
        camera.stop()
        camera.close()
        camera.open()
        camera.stop()
        camera.start()
        camera.close()
        camera.close()

    def test_it_can_be_opened_again(self, make: Callable[[], Camera]) -> None:
        """A camera that was closed lets itself be opened anew, by the same object and by another."""
        for camera in (make(), make()):
            for open_it in (camera.open, partial(open_again, camera)):
                try:
                    open_it()
                    camera.start()
                    _read(camera, _buffer(camera), self.frame_within_s)
                finally:
                    camera.close()

    def test_the_config_is_in_order_and_the_format_as_expected(self, camera: Camera) -> None:
        """`expected_format` is that of the open camera, or unknown."""
        assert camera.problems(camera.context) == ()
        assert camera.expected_format(camera.context) in (None, camera.format)

    def test_a_frame_fills_the_memory_it_is_lent_and_no_more(self, camera: Camera) -> None:
        """Rows before and after the buffer stay as they are."""
        form = camera.format
        guard = np.iinfo(form.dtype).max // 3
        memory = np.full((form.height_px + 2, form.width_px), guard, form.dtype)
        camera.start()
        _read(camera, memory[1:-1], self.frame_within_s)
        assert (memory[0] == guard).all()
        assert (memory[-1] == guard).all()
        assert not (memory[1:-1] == guard).all()

    def test_numbers_and_times_rise(self, camera: Camera) -> None:
        """Both are whole numbers; times are of the session clock, perf_counter_ns."""
        buffer, before_ns = _buffer(camera), time.perf_counter_ns()
        camera.start()
        infos = [_read(camera, buffer, self.frame_within_s) for _ in range(_READS)]
        after_ns = time.perf_counter_ns()
        for info in infos:
            for number in (info.frame_number, info.timestamp_ns, info.device_tick):
                assert isinstance(number, int | np.integer), f"{number!r} is no whole number"
        assert infos[0].frame_number >= 0
        for earlier, later in pairwise(infos):
            assert earlier.frame_number < later.frame_number
            assert earlier.timestamp_ns <= later.timestamp_ns
        assert before_ns <= infos[0].timestamp_ns
        assert infos[-1].timestamp_ns <= after_ns
        assert infos[0].timestamp_ns < infos[-1].timestamp_ns, (
            f"{_READS} frames were taken at one time, {infos[0].timestamp_ns} ns: is it asked for only once?"
        )
        _require_every_number(infos, camera)

    def test_waiting_ends(self, camera: Camera) -> None:
        """Without time to wait there is a frame or None, at once."""
        camera.start()
        buffer, period_s = _buffer(camera), 1.0 / camera.context.config.camera.fps
        waits, in_vain = list[float](), list[float]()
        for _ in range(_READS):
            began = time.monotonic()
            info = camera.read_into(buffer, 0.0)
            (in_vain if info is None else waits).append(time.monotonic() - began)
            assert isinstance(info, FrameInfo | None)
        assert not in_vain or min(in_vain) < _NONE_S, (
            f"read_into with a timeout of 0 s takes {min(in_vain):.3f} s to return None: "
            "it ignores its timeout; let it return at once"
        )
        # A frame that is not there yet comes a period later: whoever gives it has waited for it.
        assert in_vain or min(waits[1:]) < max(period_s / 2, _AT_ONCE_S), (
            f"read_into with a timeout of 0 s waits {min(waits[1:]):.3f} s for the next frame: "
            "it ignores its timeout; let it return None"
        )

    def test_every_frame_is_written_into_its_own_memory(self, camera: Camera) -> None:
        """What was read stays as it is, whatever comes later."""
        camera.start()
        buffers = [_buffer(camera) for _ in range(_READS)]
        copies = []
        for buffer in buffers:
            _read(camera, buffer, self.frame_within_s)
            copies.append(buffer.copy())
        for number, (buffer, copy) in enumerate(zip(buffers, copies, strict=True)):
            assert (buffer == copy).all(), (
                f"frame {number} changed while later ones were read: read_into writes into an earlier buffer"
            )

    def test_frames_show_something(self, camera: Camera) -> None:
        """Pixels differ from one another, and, but for a still image, frames do."""
        camera.start()
        frames = [_buffer(camera) for _ in range(_READS)]
        for frame in frames:
            _read(camera, frame, self.frame_within_s)
        assert any(frame.min() < frame.max() for frame in frames), (
            f"all pixels of {_READS} frames have the value {frames[0].flat[0]}: no image is copied, "
            "or there is no light"
        )
        for axis, lines in ((1, "rows"), (0, "columns")):
            assert any(np.ptp(frame, axis=axis).any() for frame in frames), (
                f"all {lines} of {_READS} frames have one value each: are x and y mixed up, or is one line "
                "copied again and again? A test pattern of stripes is to be switched off"
            )
        assert self.still or any((frame != frames[0]).any() for frame in frames[1:]), (
            f"{_READS} frames are alike to the last pixel: is an old image copied again and again? "
            "A camera that shows a still image says still = True"
        )
        _require_every_image_once(frames)

    def test_numbers_begin_anew_with_every_start(self, camera: Camera) -> None:
        """The first number of a run is lower than the last of the run before."""
        buffer = _buffer(camera)
        camera.start()
        last = [_read(camera, buffer, self.frame_within_s) for _ in range(10)][-1]
        camera.stop()
        camera.start()
        assert _read(camera, buffer, self.frame_within_s).frame_number < last.frame_number

    def test_settings_are_described(self, camera: Camera) -> None:
        """Names are unique, values allowed by their description, and what is set is read afterwards."""
        check_settings(camera)
        check_changes(camera, self.untouched)

    def test_bad_settings_are_refused(self, camera: Camera) -> None:
        """Unknown names and values beyond the limits, on either side, raise DeviceError."""
        check_refusals(camera)

    def test_it_says_what_it_needs(self, camera: Camera) -> None:
        """An open device is available."""
        assert camera.why_unavailable() is None
        assert isinstance(camera.needs, str)

    def test_settings_can_be_read_while_acquiring(self, camera: Camera) -> None:
        """Frames go on after the settings were asked for."""
        camera.start()
        camera.settings()
        _read(camera, _buffer(camera), self.frame_within_s)
