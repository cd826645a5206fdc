"""The loop of the Z-lock: gains that may be, focus that acts too much, frames that are late, silence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from magscope_app.config.feedback import ZLockConfig
from tests.feedback.bench import Bench, Telemetry
from tests.feedback.quick import Quick
from tests.feedback.test_z_lock import held


@pytest.mark.parametrize(
    ("gain", "damping"), [(0.4, 0.9), (0.4, 0.3), (0.4, 0.21), (0.8, 0.01), (0.2, 0.4), (1.0, 0.0)]
)
def test_gains_that_would_swing_are_refused(gain: float, damping: float) -> None:
    with pytest.raises(ValidationError, match=r"gain = .* with damping = .* would swing"):
        ZLockConfig(gain=gain, damping=damping)


@given(gain=st.floats(0.01, 0.8), part=st.floats(0, 1))
def test_no_gain_that_may_be_overshoots_or_amplifies_noise(gain: float, part: float) -> None:
    config = ZLockConfig(gain=gain, damping=part * (0.8 - gain) / 2)
    errors = [0.0, 1.0]
    for _ in range(200):
        errors.append(errors[-1] - config.gain * errors[-1] - config.damping * (errors[-1] - errors[-2]))
    assert min(errors) >= -1e-9
    # What a focus does that answers to noise alone: no more than the noise itself.
    answer = np.convolve(errors[1:], [1.0, -1.0])
    assert float(answer[:200] @ answer[:200]) < 4.0
    assert abs(errors[-1]) <= max(0.1, (1 - gain / 2) ** 100)


def pair(gain: float, damping: float) -> ZLockConfig:
    """Return what a config refuses: the loop has its own guard."""
    return ZLockConfig.model_construct(**ZLockConfig().model_dump() | {"gain": gain, "damping": damping})


@pytest.mark.parametrize(("gain", "damping"), [(0.4, 0.9), (0.4, 1.0), (1.0, 0.6), (1.0, 1.0)])
def test_a_loop_that_swings_lets_go(gain: float, damping: float) -> None:
    bench = held(Bench(config=pair(gain, damping), noise_nm=2.0))
    bench.run(8.0)
    assert "the beads swing to and fro" in bench.lock.state.reason
    at_nm = bench.target_nm
    bench.run(0.5)
    assert bench.target_nm == at_nm


@pytest.mark.parametrize(("tracking_ms", "piezo_ms"), [(8, 4), (60, 20)])
@pytest.mark.parametrize("effect", [1.5, 1.8])
@pytest.mark.parametrize(("gain", "damping"), [(0.8, 0.0), (0.4, 0.2), (0.08, 0.36), (0.4, 0.1)])
def test_a_focus_that_acts_too_much_is_calmed(
    gain: float, damping: float, effect: float, tracking_ms: int, piezo_ms: int
) -> None:
    """Of the pairs at the edge of what may be, and the one that is given."""
    bench = Bench(
        config=ZLockConfig(gain=gain, damping=damping),
        stage_nm=lambda t_s: 60.0 if t_s > 1.0 else 0.0,
        noise_nm=1.0,
        sign=effect,
        tracking_ms=tracking_ms,
        piezo_ms=piezo_ms,
    )
    bench.run(0.4)
    bench.begin()
    bench.run(5.0)
    assert bench.lock.state.stage == "on", bench.lock.state
    assert np.std(bench.z_nm[-150:]) < 2.0


@pytest.mark.parametrize("effect", [2.5, 3.0, 5.0])
def test_a_focus_that_acts_too_much_lets_go(effect: float) -> None:
    bench = held(Bench(stage_nm=lambda t_s: 200.0 if t_s > 1.0 else 0.0, noise_nm=2.0, sign=effect))
    bench.run(3.0)
    assert "times what they should" in bench.lock.state.reason


@pytest.mark.parametrize("latency_ms", [15, 60, 150, 300])
@pytest.mark.parametrize("bead_ids", [(0,), (0, 1, 2)])
def test_frames_of_before_the_focus_arrived_are_not_where_beads_are_held(
    latency_ms: int, bead_ids: tuple[int, ...]
) -> None:
    bench = Bench(tracking_ms=latency_ms, noise_nm=2.0, bead_ids=bead_ids)
    bench.run(0.5)
    bench.target_nm = 500.0
    bench.run(0.05)
    bench.begin()
    bench.run(2.0)
    assert bench.lock.state.stage == "on"
    assert bench.focus_nm == pytest.approx(500.0, abs=6)


def test_the_focus_moves_while_beads_are_looked_for() -> None:
    bench = Bench()
    bench.run(0.2)
    bench.begin()
    bench.run(0.08)
    bench.target_nm = 400.0
    bench.run(1.5)
    assert bench.lock.state.stage == "on"
    assert bench.focus_nm == pytest.approx(400.0, abs=2)


class Silent(Bench):
    """A focus whose telemetry stays as it was, or is spoilt."""

    kept: Telemetry | None = None
    unknown: int | None = None

    @property
    def telemetry(self) -> Telemetry:
        if self.kept is not None:
            return self.kept
        rows = super().telemetry
        if self.unknown is not None and len(rows):
            rows[-1, self.unknown] = math.nan
        return rows


@pytest.mark.parametrize("empty", [True, False])
def test_a_focus_that_falls_silent_ends_it(empty: bool) -> None:
    bench = Silent(stage_nm=lambda t_s: 5.0 * t_s, noise_nm=2.0)
    held(bench)
    bench.kept = bench.telemetry[:0] if empty else bench.telemetry
    bench.run(0.5)
    assert bench.lock.state.stage == "on"
    bench.run(0.5)
    assert bench.lock.state.reason == "the focus has not told where it is for 0.8 s"


@pytest.mark.parametrize("column", [1, 2])
def test_a_row_that_says_nothing_ends_nothing(column: int) -> None:
    bench = Silent(stage_nm=lambda t_s: 5.0 * t_s, noise_nm=2.0)
    held(bench)
    bench.unknown = column
    bench.run(0.1)
    bench.unknown = None
    bench.run(1.0)
    assert bench.lock.state.stage == "on", bench.lock.state


def test_slow_cameras_are_not_silent() -> None:
    quick = Quick(period_s=0.5).held()
    quick.lock.watch(np.array([[quick.now_ns + 1.6e9, 0.0, 0.0, 0.0, 1.0]]), quick.now_ns + 1.6e9)
    assert quick.lock.on


def test_corrections_are_as_far_apart_as_wanted() -> None:
    quick = Quick(config=ZLockConfig(interval_s=0.5, dead_band_nm=0), noise_nm=3.0).held()
    quick.run(3.0)
    assert 5 <= len(quick.decisions) <= 7


def test_what_was_measured_before_a_shift_does_not_count_after_it() -> None:
    quick = Quick(config=ZLockConfig(window=5, interval_s=0.001)).held()
    quick.run(0.5)
    quick.decisions.clear()
    while not quick.decisions:
        quick.frame()
    for _ in range(2):
        assert quick.frame() is not None
    assert quick.lock.shift(200.0) is None
    assert [quick.frame() for _ in range(4)] == [None] * 4
    decision = quick.frame()
    assert decision is not None
    assert decision.error_nm == -200.0


def test_a_shift_during_a_test_step_is_no_sign_of_a_focus_without_effect() -> None:
    """Drift that sets in fast makes the lock test the focus; just then the beads are held elsewhere."""
    bench = held(Bench(stage_nm=lambda t_s: 100.0 * max(0.0, t_s - 1.0), noise_nm=2.6))
    while not bench.decisions or abs(bench.decisions[-1].correction_nm) < 40:
        bench.run(0.001)
        assert bench.t_ms < 20_000, "no test step"
    assert bench.lock.shift(-30.0) is None
    bench.run(1.0)
    assert bench.lock.state.stage == "on", bench.lock.state


def test_shifts_between_corrections_are_no_effect_of_the_focus() -> None:
    quick = Quick().held()
    for number in range(5):
        while (decision := quick.frame()) is None or abs(decision.correction_nm) < 30:
            assert quick.count < 1000, quick.lock.state
            if not number:
                quick.z_nm = 300.0
        assert quick.lock.shift(-300.0 if number % 2 else 300.0) is None
    assert quick.lock.state.stage == "on", quick.lock.state


def test_a_long_way_in_small_steps_is_no_swing() -> None:
    quick = Quick(config=ZLockConfig(max_step_nm=20)).held()
    quick.z_nm = 500.0
    quick.run(3.0)
    assert quick.lock.state.stage == "on", quick.lock.state
    assert quick.focus_nm * 0.88 == pytest.approx(500.0, abs=2)


def test_a_test_step_and_its_correction_are_no_more_than_the_largest_step() -> None:
    """The focus does nothing in a drift: it is tested with the largest step there is."""
    config = ZLockConfig(max_step_nm=30)
    bench = held(
        Bench(config=config, stage_nm=lambda t_s: 60.0 * max(0.0, t_s - 0.5), noise_nm=2.0, sign=0.0)
    )
    for _ in range(60):
        bench.run(0.5)
        if not bench.lock.on:
            break
    assert "a step of 30 nm moved them" in bench.lock.state.reason
    steps_nm = [abs(decision.correction_nm) for decision in bench.decisions]
    assert max(steps_nm) == pytest.approx(30.0)


def test_the_focus_stays_while_a_test_step_is_judged() -> None:
    """Where the largest step is near the noise, the verdict takes several measurements."""
    config = ZLockConfig(max_step_nm=12)
    bench = held(
        Bench(config=config, stage_nm=lambda t_s: 20.0 * max(0.0, t_s - 0.5), noise_nm=8.0, sign=0.0)
    )
    while bench.lock.on:
        bench.run(0.01)
        assert bench.t_ms < 30_000, "no verdict"
    assert "a step of 12 nm moved them" in bench.lock.state.reason
    assert bench.t_ms - 1e-6 * bench.decisions[-1].t_ns > 300


def test_beads_that_say_they_became_uncertain_do_not_swing() -> None:
    """By 25 nm to and fro: more than 20 nm, but not more than 8 times the noise that is stated."""
    for sigma_nm, ends in ((1.0, True), (12.0, False)):
        quick = Quick(config=ZLockConfig(gain=0.01, damping=0.0, window=1, interval_s=0.001)).held()
        quick.sigma_nm = sigma_nm
        for number in range(40):
            quick.z_nm = 0.88 * quick.focus_nm + 25.0 * (-1) ** number
            quick.frame()
            if not quick.lock.on:
                break
        assert quick.lock.state.let_go == ends, quick.lock.state
        assert not ends or "swing to and fro" in quick.lock.state.reason
