from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hardware.simulated.supercoiling import SHORTEST, TwistedChain
from hardware.simulated.tether import trap_at
from hardware.simulated.worm_like_chain import WormLikeChain
from magscope_app.config import Simulation
from tests.hardware.simulated.twin import Floats, film, started, twin_config

KT = 4.114
DNA = TwistedChain(
    WormLikeChain(contour_nm=1000.0, persistence_nm=50.0, kt_pn_nm=KT),
    torsional_nm=100.0,
    plectoneme_nm=24.0,
    melting_torque_pn_nm=9.6,
)


def slope_nm_per_turn(force_pn: float, turns: float) -> float:
    before, after = DNA.extension_nm(force_pn, [turns - 0.05, turns + 0.05]).tolist()
    return float((after - before) / 0.1)


@given(st.floats(0.1, 10.0))
def test_the_hat_has_a_flat_top_and_straight_sides(force_pn: float) -> None:
    buckling = float(DNA.buckling_turns(force_pn))
    top = float(DNA.extension_nm(force_pn, 0.0))
    assert top == pytest.approx(float(DNA.chain.extension_nm(force_pn)))
    edge = float(DNA.extension_nm(force_pn, buckling))
    assert 0.85 * top < edge < top
    side = DNA.extension_nm(force_pn, buckling * np.array([1.0, 1.3, 1.6, 1.9]))
    assert (np.diff(side) < 0.0).all()
    assert np.diff(side, 2) == pytest.approx(0.0, abs=1e-6 * top)


def test_a_stronger_force_buckles_later_and_less_steeply() -> None:
    forces = np.geomspace(0.1, 10.0, 20)
    buckling = DNA.buckling_turns(forces)
    assert (np.diff(buckling) > 0.0).all()
    steepness = [
        -slope_nm_per_turn(force, 1.3 * turns) for force, turns in zip(forces, buckling, strict=True)
    ]
    assert (np.diff(steepness) < 0.0).all()


@pytest.mark.parametrize("force_pn", [0.2, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("part", [0.6, 1.5])
def test_extension_and_torque_belong_together(force_pn: float, part: float) -> None:
    """Maxwell's relation: extension falls per turn as torque rises per force, times 2π."""
    turns = part * float(DNA.buckling_turns(force_pn))

    def torque_pn_nm(force: float) -> float:
        if part > 1.0:
            return float(DNA.buckling_torque_pn_nm(force))
        at_buckling = float(DNA.buckling_torque_pn_nm(force) / DNA.buckling_turns(force))
        return at_buckling * turns

    rise = (torque_pn_nm(1.001 * force_pn) - torque_pn_nm(0.999 * force_pn)) / (0.002 * force_pn)
    assert slope_nm_per_turn(force_pn, turns) == pytest.approx(-2.0 * math.pi * rise, rel=2e-3)


def test_a_weak_force_gives_a_symmetric_hat_and_a_strong_one_melts_the_underwound_side() -> None:
    turns = np.linspace(1.0, 12.0, 12)
    assert DNA.extension_nm(0.2, -turns) == pytest.approx(DNA.extension_nm(0.2, turns))
    assert float(DNA.buckling_torque_pn_nm(0.2)) < 9.6 < float(DNA.buckling_torque_pn_nm(2.0))
    underwound = DNA.extension_nm(2.0, [-5.0, -20.0])
    assert underwound[1] == pytest.approx(underwound[0], rel=0.01)
    assert float(DNA.extension_nm(2.0, 20.0)) < 0.8 * underwound[1]


def test_dna_of_three_thousand_base_pairs_at_one_piconewton_buckles_after_six_turns() -> None:
    """Marko 2007, eq. 11 to 14, with g = F − √(kT F / A) and the same constants, worked out by hand."""
    gained = 1.0 - math.sqrt(KT / 50.0)
    soft = 1.0 / (1.0 / 100.0 + 1.0 / (200.0 * math.sqrt(50.0 / KT)))
    twist = math.sqrt(2.0 * 24.0 * gained / (KT * (1.0 - 24.0 / soft))) / soft
    expected = 1000.0 * twist / (2.0 * math.pi)
    assert expected == pytest.approx(6.2, abs=0.1)
    assert float(DNA.buckling_turns(1.0)) == pytest.approx(expected, rel=0.03)


def test_stiffness_is_the_slope_of_force_over_extension() -> None:
    longer, shorter = DNA.extension_nm([1.01, 0.99], 12.0).tolist()
    assert float(DNA.stiffness_pn_per_nm(1.0, 12.0)) == pytest.approx(0.02 / (longer - shorter), rel=1e-3)


@given(force_pn=st.floats(0.02, 100.0), turns=st.floats(-1000.0, 1000.0))
def test_the_extension_stays_within_the_tether(force_pn: float, turns: float) -> None:
    extension = float(DNA.extension_nm(force_pn, turns))
    assert SHORTEST * 1000.0 <= extension < 1000.0
    assert float(DNA.stiffness_pn_per_nm(force_pn, turns)) > 0.0


TETHERS = st.fixed_dictionaries(
    {},
    optional={
        "contour_nm": st.floats(10.0, 100_000.0, exclude_min=True),
        "persistence_nm": st.floats(0.1, 1000.0, exclude_min=True),
        "torsional_nm": st.floats(1.0, 1000.0, exclude_min=True),
        "plectoneme_nm": st.floats(0.1, 1000.0, exclude_min=True),
        "melting_torque_pn_nm": st.floats(0.0, 1000.0, exclude_min=True),
    },
)


@given(
    tether=TETHERS,
    temperature_k=st.floats(251.0, 400.0),
    radius_nm=st.floats(51.0, 5000.0),
    force_pn=st.floats(0.0, 10_000.0) | st.floats(0.0, 1.0),
    turns=st.floats(-100_000.0, 100_000.0) | st.floats(-100.0, 100.0),
)
@example({"persistence_nm": 20.0}, 298.0, 500.0, 0.022, 12.0)
@example({"persistence_nm": 100.0, "torsional_nm": 1000.0}, 298.0, 500.0, 0.02, 3.0)
def test_every_tether_that_can_be_set_holds_its_beads(
    tether: dict[str, float], temperature_k: float, radius_nm: float, force_pn: float, turns: float
) -> None:
    simulation = Simulation.model_validate(
        {"tether": tether, "temperature_k": temperature_k, "bead_radius_nm": radius_nm}
    )
    trap = trap_at(force_pn, simulation, turns=turns)
    contour_nm = simulation.tether.contour_nm
    assert 0.0 < trap.height_nm[0] - radius_nm <= contour_nm
    most_nm = np.array([contour_nm, contour_nm + radius_nm, contour_nm])
    assert ((trap.variance_nm2 > 0.0) & (trap.variance_nm2 <= 1.000001 * most_nm**2)).all()
    assert ((trap.rate_hz > 0.0) & (trap.rate_hz < math.inf)).all()


def truth_at(turns: float, simulation: dict[str, Any] | None = None, height_mm: float = 3.0) -> Floats:
    """Return the truth of 100 frames with the magnets turned from the start, (100, 3, 7)."""
    magnets = {
        "magnet_height": {"settings": {"start": height_mm}},
        "magnet_rotation": {"settings": {"start": turns}},
    }
    camera = started(twin_config(motors=magnets, simulation=simulation))
    _, truth = film(camera, 100)
    camera.close()
    return truth


def test_turned_magnets_shorten_tethers_but_not_nicked_ones() -> None:
    relaxed = truth_at(0.0)
    force = relaxed[0, 1, 5]
    assert force == pytest.approx(40.0 * math.exp(-3.0 / 1.6))
    wound = truth_at(30.0, {"tether": {"nicked": 1}})
    assert wound[:, 1, 6].mean() == pytest.approx(relaxed[:, 1, 6].mean(), abs=3.0)
    expected = float(DNA.extension_nm(force, 30.0))
    assert expected < 0.8 * relaxed[:, 2, 6].mean()
    assert wound[:, 2, 6].mean() == pytest.approx(expected, abs=20.0)
    assert (wound[:, 0, 6] == 0.0).all()


@pytest.mark.parametrize("persistence_nm", [20.0, 50.0])
def test_a_tether_that_is_coiled_up_entirely_is_short_and_quiet(persistence_nm: float) -> None:
    """It was NaN with 20 nm, and 24 nm too long with 50 nm."""
    truth = truth_at(15.0, {"tether": {"persistence_nm": persistence_nm}}, height_mm=7.8)
    assert truth[0, 1, 5] == pytest.approx(0.3, abs=0.01)
    assert np.isfinite(truth).all()
    assert truth[:, 1:, 6].mean() == pytest.approx(SHORTEST * 1000.0, abs=2.0)
    assert 1.0 < truth[:, 1:, 6].std() < SHORTEST * 1000.0
