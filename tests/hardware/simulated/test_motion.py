from __future__ import annotations

import math

import numpy as np
import pytest

from hardware.simulated import kernels
from hardware.simulated.drag import drags_pn_s_per_nm, water_viscosity_pn_s_per_nm2
from hardware.simulated.motion import BeadMotion, step_coefficients, turned
from hardware.simulated.tether import Trap, trap_at
from tests.hardware.simulated.twin import Floats, twin_config

SIMULATION = twin_config().simulation
FORCE_PN = 1.0


def trajectories(
    trap: Trap, *, period_s: float, exposure_s: float, n_frames: int, n_beads: int = 400
) -> Floats:
    """Return what is seen of free beads, (n_frames, n_beads, 3)."""
    motion = BeadMotion(kernels, np.ones(n_beads, bool), period_s)
    motion.hold(trap, exposure_s)
    motion.begin(np.random.default_rng(1))
    return np.array([motion.advance(3 * i).copy() for i in range(n_frames)])


def blur(u: float) -> float:
    """Return the variance left after averaging over u relaxation times (Wong & Halvorsen 2006)."""
    return 2.0 / u - 2.0 / u**2 * (1.0 - math.exp(-u))


def test_variance_is_thermal_energy_times_length_over_force() -> None:
    trap = trap_at(FORCE_PN, SIMULATION)
    seen = trajectories(trap, period_s=0.1, exposure_s=1e-6, n_frames=100)
    kt = 0.01380649 * 298.0
    extension_nm = trap.height_nm[0] - 500.0
    assert seen[..., 0].var() == pytest.approx(kt * extension_nm / FORCE_PN, rel=0.03)
    assert seen[..., 1].var() == pytest.approx(kt * (extension_nm + 500.0) / FORCE_PN, rel=0.03)
    assert abs(seen.mean()) < 2.0


def test_variance_in_z_is_that_of_the_tether_as_a_spring() -> None:
    trap = trap_at(FORCE_PN, SIMULATION)
    stretch = np.ptp(trap_at([FORCE_PN * 1.01, FORCE_PN * 0.99], SIMULATION).height_nm)
    seen = trajectories(trap, period_s=0.1, exposure_s=1e-6, n_frames=100)
    assert seen[..., 2].var() == pytest.approx(0.01380649 * 298.0 * stretch / (0.02 * FORCE_PN), rel=0.03)


@pytest.mark.parametrize("relaxations", [0.1, 1.0, 8.0])
def test_exposure_blurs_motion_as_theory_says(relaxations: float) -> None:
    trap = trap_at(FORCE_PN, SIMULATION)
    exposure_s = relaxations / trap.rate_hz[0, 0]
    seen = trajectories(trap, period_s=3 * exposure_s, exposure_s=exposure_s, n_frames=200)
    assert seen[..., 0].var() == pytest.approx(trap.variance_nm2[0, 0] * blur(relaxations), rel=0.04)


@pytest.mark.parametrize(("direction", "arm_nm"), [(0, 0.0), (1, 500.0)], ids=["along", "across"])
def test_correlation_from_frame_to_frame_gives_the_corner_frequency(direction: int, arm_nm: float) -> None:
    trap = trap_at(FORCE_PN, SIMULATION)
    period_s = 0.7 / trap.rate_hz[0, direction]
    seen = trajectories(trap, period_s=period_s, exposure_s=1e-3 * period_s, n_frames=200)[..., direction]
    correlation = float((seen[1:] * seen[:-1]).mean() / seen.var())
    corner_hz = -math.log(correlation) / period_s / (2 * math.pi)
    # A pendulum of length extension (+ radius) in water near a wall (Faxén).
    near = 500.0 / trap.height_nm[0]
    wall = 1 - 9 / 16 * near + near**3 / 8 - 45 / 256 * near**4 - near**5 / 16
    drag = 6 * math.pi * 0.89e-9 * 500.0 / wall
    length_nm = trap.height_nm[0] - 500.0 + arm_nm
    assert corner_hz == pytest.approx(FORCE_PN / length_nm / drag / (2 * math.pi), rel=0.03)


def test_neighbouring_averages_are_correlated_as_theory_says() -> None:
    trap = trap_at(FORCE_PN, SIMULATION)
    u = 1.5
    exposure_s = u / trap.rate_hz[0, 0]
    seen = trajectories(trap, period_s=exposure_s, exposure_s=exposure_s, n_frames=200)[..., 0]
    covariance = float((seen[1:] * seen[:-1]).mean())
    assert covariance == pytest.approx(trap.variance_nm2[0, 0] * ((1 - math.exp(-u)) / u) ** 2, rel=0.05)


def test_short_and_long_exposures_meet_where_the_series_takes_over() -> None:
    variance = np.ones(2)
    steps = step_coefficients(variance, np.array([0.01999, 0.02001]), period_s=2.0, exposure_s=1.0)
    assert steps[0] == pytest.approx(steps[1], rel=2e-3)


def test_stuck_beads_rest() -> None:
    motion = BeadMotion(kernels, np.array([False, True]), 0.01)
    trap = trap_at(FORCE_PN, SIMULATION)
    motion.hold(trap, 0.005)
    motion.begin(np.random.default_rng(1))
    seen = motion.advance(5)
    assert not seen[0].any()
    assert seen[1].all()


def test_stuck_beads_rest_whatever_would_hold_them() -> None:
    nowhere = np.full((1, 3), np.nan)
    motion = BeadMotion(kernels, np.array([False]), 0.01)
    for _ in range(2):
        motion.hold(Trap(nowhere[0, :1], nowhere, nowhere), 0.005)
    motion.begin(np.random.default_rng(1))
    assert (motion.advance(5) == 0.0).all()


def test_a_bead_follows_a_new_force_with_its_own_time_constant() -> None:
    strong, weak = trap_at(2.0, SIMULATION), trap_at(0.05, SIMULATION)
    period_s = 0.2 / weak.rate_hz[0, 2]
    motion = BeadMotion(kernels, np.ones(4000, bool), period_s)
    motion.hold(strong, 1e-3 * period_s)
    motion.begin(np.random.default_rng(1))
    motion.advance(0)
    motion.hold(weak, 1e-3 * period_s)
    heights = [weak.height_nm + motion.advance(3 + 3 * i)[:, 2].mean() for i in range(10)]
    fall_nm = strong.height_nm - weak.height_nm
    expected = weak.height_nm + fall_nm * np.exp(-0.2 * np.arange(1, 11))
    assert np.array(heights).ravel() == pytest.approx(expected, abs=0.02 * fall_nm[0])


def test_turning_the_field_leaves_a_bead_where_it_is() -> None:
    trap = trap_at(FORCE_PN, SIMULATION)
    instant_s = 1e-7
    motion = BeadMotion(kernels, np.ones(50, bool), instant_s)
    motion.hold(trap, instant_s)
    motion.begin(np.random.default_rng(1))
    before = motion.advance(0).copy()
    motion.hold(trap, instant_s, field_turns=0.3)
    assert motion.advance(3) == pytest.approx(before, abs=1.0)
    assert turned(np.array([[1.0, 0.0]]), 0.25) == pytest.approx(np.array([[0.0, 1.0]]))


def test_drag_is_stokes_far_from_the_surface_and_grows_near_it() -> None:
    water = water_viscosity_pn_s_per_nm2(298.0)
    far = drags_pn_s_per_nm(500.0, 1e7, water)
    assert far == pytest.approx([6 * math.pi * 0.89e-9 * 500.0] * 2, rel=0.01)
    near = drags_pn_s_per_nm(500.0, 600.0, water)
    assert near[1] > near[0] > far[0]
    # Goldman, Cox & Brenner 1967 and Brenner 1961 at h/R = 1.5431.
    along, upright = drags_pn_s_per_nm(500.0, 1.5431 * 500.0, water)
    assert along / far[0] == pytest.approx(1.5675, rel=0.02)
    assert upright / far[1] == pytest.approx(3.0361, rel=0.02)
