"""The Z-lock in numbers: it follows, does not swing, and lets go on any doubt."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magscope_app.config.feedback import ZLockConfig
from magscope_app.feedback.readings import Frame, Reading
from magscope_app.feedback.z_lock import Decision, ZLock
from tests.feedback.bench import FACTOR, Bench


def held(bench: Bench) -> Bench:
    """Return the bench with the lock on."""
    bench.run(0.2)
    bench.begin()
    bench.run(0.3)
    assert bench.lock.state.stage == "on", bench.lock.state
    return bench


def test_it_follows_drift_and_a_step() -> None:
    bench = held(Bench(stage_nm=lambda t_s: 5.0 * t_s + (500.0 if t_s > 2 else 0.0), noise_nm=3.0))
    bench.run(4.5)
    z_nm = np.array(bench.z_nm)
    aim_nm = z_nm[20:180].mean()
    assert (z_nm[-200:] - aim_nm).std() < 2
    assert abs(z_nm[-200:].mean() - aim_nm) < 2
    # After the step, the beads do not go to the other side.
    assert z_nm[200:].min() > aim_nm - 0.2 * 500
    steps_nm = [abs(decision.correction_nm) for decision in bench.decisions]
    assert max(steps_nm) <= bench.config.max_step_nm
    assert bench.lock.state.stage == "on"
    assert bench.lock.focus_latency_ms > 0


def test_ten_corrections_a_second() -> None:
    bench = held(Bench(config=ZLockConfig(dead_band_nm=0), noise_nm=3.0))
    bench.run(2.0)
    assert len(bench.decisions) >= 20


@settings(max_examples=12, deadline=None)
@given(
    tracking_ms=st.integers(0, 150),
    piezo_ms=st.integers(1, 80),
    gain=st.floats(0.1, 0.8),
    part=st.floats(0, 1),
    step_nm=st.floats(-400, 400),
)
def test_latency_makes_it_slow_but_never_swing(
    tracking_ms: int, piezo_ms: int, gain: float, part: float, step_nm: float
) -> None:
    """Of all gains and dampings that may be."""
    damping = part * (0.8 - gain) / 2
    config = ZLockConfig(gain=gain, damping=damping, max_step_nm=500, arrival_nm=1)
    bench = Bench(
        config=config,
        stage_nm=lambda t_s: step_nm if t_s > 1.0 else 0.0,
        tracking_ms=tracking_ms,
        piezo_ms=piezo_ms,
    )
    bench.run(0.4)
    bench.begin()
    bench.run(4.0)
    assert bench.lock.state.stage == "on"
    z_nm = np.array(bench.z_nm) * math.copysign(1, step_nm)
    assert z_nm.min() >= -0.2 * abs(step_nm) - 2 * config.dead_band_nm
    # Each correction takes its part of what is left, and takes so long at most.
    cycle_s = 0.05 + 1e-3 * (tracking_ms + 7 * piezo_ms)
    assert abs(z_nm[-1]) <= 12 + abs(step_nm) * (1 - gain) ** int(2.8 / cycle_s)


def test_a_bead_that_is_gone_ends_it_in_half_a_second() -> None:
    bench = held(Bench(stage_nm=lambda t_s: 5.0 * t_s, noise_nm=3.0))
    before_nm, corrections = bench.target_nm, len(bench.decisions)
    bench.lost = {0}
    bench.run(0.5)
    assert bench.lock.state.let_go
    assert "bead 0 is not tracked" in bench.lock.state.reason
    assert abs(bench.target_nm - before_nm) <= bench.config.max_step_nm
    assert len(bench.decisions) <= corrections + 1
    at_nm = bench.target_nm
    bench.lost = set()
    bench.run(1.0)
    assert bench.target_nm == at_nm


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ({"x_nm": math.nan}, "bead 0 is lost"),
        ({"z_nm": math.nan}, "bead 0 has no z (no Z-LUT, or beyond its range)"),
        ({"quality": 0.1}, "bead 0 has a quality of 0.10, below 0.4"),
        ({"quality": math.nan}, "below 0.4"),
        ({"sigma_z_nm": 80.0}, "bead 0 is uncertain by 80 nm, more than 30"),
        ({"sigma_z_nm": math.nan}, "bead 0 has no uncertainty of z"),
    ],
)
def test_a_bead_that_cannot_be_believed_ends_it(spoilt: dict[str, float], said: str) -> None:
    bench = held(Bench(stage_nm=lambda t_s: 40.0 if t_s > 0.55 else 0.0))
    bench.spoilt = spoilt
    bench.run(0.2)
    assert bench.lock.state.stage == "on"
    bench.spoilt = {}
    bench.run(0.3)
    assert abs(bench.z_nm[-1]) < 10
    at_nm = bench.target_nm
    bench.spoilt = spoilt
    bench.run(0.5)
    assert bench.lock.state.let_go
    assert said in bench.lock.state.reason
    # What was measured before may have led to a last correction.
    assert abs(bench.target_nm - at_nm) < 2


def test_of_several_beads_one_may_be_lost() -> None:
    bench = held(Bench(bead_ids=(1, 2, 3), stage_nm=lambda t_s: 20.0 * t_s))
    bench.lost = {2}
    bench.run(2.0)
    assert bench.lock.state.stage == "on"
    assert bench.lock.state.reason == "bead 2 is not tracked"
    assert abs(bench.z_nm[-1] - bench.z_nm[30]) < 5


def test_beads_that_disagree_end_it() -> None:
    bench = held(Bench(bead_ids=(1, 2, 3)))
    bench.moved_nm = {3: 80.0}
    bench.run(0.3)
    assert bench.lock.state.let_go
    assert "bead 3 has moved 80 nm" in bench.lock.state.reason
    assert bench.target_nm == 0.0


@pytest.mark.parametrize("noise_nm", [15.0, 25.0])
def test_noise_of_good_beads_is_no_disagreement(noise_nm: float) -> None:
    bench = Bench(bead_ids=(1, 2, 3), noise_nm=noise_nm, stage_nm=lambda t_s: 20.0 * t_s)
    bench.run(0.2)
    bench.begin()
    bench.run(10.0)
    assert bench.lock.state.stage == "on", bench.lock.state.reason


@pytest.mark.parametrize(("noise_nm", "moved_nm"), [(0.0, 51.0), (5.0, 60.0), (15.0, 90.0)])
def test_a_bead_that_moves_against_noisy_ones_ends_it_in_half_a_second(
    noise_nm: float, moved_nm: float
) -> None:
    bench = Bench(bead_ids=(1, 2, 3), noise_nm=noise_nm)
    bench.run(0.2)
    bench.begin()
    bench.run(1.0)
    bench.moved_nm = {2: moved_nm}
    bench.run(0.5)
    assert bench.lock.state.let_go
    assert "bead 2 has moved" in bench.lock.state.reason


def test_of_two_beads_that_creep_apart_it_follows_neither_far() -> None:
    bench = held(Bench(bead_ids=(1, 2), noise_nm=2.6))
    for creep_nm in range(60):
        bench.moved_nm = {2: float(creep_nm)}
        bench.run(0.05)
    assert bench.lock.state.let_go
    assert "1 and 2 have moved" in bench.lock.state.reason
    assert max(map(abs, bench.focus_trace_nm)) < 20


@pytest.mark.parametrize("exposure_ms", [5.0, 9.0, 1.0])
def test_a_frame_that_was_exposed_on_the_way_is_not_believed(exposure_ms: float) -> None:
    """Its exposure began before the focus had arrived, and ended after; it may be set anew meanwhile."""
    lock = ZLock(ZLockConfig(window=1, interval_s=0.001), FACTOR, 0.005, 0.01, lambda _: (-2000.0, 2000.0))
    lock.time_frames(1e-3 * exposure_ms, 0.01)
    rest = np.array([[0.0, 0.0, 0.0, 0.0, 1.0]])

    def take(t_ms: float, z_nm: float) -> Decision | None:
        return lock.take(Frame(0, 1e6 * t_ms, 0.0, {0: Reading(1.0, 1.0, z_nm, 1.0, 0.9)}), rest)

    lock.begin((0,))
    for number in range(11):
        take(10.0 * number, 0.0)
    first = take(100.0, 40.0)
    assert first is not None
    lock.sent(first, 101e6)
    lock.watch(np.array([[105e6, first.focus_nm, first.focus_nm, 0.0, 1.0]]), 106e6)
    assert take(104.0 + exposure_ms, 40.0) is None
    assert take(105.0 + exposure_ms, 25.0) is not None


def test_a_slow_camera_is_waited_for_and_compared_over_as_long_a_time() -> None:
    bench = held(Bench())
    bench.lock.time_frames(0.005, 10.0)
    bench.blind = True
    bench.run(3.0)
    assert bench.lock.state.stage == "on"
    bench.lock.time_frames(0.005, 0.01)
    bench.run(0.1)
    assert bench.lock.state.let_go


def test_frames_that_lag_behind_are_frames_all_the_same() -> None:
    """What counts is when they come: tracking may be late by more than the lock is patient."""
    bench = Bench(tracking_ms=1500)
    bench.run(2.0)
    bench.begin()
    bench.run(4.0)
    assert bench.lock.state.stage == "on"


def test_the_end_of_the_lut_ends_it() -> None:
    bench = held(Bench())
    bench.stage_nm = lambda _: 1950.0
    bench.run(0.5)
    assert bench.lock.state.let_go
    assert "near the end of its Z-LUT (-1900 to 1900 nm)" in bench.lock.state.reason


def test_a_stuck_focus_ends_it() -> None:
    bench = held(Bench(stage_nm=lambda t_s: 200.0 if t_s > 0.6 else 0.0))
    bench.stuck = True
    bench.run(3.0)
    assert bench.lock.state.let_go
    assert "did not reach" in bench.lock.state.reason
    assert "stuck" in bench.lock.state.reason
    assert abs(bench.target_nm) <= bench.config.max_step_nm
    assert len(bench.decisions) == 1


@pytest.mark.parametrize(
    ("sign", "speed_nm_s", "step_nm"),
    [(0, 0.5, 0), (0, 2, 0), (0, 5, 0), (0, 20, 0), (0, 0, 60), (-1, 0, 0), (-1, 5, 0), (-1, 0, 60)],
)
def test_a_focus_that_does_not_act_on_the_beads_ends_it(sign: int, speed_nm_s: float, step_nm: float) -> None:
    """The objective is not coupled, or upside down: let go before the focus has gone far."""

    def stage_nm(t_s: float) -> float:
        return speed_nm_s * t_s + (step_nm if t_s > 1.5 else 0.0)

    bench = Bench(config=ZLockConfig(max_step_nm=1000), stage_nm=stage_nm, sign=sign, noise_nm=2.6)
    held(bench)
    for _ in range(60):
        bench.run(0.5)
        if bench.lock.state.let_go:
            break
    assert "does not act on the beads as it should" in bench.lock.state.reason
    limit_nm = 150.0 if sign == 0 else 200.0
    assert max(map(abs, bench.focus_trace_nm)) * FACTOR - stage_nm(1e-3 * bench.t_ms) < limit_nm
    at_nm = bench.target_nm
    bench.run(0.3)
    assert bench.target_nm == at_nm


@pytest.mark.parametrize("case", ["5 nm/s", "onset", "fast", "sway", "noise", "slow", "backlash", "steps"])
def test_a_focus_that_acts_keeps_hold(case: str) -> None:
    bench = Bench(stage_nm=lambda t_s: 5.0 * t_s, noise_nm=2.6)
    match case:
        case "onset":
            bench.stage_nm = lambda t_s: 100.0 * max(0.0, t_s - 2.0)
        case "fast":
            bench.stage_nm = lambda t_s: 400.0 * t_s
        case "sway":
            bench.stage_nm = lambda t_s: 5.0 * t_s + 10.0 * math.sin(2.0 * math.pi * t_s)
        case "noise":
            bench.noise_nm = 15.0
        case "slow":
            bench.piezo_ms, bench.tracking_ms = 80, 100
        case "backlash":
            bench.backlash_nm = 20.0
        case "steps":
            bench.stage_nm = lambda t_s: 5.0 * t_s + 500.0 * (t_s > 2.0) - 1200.0 * (t_s > 4.0)
    held(bench)
    bench.run(7.0)
    assert bench.lock.state.stage == "on", bench.lock.state.reason
    assert abs(np.mean(bench.z_nm[-100:])) < {"backlash": 25, "onset": 25, "sway": 25, "fast": 200}.get(
        case, 10
    )


def test_somebody_elses_move_ends_it() -> None:
    bench = held(Bench())
    bench.target_nm += 300.0
    bench.run(0.3)
    assert bench.lock.state.let_go
    assert bench.lock.state.reason == "the focus was moved or stopped by something else"
    assert bench.target_nm == 300.0


def test_too_long_a_way_ends_it() -> None:
    bench = held(Bench(config=ZLockConfig(max_travel_nm=200), stage_nm=lambda t_s: 100.0 * t_s))
    bench.run(4.0)
    assert bench.lock.state.let_go
    assert "200 nm from where the lock began" in bench.lock.state.reason
    assert abs(bench.target_nm) <= 201 + bench.config.max_step_nm


def test_it_waits_for_beads_and_a_resting_focus() -> None:
    bench = Bench()
    bench.lost = {0}
    bench.begin()
    bench.run(0.5)
    assert bench.lock.state.text == "Z-lock waits: bead 0 is not tracked"
    bench.lost = set()
    bench.run(0.5)
    assert bench.lock.state.stage == "on"
    nobody = Bench(bead_ids=())
    nobody.begin()
    assert "no bead is a reference" in nobody.lock.state.text


def test_the_beads_can_be_held_elsewhere() -> None:
    bench = held(Bench())
    assert bench.lock.shift(300.0) is None
    bench.run(1.5)
    assert bench.z_nm[-1] == pytest.approx(300.0, abs=5)
    assert bench.lock.shift(5000.0) is not None
    assert bench.lock.state.stage == "on"


def test_without_frames_nobody_is_said_to_hold_the_focus() -> None:
    bench = held(Bench(stage_nm=lambda t_s: 5.0 * t_s))
    bench.blind = True
    bench.run(0.8)
    assert bench.lock.state.stage == "on"
    bench.run(0.4)
    assert bench.lock.state.text == "Z-lock has let go: no frame was tracked for 1.0 s"
    at_nm = bench.target_nm
    bench.blind = False
    bench.run(1.0)
    assert bench.target_nm == at_nm


def test_beads_taken_off_the_list_are_forgotten() -> None:
    bench = held(Bench(bead_ids=(1, 2)))
    bench.lock.forget({1, 7})
    assert bench.lock.state.stage == "on"
    bench.lock.forget({2})
    assert bench.lock.state.text == "Z-lock has let go: bead 2 was taken off the list"


_FLOATS = st.floats(-5000, 5000) | st.just(math.nan)


@settings(max_examples=60, deadline=None)
@given(
    readings=st.lists(st.tuples(_FLOATS, _FLOATS, st.floats(0, 1), st.booleans()), min_size=60, max_size=120),
    rows=st.lists(_FLOATS, min_size=1, max_size=5),
)
def test_whatever_it_sees_no_step_is_too_large(
    readings: list[tuple[float, float, float, bool]], rows: list[float]
) -> None:
    """Readings and telemetry of any kind: every command is finite and within the largest step."""
    config = ZLockConfig(arrival_s=60)
    lock = ZLock(config, FACTOR, 0.005, 0.01, lambda _: (-2000.0, 2000.0))
    rest = np.array([[0.0, 0.0, 0.0, 0.0, 1.0]])
    lock.begin((0,))
    for number in range(10):
        lock.take(Frame(number, 1e7 * (number + 1), 0.0, {0: Reading(1.0, 1.0, 0.0, 1.0, 0.9)}), rest)
    assert lock.state.stage == "on"
    at_nm = 0.0
    for number, (z_nm, sigma_nm, quality, good) in enumerate(readings):
        t_ns = 1e7 * (number + 11)
        reading = Reading(1.0, 1.0, z_nm if good else z_nm / 50, abs(sigma_nm), quality)
        decision = lock.take(Frame(number + 10, t_ns, 0.0, {0: reading}), rest)
        if decision is not None and decision.correction_nm:
            assert lock.on
            assert abs(decision.focus_nm - at_nm) <= config.max_step_nm * (1 + 1e-9)
            at_nm = decision.focus_nm
            lock.sent(decision, t_ns)
        wild = rows[number % len(rows)]
        lock.watch(np.array([[t_ns + 1, at_nm + (wild if good else 0.0), at_nm, 0.0, 1.0]]), t_ns + 2)
    assert abs(at_nm) <= config.max_travel_nm
