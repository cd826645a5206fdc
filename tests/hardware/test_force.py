"""Magnet height and force: both directions, and what is no calibration."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.simulated.microscope import SimulatedMagnetHeight
from magscope_app.config import ForceConfig, load_config
from magscope_app.devices import LimitError
from magscope_app.devices.force import (
    ExponentialForce,
    ForceTable,
    calibration_from,
    force_calibration,
    read_force_table,
)
from magscope_app.errors import ConfigError, MagscopeError
from magscope_app.processes.force_ramp import ForceRamp, plan_ramp
from magscope_app.processes.preflight import load_ready
from tests.hardware.simulated.twin import motor_context, twin_config

CONFIG = """
camera = { driver = "hardware.simulated.microscope:SimulatedCamera" }
optics = { pixel_pitch_um = 5.0, magnification = 50.0 }
"""
ROWS = "force_pn,height_mm\n8,1\n2.5,2\n20.5,0.25\n0.9,4\n"


def config_with_table(folder: Path, name: str) -> str:
    path = folder / "setup.toml"
    path.write_text(f'{CONFIG}\nforce.table = "{name}"\n')
    return str(path)


@given(f0=st.floats(0.1, 1000), decay=st.floats(0.1, 10), height=st.floats(-1, 15))
def test_the_model_goes_both_ways(f0: float, decay: float, height: float) -> None:
    model = ExponentialForce(f0, decay)
    force = float(model.force_pn(height))
    assert force == pytest.approx(f0 * math.exp(-height / decay))
    assert model.height_mm(force) == pytest.approx(height, abs=1e-9)


@given(
    steps=st.lists(st.floats(0.01, 3), min_size=2, max_size=20),
    falls=st.lists(st.floats(0.01, 3), min_size=20, max_size=20),
    part=st.floats(0, 1),
)
def test_a_table_goes_both_ways_and_through_its_rows(
    steps: list[float], falls: list[float], part: float
) -> None:
    heights = np.cumsum(steps)
    forces = 50.0 * np.exp(-np.cumsum(falls[: len(steps)]))
    table = ForceTable(heights.tolist(), forces.tolist())
    assert table.force_pn(heights) == pytest.approx(forces)
    height = float(heights[0] + part * (heights[-1] - heights[0]))
    assert table.height_mm(float(table.force_pn(height))) == pytest.approx(height, abs=1e-6)
    assert calibration_from(table.description()).force_pn(height) == table.force_pn(height)


def test_beyond_a_table_nothing_is_known(tmp_path: Path) -> None:
    path = tmp_path / "force.csv"
    path.write_text(ROWS)
    table = read_force_table(path)
    assert table.heights_mm == (0.25, 4.0)
    assert np.isnan(table.force_pn([0.2, 4.1])).all()
    assert table.forces_pn(-1.0, 2.0) == pytest.approx((2.5, 20.5))
    with pytest.raises(LimitError, match=r"21 pN is beyond the force table, .* from 0\.9 to 20\.5 pN"):
        table.height_mm(21.0)
    with pytest.raises(LimitError, match="give one above 0"):
        table.height_mm(0.0)
    with pytest.raises(LimitError, match="not known"):
        table.forces_pn(5.0, 6.0)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("height_mm,force_pn\n1,8\n2,9\n", "the force does not fall from 8 pN at 1 mm to 9 pN at 2 mm"),
        ("height_mm,force_pn\n1,8\n1,7\n", "the height 1 mm twice"),
        ("height_mm,force_pn\n1,8\n", "has 1 rows; give at least two"),
        ("height_mm,force_pn\n1,8\n2,-1\n", "-1 pN at 2 mm"),
        ("height,force\n1,8\n2,1\n", "no column 'height_mm'"),
        ("height_mm,force_pn\n1,8\n2\n", "not a force table"),
        ("height_mm,force_pn\n1,eight\n", "'eight'"),
    ],
)
def test_what_is_no_table_is_one_sentence(rows: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "force.csv"
    path.write_text(rows)
    with pytest.raises(MagscopeError) as caught:
        read_force_table(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    with pytest.raises(ConfigError) as refused:
        load_ready(config_with_table(tmp_path, path.name), [], None, None)
    assert "force.table: " in str(refused.value)
    assert said in str(refused.value)


def test_the_config_has_a_model_or_a_table(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give either model or table; both are given"):
        load_config("demo.toml", ["force.table=x.csv"])
    assert force_calibration(None) is None
    given = force_calibration(ForceConfig.model_validate({"model": {"f0_pn": 40.0, "decay_mm": 1.6}}))
    assert given is not None
    assert given.description() == {"f0_pn": 40.0, "decay_mm": 1.6}
    with pytest.raises(ConfigError, match="cannot be read"):
        load_ready(config_with_table(tmp_path, "no.csv"), [], None, None)


@given(start=st.floats(0.1, 30), end=st.floats(0.1, 30), rate=st.floats(0.01, 100))
def test_a_ramp_is_straight_in_force(start: float, end: float, rate: float) -> None:
    model = ExponentialForce(40.0, 1.6)
    ramp = ForceRamp(model, start, end, rate)
    times = np.linspace(0, ramp.duration_s, 9).tolist()
    forces = [float(model.force_pn(ramp.height_mm(time))) for time in times]
    assert forces == pytest.approx(np.linspace(start, end, 9).tolist())
    assert ramp.height_mm(ramp.duration_s + 1.0) == model.height_mm(end)
    # The weakest force is where the magnets must be fastest: speed = decay · rate / force.
    fastest = 0.0 if start == end else 1.6 * rate / min(start, end)
    assert ramp.fastest_mm_per_s() == pytest.approx(fastest)


@pytest.mark.parametrize(
    ("start_pn", "end_pn", "fastest_mm_per_s"),
    [(10.0, 4.99, 70.06), (4.99, 10.0, 70.06), (10.0, 5.0, 10.0), (9.0, 6.0, 2.408e-5)],
)
def test_the_steepest_part_of_a_table_on_the_way_sets_the_speed(
    start_pn: float, end_pn: float, fastest_mm_per_s: float
) -> None:
    table = ForceTable([0.0, 1.0, 1.001, 8.0], [10.0, 9.99, 5.0, 4.99])
    ramp = ForceRamp(table, start_pn, end_pn, rate_pn_s=0.1)
    assert ramp.fastest_mm_per_s() == pytest.approx(fastest_mm_per_s, rel=0.02)


@given(end=st.floats(0.01, 5.0), speed=st.floats(0.01, 20.0))
@settings(max_examples=50)
def test_the_rate_that_a_refused_ramp_recommends_can_be_followed(end: float, speed: float) -> None:
    config = twin_config(motors={"magnet_height": {"speed": speed, "settings": {"start": 1.0}}})
    magnet, model = SimulatedMagnetHeight(motor_context(config, "magnet_height")), ExponentialForce(40.0, 1.6)
    magnet.open()
    try:
        with pytest.raises(LimitError, match="give at most") as refused:
            plan_ramp(magnet, model, end, 1.1 * speed * end / 1.6)
        recommended = float(str(refused.value).split()[-2])
        ramp = plan_ramp(magnet, model, end, recommended)
    finally:
        magnet.close()
    heights = [ramp.height_mm(ramp.duration_s * (1.0 - 1e-6 * step)) for step in (0, 1)]
    assert 0.98 * speed < abs(heights[0] - heights[1]) / (1e-6 * ramp.duration_s) < 1.001 * speed
