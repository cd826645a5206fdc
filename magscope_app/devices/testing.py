"""Tests that every driver must pass, also one of your own.

Derive a class in a test file and say how a device is made; pytest runs the rest::

    class TestMyCamera(CameraContract):
        @pytest.fixture
        def make(self) -> Callable[[], Camera]:
            return lambda: MyCamera(CameraContext(config=load_config("my.toml").config))

The device moves and acquires: run them where that does no harm. pytest must be installed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from math import inf, isfinite, isnan, nan
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from magscope_app.devices.camera import Camera, FrameInfo
from magscope_app.devices.errors import DeviceError, LimitError
from magscope_app.devices.motor import Motor
from magscope_app.devices.setting import Setting, SettingKind

#: A fixture cannot be abstract, and without one here pytest would only say that it finds none.
_NO_MAKE = (
    "{} does not say how its device is made: give it a fixture make, as magscope_app.devices.testing shows"
)


def _read(camera: Camera, buffer: npt.NDArray[Any], within_s: float) -> FrameInfo:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        info = camera.read_into(buffer, 0.1)
        if info is not None:
            return info
    raise AssertionError(f"no frame came within {within_s} s")


def _buffer(camera: Camera) -> npt.NDArray[Any]:
    form = camera.format
    return np.empty((form.height_px, form.width_px), form.dtype)


def _check_settings(device: Camera | Motor) -> None:
    settings = device.settings()
    names = [setting.name for setting in settings]
    assert len(names) == len(set(names)), "two settings have one name"
    for setting in settings:
        if setting.read_only:
            continue
        assert setting.why_not(setting.value) is None, f"{setting.name} has a value that it does not allow"
        device.set(setting.name, setting.value)
        now = next(other for other in device.settings() if other.name == setting.name)
        assert now.value == setting.value, f"{setting.name} is not what it was set to"


def _check_refusals(device: Camera | Motor) -> None:
    with pytest.raises(DeviceError):
        device.set("a setting that no device has", 1)
    for setting in device.settings():
        beyond = _beyond(setting)
        if beyond is not None:
            with pytest.raises(DeviceError):
                device.set(setting.name, beyond)


def _beyond(setting: Setting) -> float | None:
    if setting.read_only or setting.limits is None or not isfinite(setting.limits[1]):
        return None
    high = setting.limits[1] + max(1.0, abs(setting.limits[1]))
    return int(high) if setting.kind is SettingKind.INT else high


class CameraContract:
    """What every camera does; override `make`."""

    #: Longest wait for one frame.
    frame_within_s: float = 5.0

    @pytest.fixture
    def make(self) -> Callable[[], Camera]:
        """Return a function that makes a new camera, not open yet; every class of tests has its own."""
        pytest.fail(_NO_MAKE.format(type(self).__name__), pytrace=False)

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
        """A camera that was closed lets itself be opened anew."""
        for _ in range(2):
            camera = make()
            camera.open()
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
        assert int(memory[1:-1].max()) < 2**form.bits

    def test_numbers_and_times_rise(self, camera: Camera) -> None:
        """Both are whole numbers; times are of the session clock, perf_counter_ns."""
        buffer, before_ns = _buffer(camera), time.perf_counter_ns()
        camera.start()
        infos = [_read(camera, buffer, self.frame_within_s) for _ in range(5)]
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

    def test_waiting_ends(self, camera: Camera) -> None:
        """Without time to wait there is a frame or None, at once."""
        camera.start()
        assert isinstance(camera.read_into(_buffer(camera), 0.0), FrameInfo | None)

    def test_numbers_begin_anew_with_every_start(self, camera: Camera) -> None:
        """The first number of a run is lower than the last of the run before."""
        buffer = _buffer(camera)
        camera.start()
        last = [_read(camera, buffer, self.frame_within_s) for _ in range(10)][-1]
        camera.stop()
        camera.start()
        assert _read(camera, buffer, self.frame_within_s).frame_number < last.frame_number

    def test_settings_are_described(self, camera: Camera) -> None:
        """Names are unique, values allowed by their description, and each can be set to what it is."""
        _check_settings(camera)

    def test_bad_settings_are_refused(self, camera: Camera) -> None:
        """Unknown names and values beyond the limits raise DeviceError."""
        _check_refusals(camera)

    def test_it_says_what_it_needs(self, camera: Camera) -> None:
        """An open device is available."""
        assert camera.why_unavailable() is None
        assert isinstance(camera.needs, str)

    def test_settings_can_be_read_while_acquiring(self, camera: Camera) -> None:
        """Frames go on after the settings were asked for."""
        camera.start()
        camera.settings()
        _read(camera, _buffer(camera), self.frame_within_s)


class MotorContract:
    """What every motor does; override `make`, and `step` where 1 is not a small distance."""

    #: A harmless distance, in the unit of the axis.
    step: float = 1.0
    #: How exactly a target is reached.
    tolerance: float = 0.01
    #: Longest time for a move of `step`.
    move_within_s: float = 10.0

    @pytest.fixture
    def make(self) -> Callable[[], Motor]:
        """Return a function that makes a new motor, not open yet; every class of tests has its own."""
        pytest.fail(_NO_MAKE.format(type(self).__name__), pytrace=False)

    @pytest.fixture
    def motor(self, make: Callable[[], Motor]) -> Iterator[Motor]:
        """Lend an open motor."""
        motor = make()
        try:
            motor.open()
            yield motor
        finally:
            motor.close()

    def _harmless(self, motor: Motor) -> float:
        """Return a step that stays within the limits."""
        return self.step if motor.position() + self.step <= motor.limits[1] else -self.step

    def _settle(self, motor: Motor) -> float:
        deadline = time.monotonic() + self.move_within_s
        while motor.is_moving():
            assert time.monotonic() < deadline, f"still moving after {self.move_within_s} s"
            time.sleep(0.005)
        return motor.position()

    def test_closing_is_allowed_at_any_time(self, make: Callable[[], Motor]) -> None:
        """Before opening, and twice."""
        motor = make()
        motor.close()
        motor.open()
        motor.close()
        motor.close()

    def test_opening_does_not_move(self, motor: Motor) -> None:
        """It stands, inside of its limits."""
        assert not motor.is_moving()
        assert motor.problems(motor.context) == ()
        assert motor.limits[0] < motor.limits[1]

    def test_it_goes_where_it_is_told_and_back(self, motor: Motor) -> None:
        """move_to and move_by arrive."""
        low, high = motor.limits
        start = motor.position()
        target = start + self._harmless(motor)
        assert low <= target <= high
        motor.move_to(target)
        assert self._settle(motor) == pytest.approx(target, abs=self.tolerance)
        motor.move_by(start - target)
        assert self._settle(motor) == pytest.approx(start, abs=2 * self.tolerance)

    def test_outside_the_limits_nothing_moves(self, motor: Motor) -> None:
        """LimitError, and it stands where it stood."""
        start = motor.position()
        beyond = [limit + sign * self.step for limit, sign in zip(motor.limits, (-1, 1), strict=True)]
        for target in filter(isfinite, beyond):
            with pytest.raises(LimitError):
                motor.move_to(target)
        assert not motor.is_moving()
        assert motor.position() == pytest.approx(start, abs=self.tolerance)

    def test_it_stops(self, motor: Motor) -> None:
        """On the way, and while it stands."""
        motor.stop()
        start = motor.position()
        motor.move_to(start + self._harmless(motor))
        motor.stop()
        assert self._settle(motor) == pytest.approx(motor.position(), abs=self.tolerance)

    def test_it_can_be_opened_again_without_moving(self, make: Callable[[], Motor]) -> None:
        """It stands where it stood, and knows of no target."""
        positions = []
        for _ in range(2):
            motor = make()
            try:
                motor.open()
                assert isnan(motor.target)
                assert not motor.at_target()
                positions.append(motor.position())
            finally:
                motor.close()
        assert positions[1] == pytest.approx(positions[0], abs=self.tolerance)

    def test_it_knows_when_it_is_at_its_target(self, motor: Motor) -> None:
        """After it has arrived, and not after it was stopped on the way."""
        start = motor.position()
        target = start + self._harmless(motor)
        motor.move_to(target)
        self._settle(motor)
        assert motor.target == target
        assert motor.at_target()
        assert motor.at_target(self.tolerance)
        motor.move_to(start)
        self._settle(motor)
        assert motor.at_target()

    def test_a_new_target_on_the_way_counts(self, motor: Motor) -> None:
        """It goes to the newest target."""
        start = motor.position()
        motor.move_to(start + self._harmless(motor))
        motor.move_to(start)
        assert self._settle(motor) == pytest.approx(start, abs=self.tolerance)
        assert motor.at_target(self.tolerance)

    def test_it_is_stopped_by_another_thread(self, motor: Motor) -> None:
        """Also while `start_move` waits for the axis."""
        start = motor.position()
        move = threading.Thread(target=motor.move_to, args=(start + self._harmless(motor),))
        move.start()
        motor.stop()
        move.join(self.move_within_s)
        assert not move.is_alive(), "the move goes on after stop"
        motor.stop()
        self._settle(motor)
        motor.move_to(start)
        self._settle(motor)

    def test_what_is_no_position_is_refused(self, motor: Motor) -> None:
        """Neither NaN nor infinity is sent."""
        for position in (nan, inf, -inf):
            with pytest.raises(LimitError):
                motor.move_to(position)
        assert not motor.is_moving()

    def test_a_move_may_take_a_finite_time(self, motor: Motor) -> None:
        """What takes longer has failed."""
        assert 0 < motor.arrival_s(self.step) < inf
        assert motor.tolerance > 0

    def test_it_says_what_it_needs(self, motor: Motor) -> None:
        """An open device is available."""
        assert motor.why_unavailable() is None
        assert isinstance(motor.needs, str)

    def test_settings_are_described(self, motor: Motor) -> None:
        """Names are unique, values allowed by their description, and each can be set to what it is."""
        _check_settings(motor)

    def test_bad_settings_are_refused(self, motor: Motor) -> None:
        """Unknown names and values beyond the limits raise DeviceError."""
        _check_refusals(motor)
