"""Drift from beads that do not move: right in x, y, z and tilt, and without jumps."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magscope_app.config.feedback import DriftConfig
from magscope_app.feedback.drift import DriftAt, DriftMeter
from magscope_app.feedback.readings import Frame
from tests.feedback.drift_frames import FACTOR, PLACES_NM, frame, meter_at_zero


def settled(meter: DriftMeter, **given: object) -> DriftAt:
    for number in range(30, 40):
        found = meter.take(frame(number, **given))  # type: ignore[arg-type]  # the arguments of frame
    assert found is not None
    return found


def test_drift_is_found_and_a_moving_focus_is_none() -> None:
    found = settled(meter_at_zero(), drift_nm=(12.0, -7.0, 30.0), focus_nm=900.0)
    np.testing.assert_allclose(found.drift_nm, (12.0, -7.0, 30.0), atol=1e-6)
    np.testing.assert_array_equal(found.tilt, 0)
    assert found.n_beads == 4
    assert len(found.row()) == 10


@settings(max_examples=30, deadline=None)
@given(
    x=st.floats(-3e-3, 3e-3),
    y=st.floats(-3e-3, 3e-3),
    beads=st.sampled_from([(1, 2, 3), (2, 3, 4), (1, 2, 3, 4)]),
)
def test_three_beads_give_a_plane(x: float, y: float, beads: tuple[int, ...]) -> None:
    meter = meter_at_zero(beads, tilt=True)
    for number in range(80):
        # A stage tilts slowly: what comes at once is a bead that has come loose.
        meter.take(frame(number, tilt=(x * number / 80, y * number / 80), beads=beads))
    found = settled(meter, drift_nm=(0.0, 0.0, 5.0), tilt=(x, y), beads=beads)
    np.testing.assert_allclose(found.tilt, (x, y), atol=1e-9)
    centre = np.mean([PLACES_NM[bead_id] for bead_id in beads], axis=0)
    np.testing.assert_allclose(found.centre_nm, centre)
    assert found.drift_nm[2] == pytest.approx(5.0 + centre @ (x, y), abs=1e-6)


def test_two_beads_give_no_plane() -> None:
    found = settled(meter_at_zero((1, 2), tilt=True), drift_nm=(0.0, 0.0, 5.0), beads=(1, 2))
    np.testing.assert_array_equal(found.tilt, 0)


def test_beads_come_and_go_without_a_jump() -> None:
    meter = DriftMeter(DriftConfig(window=5), FACTOR)
    meter.begin((1, 2))
    for number in range(30):
        meter.take(frame(number, beads=(1,)))
    settled(meter, drift_nm=(50.0, 0.0, 20.0), beads=(1,))
    assert meter.bead_ids == (1, 2)
    for number in range(40, 80):
        found = meter.take(frame(number, (50.0, 0.0, 20.0), beads=(1, 2)))
        assert found is not None
        np.testing.assert_allclose(found.drift_nm, (50.0, 0.0, 20.0), atol=1e-6)
    for number in range(80, 100):
        found = meter.take(frame(number, (50.0, 0.0, 20.0), beads=(2,)))
        assert found is not None
        np.testing.assert_allclose(found.drift_nm, (50.0, 0.0, 20.0), atol=1e-6)


def _moving(number: int, bead_ids: tuple[int, ...], off_nm: tuple[float, float] = (0.0, 0.0)) -> Frame:
    """50 nm/s in x, 5 nm/s in z at 100 fps; bead 2 is off by (x, z)."""
    seen = frame(number, (0.5 * number, 0.0, 0.05 * number), beads=bead_ids)
    if 2 in bead_ids:
        one = seen.beads[2]
        seen.beads[2] = replace(one, x_nm=one.x_nm + off_nm[0], z_nm=one.z_nm + off_nm[1])
    return seen


def _anywhere(at: DriftAt) -> tuple[float, float, float]:
    x_nm, y_nm, z_nm = at.drift_nm
    return x_nm, y_nm, z_nm + float((np.array([9000.0, 4000.0]) - at.centre_nm) @ at.tilt)


@pytest.mark.parametrize("tilt", [False, True])
@pytest.mark.parametrize("case", ["joins", "comes back elsewhere", "has moved by itself", "is taken off"])
def test_drift_goes_on_evenly_whoever_comes_and_goes(case: str, tilt: bool) -> None:
    """Every step is that of the drift, and what it is behind it is behind by the window's delay."""
    meter = DriftMeter(DriftConfig(window=20, tilt=tilt), FACTOR)
    meter.begin((1, 2, 3))
    found = []
    for number in range(500):
        ids: tuple[int, ...] = (1, 2, 3)
        off_nm = (0.0, 0.0)
        match case:
            case "joins" if number < 200:
                ids = (1, 3)
            case "comes back elsewhere":
                ids = (1, 3) if 200 <= number < 300 else ids
                off_nm = (300.0, 40.0) if number >= 300 else off_nm
            case "has moved by itself" if number > 50:
                off_nm = (48.0, 30.0)
                ids = (1, 3) if number >= 200 else ids
            case "is taken off" if number == 200:
                meter.forget({2})
        at = meter.take(_moving(number, ids, off_nm))
        # The plane goes on, wherever the beads have their centre.
        found += [_anywhere(at)] if at is not None else []
    steps = np.diff(found, axis=0)
    late = slice(80, None)
    np.testing.assert_allclose(steps[late], np.broadcast_to((0.5, 0.0, 0.05), steps[late].shape), atol=1e-3)


def test_a_bead_that_blinks_does_not_shake_the_drift() -> None:
    """Two beads have moved differently; one is seen in every third frame."""
    meter = meter_at_zero((1, 2), window=20)
    found = []
    for number in range(30, 300):
        blinks = number > 150 and number % 3
        seen = replace(frame(number, beads=(1,) if blinks else (1, 2)))
        if 2 in seen.beads:
            seen.beads[2] = replace(seen.beads[2], x_nm=seen.beads[2].x_nm + 50.0)
        at = meter.take(seen)
        assert at is not None
        found.append(at.drift_nm[0])
    np.testing.assert_allclose(found[60:], 25.0, atol=1e-6)


@pytest.mark.parametrize("tilt", [False, True])
def test_other_zluts_lose_no_drift(tilt: bool) -> None:
    """x and y count from where they did; z goes on with the speed that it had, whatever it means now."""
    meter = DriftMeter(DriftConfig(window=20, tilt=tilt), FACTOR)
    meter.begin((1, 2, 3))
    found = {}
    for number in range(900):
        seen = _moving(number, (1, 2, 3))
        if number == 300:
            meter.pause(True)
        if number == 600:
            meter.relearn()
            meter.pause(False)
        if number >= 600:
            beads = {
                bead_id: replace(one, z_nm=one.z_nm + 77.0 * bead_id) for bead_id, one in seen.beads.items()
            }
            seen = replace(seen, beads=beads)
        found[number] = meter.take(seen)
    before, after = found[299], found[899]
    assert before is not None
    assert after is not None
    np.testing.assert_allclose(after.drift_nm - before.drift_nm, (300.0, 0.0, 30.0), atol=1e-6)
    np.testing.assert_allclose(after.tilt, 0.0, atol=1e-9)
    assert found[300] is None


@pytest.mark.parametrize("known_from", [0, 12, 60])
def test_a_focus_that_is_not_known_is_not_taken_for_zero(known_from: int) -> None:
    """The height is not known then, x and y are; once it is, it counts from the beginning."""
    meter = DriftMeter(DriftConfig(window=5), FACTOR)
    meter.begin((1, 2))

    def take(number: int, drift_nm: tuple[float, float, float], *, blind: bool = False) -> DriftAt | None:
        seen = frame(number, drift_nm, focus_nm=5000.0, beads=(1, 2))
        return meter.take(replace(seen, focus_nm=math.nan) if blind else seen)

    for number in range(100):
        found = take(number, (0.0, 0.0, 0.0), blind=number < known_from)
    assert found is not None
    np.testing.assert_allclose(found.drift_nm, 0.0, atol=1e-6)
    for number in range(100, 110):
        found = take(number, (10.0, 0.0, 20.0))
    assert found is not None
    np.testing.assert_allclose(found.drift_nm, (10.0, 0.0, 20.0), atol=1e-6)
    for number in range(110, 120):
        found = take(number, (14.0, 0.0, 30.0), blind=True)
        assert found is not None
        assert found.drift_nm[2] == pytest.approx(20.0) or math.isnan(found.drift_nm[2])
    np.testing.assert_allclose(found.drift_nm, (14.0, 0.0, math.nan), atol=1e-6)
    for number in range(120, 130):
        found = take(number, (14.0, 0.0, 30.0))
    assert found is not None
    np.testing.assert_allclose(found.drift_nm, (14.0, 0.0, 30.0), atol=1e-6)


def test_without_a_focus_that_moves_z_is_the_height() -> None:
    meter = DriftMeter(DriftConfig(window=5), None)
    meter.begin((1,))
    for number in range(60):
        at = (0.0, 0.0, 7.0 if number > 40 else 0.0)
        found = meter.take(replace(frame(number, at, beads=(1,)), focus_nm=math.nan))
    assert found is not None
    np.testing.assert_allclose(found.drift_nm, (0.0, 0.0, 7.0), atol=1e-6)


def _loose(
    number: int, bead_ids: tuple[int, ...], off_nm: tuple[float, float, float], tilt: float = 0.0
) -> Frame:
    """The stage goes 5 nm/s upwards; bead 2 is off."""
    seen = frame(number, (0.0, 0.0, 0.05 * number), tilt=(tilt * number, 0.0), beads=bead_ids)
    one = seen.beads[2]
    x_nm, y_nm, z_nm = (at + off for at, off in zip((one.x_nm, one.y_nm, one.z_nm), off_nm, strict=True))
    seen.beads[2] = replace(one, x_nm=x_nm, y_nm=y_nm, z_nm=z_nm)
    return seen


@pytest.mark.parametrize("tilt", [False, True])
@pytest.mark.parametrize("off_nm", [(0.0, 0.0, 300.0), (0.0, -300.0, 0.0)], ids=["z", "y"])
def test_a_bead_that_comes_loose_does_not_move_the_drift(
    off_nm: tuple[float, float, float], tilt: bool
) -> None:
    meter = DriftMeter(DriftConfig(window=20, tilt=tilt), FACTOR)
    meter.begin((1, 2, 3))
    found = []
    for number in range(300):
        at = meter.take(_loose(number, (1, 2, 3), off_nm if number >= 150 else (0.0, 0.0, 0.0)))
        found += [at] if at is not None else []
        if number == 149:
            assert meter.state.reason == ""
    steps = np.diff([_anywhere(at) for at in found], axis=0)[60:]
    np.testing.assert_allclose(steps, np.broadcast_to((0.0, 0.0, 0.05), steps.shape), atol=1e-3)
    assert [at.n_beads for at in found[-3:]] == [2, 2, 2]
    assert meter.state.stage == "on"
    assert meter.state.bead_ids == (1, 3)
    assert meter.state.reason.startswith("bead 2 has moved 300 nm against the others, more than 50 nm")
    # One frame that is wrong is left out alone.
    meter = meter_at_zero((1, 2, 3))
    meter.take(_loose(30, (1, 2, 3), off_nm))
    assert "bead 2" in meter.state.reason
    assert settled(meter, beads=(1, 2, 3)).n_beads == 3
    assert meter.state.reason == ""


def test_of_two_beads_that_disagree_none_is_believed() -> None:
    meter = DriftMeter(DriftConfig(window=20), FACTOR)
    meter.begin((1, 2))
    for number in range(100):
        before = meter.take(_loose(number, (1, 2), (0.0, 0.0, 0.0)))
    for number in range(100, 150):
        found = meter.take(_loose(number, (1, 2), (60.0, 0.0, 0.0)))
    assert before is not None
    assert found is not None
    assert found.n_beads == 0
    assert np.isnan(found.drift_nm).all()
    assert "1 and 2 have moved 60 nm against each other, more than 50 nm" in meter.state.reason
    # They agree again: the drift goes on from where it began.
    for number in range(150, 200):
        found = meter.take(_loose(number, (1, 2), (0.0, 0.0, 0.0)))
    assert found is not None
    assert found.drift_nm[2] - before.drift_nm[2] == pytest.approx(5.0, abs=0.1)
    assert meter.state.reason == ""


def test_what_a_blinking_bead_moves_by_itself_counts_for_its_share() -> None:
    """What all have in common is 0 on the mean, also while one is seen in few frames."""
    meter = meter_at_zero((1, 2), window=20)
    for number in range(30, 300):
        seen = frame(number, beads=(1,) if number % 3 else (1, 2))
        if 2 in seen.beads and number > 80:
            seen.beads[2] = replace(seen.beads[2], x_nm=seen.beads[2].x_nm + 40.0)
        found = meter.take(seen)
    assert found is not None
    assert found.drift_nm[0] == pytest.approx(20.0, abs=0.1)


def test_without_a_good_bead_there_is_no_drift() -> None:
    found = settled(meter_at_zero(), quality=0.1)
    assert np.isnan(found.drift_nm).all()
    assert found.n_beads == 0
    meter = DriftMeter(DriftConfig(), FACTOR)
    meter.begin(())
    assert "no bead is a reference" in meter.state.text
    gone = meter_at_zero((1, 2))
    gone.forget({1})
    assert gone.on
    gone.forget({2})
    assert "taken off the list" in gone.state.text


@pytest.mark.parametrize(("lasted", "tilt"), [(60, 2e-4), (60, -9e-4), (200, 2e-4)])
def test_after_a_bead_was_away_a_tilt_is_known_again(lasted: int, tilt: float) -> None:
    """Without it the other two tilt against each other, and nobody can tell which is right."""
    meter = DriftMeter(DriftConfig(window=5, tilt=True), FACTOR)
    meter.begin((1, 2, 3))
    for number in range(60):
        meter.take(frame(number, beads=(1, 2, 3)))
    for number in range(60, 60 + lasted):
        now = (tilt * (number - 59) * 60 / lasted, 0.0)
        found = meter.take(frame(number, (0.0, 0.0, 9.0), tilt=now, beads=(2, 3)))
    assert found is not None
    assert math.isnan(found.drift_nm[2])
    for number in range(60 + lasted, 90 + lasted):
        found = meter.take(frame(number, (0.0, 0.0, 9.0), tilt=(60 * tilt, 0.0), beads=(1, 2, 3)))
    assert found is not None
    assert found.n_beads == 3
    assert found.tilt == pytest.approx((60 * tilt, 0.0), abs=1e-3)
    # They no longer disagree, but with three nobody can be sure.
    assert meter.state.reason.startswith("the tilt moves beads more than 50 nm against each other")


def test_of_four_beads_two_against_two_none_is_believed() -> None:
    """Nor is one of three that all disagree."""
    for beads, off_nm in (
        ((1, 2, 3, 4), {1: 0.0, 2: 0.0, 3: 200.0, 4: 200.0}),
        ((1, 2, 3), {2: 200.0, 3: -200.0}),
    ):
        meter = meter_at_zero(beads)
        for number in range(30, 60):
            seen = frame(number, beads=beads)
            for bead_id, one in list(seen.beads.items()):
                seen.beads[bead_id] = replace(one, z_nm=one.z_nm + off_nm.get(bead_id, 0.0))
            found = meter.take(seen)
        assert found is not None
        assert found.n_beads == 0
        assert np.isnan(found.drift_nm).all()
        assert "the drift is not known" in meter.state.reason
