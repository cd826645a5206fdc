"""Thermal motion of all beads, exact for any frame rate and exposure."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import numpy.typing as npt

from hardware.simulated.tether import Trap
from hardware.simulated.worm_like_chain import Floats


def step_coefficients(variance_nm2: Floats, rate_hz: Floats, *, period_s: float, exposure_s: float) -> Floats:
    """Return what moves an Ornstein-Uhlenbeck process through one frame, with its average over the exposure.

    End point and time average of the exposure are drawn jointly from their exact Gaussian distribution, so
    position, blur and correlation are right for any ratio of exposure to relaxation time.

    Parameters
    ----------
    variance_nm2, rate_hz : ndarray, same shape
        Stationary variance and rate of return (1/s) of every coordinate; a coordinate of variance 0 rests.
    period_s, exposure_s : float
        Time from frame to frame, and the part of it at its end that is exposed.

    Returns
    -------
    ndarray, shape (…, 7)
        dead_keep, dead_kick, keep, kick, gain, shared, alone: before = dead_keep·x + dead_kick·a;
        x = keep·before + kick·b; average = gain·before + shared·b + alone·c, with a, b, c standard normal.
    """
    sigma = np.sqrt(variance_nm2)
    dead = rate_hz * max(period_s - exposure_s, 0.0)
    u = np.maximum(rate_hz * exposure_s, 1e-12)
    keep = np.exp(-u)
    lost = -np.expm1(-u)
    kick = np.sqrt(-np.expm1(-2.0 * u))
    small = u < 0.02
    v = np.where(small, 1.0, u)
    # The closed form cancels for short exposures; there its Taylor series is exact enough.
    of_mean = np.where(
        small,
        u * (2.0 / 3.0 - u / 2.0 + 7.0 / 30.0 * u**2),
        (2.0 * v - 3.0 + 4.0 * np.exp(-v) - np.exp(-2.0 * v)) / v**2,
    )
    shared = lost**2 / (u * kick)
    alone = np.sqrt(np.maximum(of_mean - shared**2, 0.0))
    dead_kick = np.sqrt(-np.expm1(-2.0 * dead))
    parts = (np.exp(-dead), sigma * dead_kick, keep, sigma * kick, lost / u, sigma * shared, sigma * alone)
    return np.stack(parts, axis=-1)


class BeadMotion:
    """Where the beads are relative to their mean positions, frame by frame.

    Parameters
    ----------
    kernels : module
        `hardware.simulated.kernels`, imported by whoever may wait for it.
    tethered : ndarray of bool, shape (n_beads,)
        False for beads that are stuck to the coverslip.
    period_s : float
        Time from frame to frame.
    """

    def __init__(self, kernels: ModuleType, tethered: npt.NDArray[np.bool_], period_s: float) -> None:
        self._kernels = kernels
        self._tethered = tethered[:, None]
        self._period_s = period_s
        self._trap: Trap | None = None
        self._field_turns = 0.0
        # Along the field, across it, upright.
        self._offsets_nm = np.zeros((tethered.size, 3))
        self._seen_nm = np.zeros((tethered.size, 3))
        self._steps = np.zeros((tethered.size, 3, 7))

    def hold(self, trap: Trap, exposure_s: float, field_turns: float = 0.0) -> None:
        """Let all tethered beads move in `trap` from now on; they stay where they are and move from there.

        Parameters
        ----------
        trap : Trap
            How each bead is held.
        exposure_s : float
            Exposure of a frame.
        field_turns : float
            Direction of the field: so many turns from x.
        """
        variance = np.where(self._tethered, trap.variance_nm2, 0.0)
        rate = np.where(self._tethered, trap.rate_hz, 0.0)
        self._steps = step_coefficients(variance, rate, period_s=self._period_s, exposure_s=exposure_s)
        if self._trap is not None:
            self._offsets_nm[:, 2] += np.where(
                self._tethered[:, 0], self._trap.height_nm - trap.height_nm, 0.0
            )
        self._offsets_nm[:, :2] = turned(self._offsets_nm[:, :2], self._field_turns - field_turns)
        self._trap, self._field_turns = trap, field_turns

    def begin(self, rng: np.random.Generator) -> None:
        """Put every tethered bead at a random place of its trap."""
        assert self._trap is not None, "hold the beads first"
        sigma = np.sqrt(np.where(self._tethered, self._trap.variance_nm2, 0.0))
        self._offsets_nm = rng.standard_normal(self._offsets_nm.shape) * sigma

    def advance(self, key: int) -> Floats:
        """Move through one frame; return the average over its exposure, (n_beads, 3) in x, y, z.

        It is relative to the mean position, and may change with the next call.
        """
        self._kernels.move_beads(self._offsets_nm, self._seen_nm, self._steps, key)
        if self._field_turns:
            self._seen_nm[:, :2] = turned(self._seen_nm[:, :2], self._field_turns)
        return self._seen_nm


def turned(xy: Floats, turns: float) -> Floats:
    """Return vectors (n, 2) turned from x towards y."""
    angle = 2.0 * np.pi * turns
    cosine, sine = np.cos(angle), np.sin(angle)
    result: Floats = np.column_stack(
        [cosine * xy[:, 0] - sine * xy[:, 1], sine * xy[:, 0] + cosine * xy[:, 1]]
    )
    return result
