"""The contract refuses wrong drivers: each is one good driver with one thing wrong."""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Callable
from math import isnan
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from magscope_app.config import Config
from magscope_app.devices import (
    Camera,
    CameraContext,
    DeviceError,
    FrameFormat,
    FrameInfo,
    Motor,
    MotorContext,
    Setting,
    SettingKind,
    SettingValue,
)
from magscope_app.devices.testing import CameraContract, MotorContract

MOTOR = {"name": "stage", "driver": "a:B", "limits": [0.0, 20.0]}
CONFIG = Config.model_validate(
    {
        "camera": {"driver": "a:B", "fps": 100},
        "optics": {"pixel_pitch_um": 5.0, "magnification": 50.0},
        "motors": [MOTOR],
    }
)
REFUSED = (AssertionError, pytest.fail.Exception)


class Settings:
    """A setting of each kind; with `wrong` they are ignored, or not checked."""

    def __init__(self, wrong: str) -> None:
        self._wrong = wrong
        self._values: dict[str, SettingValue] = {"gain": 2.0, "lines": 4, "fan": True, "mode": "slow"}

    def settings(self) -> tuple[Setting, ...]:
        values = self._values
        return (
            Setting("gain", SettingKind.FLOAT, values["gain"], limits=(1.0, 4.0)),
            Setting("lines", SettingKind.INT, values["lines"], limits=(1.0, 8.0)),
            Setting("fan", SettingKind.BOOL, values["fan"]),
            Setting("mode", SettingKind.CHOICE, values["mode"], choices=("slow", "fast")),
            Setting("serial", SettingKind.TEXT, "A1", read_only=True),
        )

    def set(self, name: str, value: SettingValue) -> None:
        setting = next((known for known in self.settings() if known.name == name), None)
        if setting is None:
            raise DeviceError(f"there is no setting {name!r}")
        refusal = setting.why_not(value)
        passes = (
            self._wrong == "unchecked"
            or (self._wrong == "low unchecked" and isinstance(value, float) and value < 1.0)
            or (self._wrong == "compared" and isinstance(value, float) and isnan(value))
        )
        if refusal is not None and not passes:
            raise DeviceError(refusal)
        if self._wrong != "ignored":
            self._values[name] = value


class Stage(Motor):
    """Moves at 20 mm/s; the place survives closing."""

    unit = "mm"
    #: Where the axis is between two lives of the driver.
    place = 3.0

    def __init__(self, wrong: str = "") -> None:
        super().__init__(MotorContext(config=CONFIG, motor=CONFIG.motors[0]))
        self._wrong, self._settings = wrong, Settings(wrong)
        self._from = self._to = Stage.place
        self._began = 0.0
        self._was_open = self._closed = False

    def _now(self) -> tuple[float, bool]:
        way, gone = self._to - self._from, 20.0 * (time.monotonic() - self._began)
        return (self._to, False) if gone >= abs(way) else (self._from + (gone if way > 0 else -gone), True)

    def _go(self, position: float) -> None:
        self._from, self._to, self._began = self._now()[0], position, time.monotonic()

    def open(self) -> None:
        if self._closed and self._wrong == "once":
            raise DeviceError("the port is not there any more")
        self._was_open = True
        self._from = self._to = Stage.place
        if self._wrong == "homes":
            self._from = self._to = 0.0
        if self._wrong == "moves":
            self._go(self._to + 1.0)
        if self._wrong == "outside":
            self._from = self._to = 55.0

    def close(self) -> None:
        # One that was never opened has nothing to let go of.
        self._closed = self._was_open
        Stage.place = self._now()[0]

    def position(self) -> float:
        if self._wrong == "slow":
            time.sleep(0.06)
        return float("nan") if self._wrong == "nan" else self._now()[0]

    def is_moving(self) -> bool:
        return self._now()[1]

    def start_move(self, position: float) -> None:
        self._go(position)

    def stop(self) -> None:
        start = self._from
        if self._wrong == "stop waits":
            while self._now()[1]:
                time.sleep(0.001)
        elif self._wrong != "no stop":
            goal = self._to
            self._go(self._now()[0])
            if self._wrong == "resumes":
                threading.Timer(0.3, self._go, (goal,)).start()
        if self._wrong == "stop brakes":
            time.sleep(0.08)
        if self._wrong == "jumps back":
            self._from = self._to = start

    def home(self) -> None:
        if self._wrong == "no home":
            raise DeviceError("the stage has no reference position")
        if self._wrong != "home does nothing":
            self._go(1.0)

    @property
    def limits(self) -> tuple[float, float]:
        return (0.0, 100.0) if self._wrong == "own limits" else super().limits

    def device_limits(self) -> tuple[float, float]:
        return 0.0, 100.0

    def home_position(self) -> float:
        return 2.0 if self._wrong == "home elsewhere" else -1.0 if self._wrong == "home beyond" else 1.0

    def settings(self) -> tuple[Setting, ...]:
        return self._settings.settings()

    def set(self, name: str, value: SettingValue) -> None:
        self._settings.set(name, value)


class Noise(Camera):
    """Shows noise at 100 frames per second."""

    def __init__(self, wrong: str = "") -> None:
        super().__init__(CameraContext(config=CONFIG))
        self._wrong, self._settings = wrong, Settings(wrong)
        self._random = np.random.default_rng(1)
        self._first: npt.NDArray[Any] | None = None
        self._number, self._due, self._began_ns = 0, 0.0, 0
        self._was_open = self._closed = False

    @property
    def format(self) -> FrameFormat:
        return FrameFormat(32, 24, 12)

    def open(self) -> None:
        if self._closed and self._wrong == "once":
            raise DeviceError("the port is not there any more")
        self._was_open = True

    def close(self) -> None:
        self._closed = self._was_open

    def start(self) -> None:
        self._began_ns = time.perf_counter_ns()
        self._number, self._due = 0, time.monotonic() + 0.01

    def stop(self) -> None:
        pass

    def read_into(self, buffer: npt.NDArray[Any], timeout_s: float) -> FrameInfo | None:
        wait_s = self._due - time.monotonic()
        if wait_s > timeout_s and self._wrong != "waits":
            time.sleep(0.2 if self._wrong == "vain" else timeout_s)
            return None
        time.sleep(max(wait_s, 0.0))
        # Late, it does not catch up: on a busy machine, too, the next frame is a period away.
        self._due = max(self._due, time.monotonic()) + 0.01
        self._draw(buffer)
        number, self._number = self._number, self._number + (2 if self._wrong == "twos" else 1)
        return FrameInfo(number, self._began_ns if self._wrong == "one time" else time.perf_counter_ns())

    def _draw(self, buffer: npt.NDArray[Any]) -> None:
        if self._wrong == "old image" or (self._wrong == "twice" and self._number % 2):
            self._random = np.random.default_rng(1)
        shape = {"rows": (buffer.shape[0], 1), "columns": (1, buffer.shape[1])}.get(self._wrong, buffer.shape)
        buffer[:] = 7 if self._wrong == "constant" else self._random.integers(0, 4000, shape)
        if self._wrong == "bright" and self._number > 2:
            buffer[0, 0] = 4096
        if self._wrong == "earlier":
            self._first = buffer if self._first is None else self._first
            self._first[:] = buffer

    def settings(self) -> tuple[Setting, ...]:
        return self._settings.settings()

    def set(self, name: str, value: SettingValue) -> None:
        self._settings.set(name, value)


def run(contract: MotorContract | CameraContract, test: str, make: Callable[[], Motor | Camera]) -> None:
    """Run one test of a contract on a driver, as pytest does."""
    method = getattr(contract, test)
    (needs,) = inspect.signature(method).parameters
    if needs == "make":
        method(make)
        return
    device = make()
    device.open()
    try:
        method(device)
    finally:
        device.close()


def all_of(contract: type[MotorContract | CameraContract]) -> list[str]:
    return [name for name in dir(contract) if name.startswith("test_")]


@pytest.fixture(autouse=True)
def place() -> None:
    Stage.place = 3.0


def test_the_good_stage_passes_also_without_a_reference_position() -> None:
    assert MotorContract.stays_s > 0.6
    for test in all_of(MotorContract):
        run(MotorContract(), test, Stage)
    run(MotorContract(), "test_it_finds_its_reference_position", lambda: Stage("no home"))


def test_the_good_camera_passes() -> None:
    for test in all_of(CameraContract):
        run(CameraContract(), test, Noise)


@pytest.mark.parametrize(
    ("wrong", "test", "said"),
    [
        (
            "homes",
            "it_can_be_opened_again_without_moving",
            r"was at 1 .* is at 0 after it was opened: open\(\)",
        ),
        ("moves", "opening_does_not_move", r"open\(\) moves the axis"),
        ("outside", "opening_does_not_move", r"the axis stands at 55, outside its limits, 0 to 20"),
        ("own limits", "the_limits_of_the_config_hold", r"limits are 0 to 100, wider than 0 to 20, those of"),
        ("resumes", "it_stops", r"stop\(\) does not last: it"),
        ("stop brakes", "it_stops", r"stop\(\) takes 0\.\d+ s: it is to order the stop and come back"),
        ("no stop", "it_stops", r"stop\(\) does not stop: the axis went on to its target"),
        ("stop waits", "it_stops", r"stop\(\) took 0\.\d\d s, and must not wait for the end of the move"),
        ("jumps back", "it_stops", r"the axis went back to 3"),
        ("home does nothing", "it_finds_its_reference_position", r"home\(\) led to 4, .* it does nothing"),
        ("home elsewhere", "it_finds_its_reference_position", r"leads to 1, but home_position\(\) says 2"),
        ("home beyond", "it_finds_its_reference_position", r"reference position of stage, -1 mm, is outside"),
        (
            "slow",
            "it_says_where_it_is_at_once",
            r"position\(\) takes 0\.\d+ s at rest; it must answer within",
        ),
        ("nan", "opening_does_not_move", r"position\(\) gives nan, which is no position"),
        ("ignored", "settings_are_described", r"gain was set from 2\.0 to 1\.8, but is 2\.0 afterwards"),
        ("unchecked", "bad_settings_are_refused", r"gain = 0\.0 is not allowed, but set\(\) takes it"),
        ("low unchecked", "bad_settings_are_refused", r"gain = 0\.0 is not allowed, but set\(\) takes it"),
        ("compared", "bad_settings_are_refused", r"gain = nan is not allowed, but set\(\) takes it"),
        ("once", "closing_is_allowed_at_any_time", "a device that was closed cannot be opened again"),
    ],
)
def test_a_wrong_motor_is_refused(wrong: str, test: str, said: str) -> None:
    with pytest.raises(REFUSED, match=said):
        run(MotorContract(), f"test_{test}", lambda: Stage(wrong))


@pytest.mark.parametrize(
    ("wrong", "test", "said"),
    [
        (
            "earlier",
            "every_frame_is_written_into_its_own_memory",
            "frame 0 changed while later ones were read",
        ),
        ("waits", "waiting_ends", "read_into with a timeout of 0 s waits .* it ignores its timeout"),
        ("vain", "waiting_ends", r"read_into with a timeout of 0 s takes 0\.\d+ s to return None"),
        ("twice", "frames_show_something", "is the frame before once more, to the last pixel"),
        (
            "bright",
            "numbers_and_times_rise",
            "frame 3 has pixels of 4096, above 4095, the most that the 12 bits",
        ),
        ("constant", "frames_show_something", "all pixels of 5 frames have the value 7"),
        ("old image", "frames_show_something", "5 frames are alike to the last pixel"),
        ("ignored", "settings_are_described", r"gain was set from 2\.0 to 1\.8, but is 2\.0 afterwards"),
        ("unchecked", "bad_settings_are_refused", r"gain = 0\.0 is not allowed, but set\(\) takes it"),
        ("low unchecked", "bad_settings_are_refused", r"gain = 0\.0 is not allowed, but set\(\) takes it"),
        ("compared", "bad_settings_are_refused", r"gain = nan is not allowed, but set\(\) takes it"),
        ("once", "it_can_be_opened_again", "a device that was closed cannot be opened again"),
        ("one time", "numbers_and_times_rise", r"5 frames were taken at one time, \d+ ns"),
        ("twos", "numbers_and_times_rise", "frame numbers go up in steps of 2"),
        ("rows", "frames_show_something", "all rows of 5 frames have one value each"),
        ("columns", "frames_show_something", "all columns of 5 frames have one value each"),
    ],
)
def test_a_wrong_camera_is_refused(wrong: str, test: str, said: str) -> None:
    with pytest.raises(REFUSED, match=said):
        run(CameraContract(), f"test_{test}", lambda: Noise(wrong))
