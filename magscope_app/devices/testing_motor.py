"""The tests that every motor must pass; see `magscope_app.devices.testing`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from math import inf, isfinite, isnan, nan

import pytest

from magscope_app.devices.errors import DeviceError, LimitError
from magscope_app.devices.motor import Motor
from magscope_app.devices.testing_settings import (
    NO_MAKE,
    check_changes,
    check_refusals,
    check_settings,
    open_again,
)

#: A position is asked for so often to see how long that takes.
_ASKED = 5
#: An axis that was just opened is watched for so long.
_WATCHED_S = 0.1
#: A move that does not come back so soon blocks until it is over, or stopped.
_BLOCKS_S = 0.05
#: How often a move is tried to be caught on its way, and by which part of the way it must have come.
_TRIES, _PART = 3, 0.05


class MotorContract:
    """What every motor does; override `make`, and `step` where 1 is not a small distance."""

    #: A harmless distance, in the unit of the axis.
    step: float = 1.0
    #: How exactly a target is reached.
    tolerance: float = 0.01
    #: Longest time for a move of `step`.
    move_within_s: float = 10.0
    #: Longest time in which the reference position is found; None where looking for it would do harm.
    home_within_s: float | None = 60.0
    #: `position`, `is_moving` and `stop` take no longer, most of the time.
    answer_within_s: float = 0.05
    #: An axis that was stopped is watched for so long: it must not set off again.
    stays_s: float = 1.0
    #: False for a device that forgets where it is when it is closed, as simulated ones may.
    remembers: bool = True
    #: Names of settings that must not be changed, as that would do harm.
    untouched: tuple[str, ...] = ()

    @pytest.fixture
    def make(self) -> Callable[[], Motor]:
        """Return a function that makes a new motor, not open yet; every class of tests has its own."""
        pytest.fail(NO_MAKE.format(type(self).__name__), pytrace=False)

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

    def _settle(self, motor: Motor, within_s: float | None = None) -> float:
        within_s = self.move_within_s if within_s is None else within_s
        deadline = time.monotonic() + within_s
        while motor.is_moving():
            assert time.monotonic() < deadline, f"still moving after {within_s} s"
            time.sleep(0.005)
        return motor.position()

    def _catch(self, motor: Motor, target: float) -> tuple[float | None, float, threading.Thread]:
        """Set off, and stop on the way; return where it was then (None: not known) and how long stop took."""
        start = motor.position()
        move = threading.Thread(target=motor.move_to, args=(target,), daemon=True)
        move.start()
        move.join(_BLOCKS_S)
        at = None
        deadline = time.monotonic() + self.move_within_s
        while not move.is_alive() and time.monotonic() < deadline:
            at = motor.position()
            if (
                abs(at - start) > max(2 * self.tolerance, _PART * abs(target - start))
                or not motor.is_moving()
            ):
                break
        began = time.monotonic()
        motor.stop()
        return at, time.monotonic() - began, move

    def _require_stop(self, motor: Motor) -> None:
        """Make sure that a move is stopped on its way; skip where it is over too soon to be caught."""
        start, quickest_s = motor.position(), inf
        for _ in range(_TRIES):
            target = start + self._harmless(motor)
            before, took_s, move = self._catch(motor, target)
            move.join(self.move_within_s)
            assert not move.is_alive(), "the move goes on after stop"
            after = self._settle(motor)
            self._require_no_way_back(start, before, after, target)
            stopped = abs(after - target) > self.tolerance
            if stopped and quickest_s == inf:
                self._require_rest(motor, after, "stop() does not last", self.stays_s)
            over = before is not None and abs(before - target) <= self.tolerance
            motor.move_to(start)
            self._settle(motor)
            if stopped:
                quickest_s = min(quickest_s, took_s)
            if quickest_s <= self.answer_within_s:
                return
        assert quickest_s == inf, (
            f"stop() takes {quickest_s:.3f} s: it is to order the stop and come back, at most "
            f"{self.answer_within_s:g} s later; it does not wait until the axis stands"
        )
        assert over, (
            f"stop() does not stop: the axis went on to its target, {target:g}; stop() took {took_s:.2f} s, "
            "and must not wait for the end of the move"
        )
        pytest.skip(f"a move of {self.step:g} is over before it can be stopped; give a larger step")

    def _require_no_way_back(self, start: float, before: float | None, after: float, target: float) -> None:
        way = 1.0 if target > start else -1.0
        came = start if before is None else before
        assert way * (after - came) >= -2 * self.tolerance, (
            f"stop() does not stop: it was told to at {came:g}, and the axis went back to {after:g}"
        )

    def test_closing_is_allowed_at_any_time(self, make: Callable[[], Motor]) -> None:
        """Before opening, and twice; afterwards the same object can be opened again."""
        motor = make()
        motor.close()
        for open_it in (motor.open, partial(open_again, motor)):
            open_it()
            assert isfinite(motor.position()), "position() gives no position after open()"
            motor.close()
            motor.close()

    def test_opening_does_not_move(self, motor: Motor) -> None:
        """It stands, inside of its limits."""
        at = motor.position()
        assert isfinite(at), f"position() gives {at:g}, which is no position"
        self._require_rest(motor, at, "open() moves the axis")
        assert motor.problems(motor.context) == ()
        low, high = motor.limits
        assert low < high
        assert low - motor.tolerance <= at <= high + motor.tolerance, (
            f"the axis stands at {at:g}, outside its limits, {low:g} to {high:g}: position() is wrong, or it "
            "is to be moved inside, or the config is to give limits that hold it"
        )

    def test_the_limits_of_the_config_hold(self, motor: Motor) -> None:
        """`limits` are never wider than those of the config, nor than those of the device."""
        low, high = motor.limits
        given = motor.context.motor
        lowest, highest = given.limits or (-inf, inf)
        lowest = max(lowest, -inf if given.lowest is None else given.lowest)
        for whose, (least, most) in (("config", (lowest, highest)), ("device", motor.device_limits())):
            assert least <= low <= high <= most, (
                f"limits are {low:g} to {high:g}, wider than {least:g} to {most:g}, those of the {whose}; "
                "leave limits as it is, and say in device_limits what the device keeps"
            )

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
        """On the way, at once, and while it stands; by another thread, also while `start_move` waits."""
        at = motor.position()
        motor.stop()
        self._require_rest(motor, at, "stop() moves an axis that stands")
        self._require_stop(motor)

    def test_it_can_be_opened_again_without_moving(self, make: Callable[[], Motor]) -> None:
        """It stands where it stood, wherever that was, and knows of no target."""
        left_at = start = nan
        for attempt in range(3):
            motor = make()
            try:
                motor.open()
                assert isnan(motor.target)
                assert not motor.at_target()
                at = motor.position()
                self._require_rest(motor, at, "open() moves the axis")
                assert attempt == 0 or not self.remembers or abs(at - left_at) <= self.tolerance, (
                    f"the axis was at {left_at:g} when it was closed, and is at {at:g} after it was opened: "
                    "open() moves it, or looks for the reference position; a device that forgets its place "
                    "says remembers = False"
                )
                start = at if attempt == 0 else start
                # Elsewhere, so that one that always goes to the same place is seen; at last back.
                motor.move_to(at + self._harmless(motor) if attempt == 0 else start)
                left_at = self._settle(motor)
            finally:
                motor.close()

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

    def test_it_says_where_it_is_at_once(self, motor: Motor) -> None:
        """At rest and on the way: telemetry asks that often."""
        start = motor.position()
        self._require_answers(motor, "at rest")
        motor.move_to(start + self._harmless(motor))
        self._require_answers(motor, "on the way")
        self._settle(motor)
        motor.move_to(start)
        self._settle(motor)

    def test_it_finds_its_reference_position(self, motor: Motor) -> None:
        """`home` leads to one place, from wherever; an axis that has none raises DeviceError."""
        if self.home_within_s is None:
            pytest.skip("home_within_s is None: the reference position is not looked for")
        start = motor.position()
        assert motor.why_not_home() is None, motor.why_not_home()
        found = []
        for _ in range(2):
            motor.move_to(motor.position() + self._harmless(motor))
            self._settle(motor)
            try:
                motor.home()
            except DeviceError:
                break
            found.append(self._settle(motor, self.home_within_s))
        motor.move_to(start)
        self._settle(motor)
        self._require_one_place(motor, found)

    def _require_one_place(self, motor: Motor, found: list[float]) -> None:
        if not found:
            return
        assert max(found) - min(found) <= 2 * self.tolerance, (
            f"home() led to {found[0]:g}, and from elsewhere to {found[-1]:g}: it does nothing, or finds no "
            "one place; an axis without a reference position has no home()"
        )
        low, high = motor.limits
        assert low - self.tolerance <= found[0] <= high + self.tolerance, (
            f"home() leads to {found[0]:g}, outside the limits, {low:g} to {high:g}"
        )
        said = motor.home_position()
        assert said is None or abs(said - found[0]) <= 2 * self.tolerance, (
            f"home() leads to {found[0]:g}, but home_position() says {said:g}"
        )

    def _require_rest(self, motor: Motor, at: float, otherwise: str, within_s: float = _WATCHED_S) -> None:
        """Make sure that an axis stands, and stays where it is."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            assert not motor.is_moving(), f"{otherwise}: it says that it moves"
            now = motor.position()
            assert abs(now - at) <= self.tolerance, f"{otherwise}: it goes from {at:g} to {now:g}"
            time.sleep(0.01)

    def _require_answers(self, motor: Motor, when: str) -> None:
        for ask in (motor.position, motor.is_moving):
            took = []
            for _ in range(_ASKED):
                began = time.monotonic()
                ask()
                took.append(time.monotonic() - began)
            usual_s = sorted(took)[_ASKED // 2]
            assert usual_s <= self.answer_within_s, (
                f"{ask.__name__}() takes {usual_s:.3f} s {when}; it must answer within a few milliseconds, "
                f"at most {self.answer_within_s:g} s"
            )

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
        """Names are unique, values allowed by their description, and what is set is read afterwards."""
        check_settings(motor)
        check_changes(motor, self.untouched)

    def test_bad_settings_are_refused(self, motor: Motor) -> None:
        """Unknown names and values beyond the limits, on either side, raise DeviceError."""
        check_refusals(motor)
