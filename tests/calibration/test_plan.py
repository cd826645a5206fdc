from __future__ import annotations

import itertools
import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magscope_app.calibration import BeadReport, SweepPlan
from magscope_app.config import load_config

LIMITS = (-20000.0, 20000.0)


@given(
    st.integers(-5000, 5000),
    st.integers(1, 500),
    st.integers(6, 200),
    st.sampled_from([1, -1]),
    st.integers(1, 9),
)
def test_planes_lie_evenly_between_both_ends(
    start: int, step: int, planes: int, way: int, frames: int
) -> None:
    plan = SweepPlan(start, start + way * step * (planes - 1), step, frames)
    assert plan.problems() == []
    offsets = plan.offsets_nm
    assert len(offsets) == plan.n_steps == planes
    assert offsets[0] == plan.start_nm
    assert offsets[-1] == pytest.approx(plan.stop_nm)
    # Every plane, the first one included, is reached in the same direction.
    assert way * (offsets[0] - plan.approach_nm) > 0
    assert all(way * (b - a) > 0 for a, b in itertools.pairwise(offsets))


@given(st.integers(500, 8000), st.floats(10, 90))
def test_the_steps_that_are_proposed_divide_the_range(length: int, step: float) -> None:
    plan = SweepPlan(0, length, step, 10)
    for proposed in re.findall(r"([\d.]+) nm \(\d+ steps\)", "; ".join(plan.problems())):
        better = replace(plan, step_nm=float(proposed))
        assert better.problems() == []
        assert better.offsets_nm[-1] == pytest.approx(length)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (
            SweepPlan(-2000, 2000, 70, 10),
            "70 nm does not divide the range of 4000 nm; take 68.9655 nm (58 steps)",
        ),
        (SweepPlan(0, 100, 50, 10), "fewer than 6 planes"),
        (SweepPlan(100, 100, 50, 10), "fewer than 6 planes"),
        (SweepPlan(-2000, 2000, 0.5, 10), "more than 2000"),
        (SweepPlan(-2000, 2000, 0, 10), "the step must be above 0"),
        (SweepPlan(-2000, 2000, -50, 10), "the step must be above 0"),
        (SweepPlan(-2000, 2000, 50, 0), "0 frames per plane cannot be"),
        (SweepPlan(-2000, math.nan, 50, 10), "finite"),
        (SweepPlan(-2000, 2000, 50, 10, force_pn=-1.0), "a calibration force of -1 pN"),
        (SweepPlan(-2000, 2000, 50, 10, backlash_nm=-1.0), "cannot be below 0"),
        (SweepPlan(-2000, 2000, 50, 10, settle_s=-1e-3), "cannot be below 0"),
        (SweepPlan(-2000, 2000, 50, 10, settle_frames=-1), "-1 frames cannot be passed over; take 0 to"),
        (SweepPlan(-2000, 2000, 50, 10, settle_frames=10_001), "10001 frames cannot be passed over"),
    ],
)
def test_what_is_no_sweep_is_said(plan: SweepPlan, said: str) -> None:
    assert said in "; ".join(plan.problems())


def test_the_last_look_is_at_an_early_plane_but_not_the_first() -> None:
    """What has drifted must still be within the Z-LUT, and the time since as long as can be."""
    assert SweepPlan(-2000, 2000, 50, 10).closing_plane == 20
    assert SweepPlan(0, 250, 50, 10).closing_plane == 1


def test_a_plan_settles_as_the_config_says() -> None:
    config = load_config(
        "demo.toml",
        ["calibration.settle_ms=500", "calibration.settle_frames=3", "calibration.backlash_nm=120"],
    ).config
    plan = SweepPlan(0, 300, 50, 2, (7,), None).settled_as(config.calibration)
    assert plan == SweepPlan(0, 300, 50, 2, (7,), None, 0.5, 3, 120.0)
    # Without a word of the config it settles as a plan does by itself.
    usual = SweepPlan(0, 300, 50, 2)
    assert usual.settled_as(load_config("demo.toml").config.calibration) == usual


def test_limits_hold_for_the_whole_way() -> None:
    plan = SweepPlan(-2000, 2000, 50, 10, backlash_nm=300)
    assert plan.limit_problem(0.0, (-2300, 2000)) is None
    assert "from -2300 to 2000 nm" in str(plan.limit_problem(0.0, (-2299, 2000)))
    assert "limits are" in str(plan.limit_problem(18001.0, LIMITS))
    down = SweepPlan(2000, -2000, 50, 10, backlash_nm=300)
    assert down.limit_problem(0.0, (-2000, 2300)) is None
    assert down.limit_problem(0.0, (-2000, 2299)) is not None


def test_a_report_survives_a_file() -> None:
    report = BeadReport(
        7,
        "reference",
        "poor",
        ("too dark", "alone"),
        1.0,
        2.0,
        3.0,
        4.0,
        (-5.0, 6.0),
        0.07,
        8.0,
        9.0,
        -10.0,
        11.0,
    )
    assert BeadReport.of_metadata(7, report.as_metadata()) == report
    assert "bead    7" in report.describe()
    unknown = BeadReport(1, "tethered", "good")
    read = BeadReport.of_metadata(1, unknown.as_metadata())
    assert read is not None
    assert math.isnan(read.sigma_z_nm)
    assert BeadReport.of_metadata(1, {"source": "elsewhere"}) is None
