from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.simulated.worm_like_chain import WormLikeChain

DNA = WormLikeChain(contour_nm=1000.0, persistence_nm=50.0, kt_pn_nm=4.114)


@given(st.floats(0.001, 60.0))
def test_force_and_extension_are_inverse(force_pn: float) -> None:
    assert DNA.force_pn(DNA.extension_nm(force_pn)) == pytest.approx(force_pn, rel=1e-6)


@pytest.mark.parametrize("force_pn", [5.0, 20.0])
def test_a_strong_force_leaves_half_of_the_root_of_kt_over_persistence_times_force(force_pn: float) -> None:
    expected = 1.0 - 0.5 * math.sqrt(4.114 / (50.0 * force_pn))
    assert DNA.extension_nm(force_pn) / 1000.0 == pytest.approx(expected, abs=0.005)


def test_a_weak_force_stretches_it_like_a_spring() -> None:
    spring_pn_per_nm = 1.5 * 4.114 / (50.0 * 1000.0)
    assert DNA.force_pn(10.0) == pytest.approx(10.0 * spring_pn_per_nm, rel=0.02)


@given(st.floats(1.0, 980.0))
def test_stiffness_is_the_slope_of_the_force(extension_nm: float) -> None:
    slope = (DNA.force_pn(extension_nm + 0.01) - DNA.force_pn(extension_nm - 0.01)) / 0.02
    assert DNA.stiffness_pn_per_nm(extension_nm) == pytest.approx(slope, rel=1e-3)


@given(st.floats(0.01, 50.0))
def test_free_energy_is_the_integral_of_extension_over_force(force_pn: float) -> None:
    forces = np.linspace(0.0, force_pn, 4001)
    integral = np.trapezoid(DNA.extension_nm(forces), forces) / DNA.contour_nm
    assert DNA.free_energy_pn(force_pn) == pytest.approx(integral, rel=2e-3)


@pytest.mark.parametrize("part", [0.1, 0.3, 0.5, 0.7, 0.9, 0.97])
def test_the_force_is_near_the_interpolation_of_marko_and_siggia(part: float) -> None:
    """Macromolecules 1995, 28:8759, eq. 7, which is good to some 15 %."""
    interpolated = (0.25 / (1.0 - part) ** 2 - 0.25 + part) * 4.114 / 50.0
    assert DNA.force_pn(1000.0 * part) == pytest.approx(interpolated, rel=0.17)
    if part == 0.5:
        assert DNA.force_pn(1000.0 * part) != pytest.approx(interpolated, rel=0.03)
