"""Traces minus what reference beads have in common."""

from __future__ import annotations

import numpy as np
import pytest

from gui.models.frame_ring import FloatArray, Trace
from gui.models.reference import relative

N = 6000
T_S: FloatArray = np.array(range(N), np.float64) * 0.01
#: 100 nm in a minute, and the table shakes.
DRIFT: FloatArray = T_S / 0.6 + 3.0 * np.sin(T_S * 5)


def trace(track: FloatArray) -> Trace:
    x_nm = track.astype(np.float32)
    return Trace(T_S, x_nm, 2 * x_nm, -x_nm, np.arange(N), np.zeros(N, np.uint8))


def reference(at_nm: float, seed: int, *gaps: tuple[int, int]) -> FloatArray:
    track: FloatArray = at_nm + DRIFT + np.random.default_rng(seed).normal(0, 0.5, N)
    for begin, end in gaps:
        track[begin:end] = np.nan
    return track


def moved(*references: FloatArray) -> FloatArray:
    """How far a bead seems to be from its middle, which has gone with the references alone."""
    found = relative(trace(5000 + DRIFT), [trace(track) for track in references])
    np.testing.assert_allclose(found.y_nm, 2 * found.x_nm, atol=0.01)
    np.testing.assert_allclose(found.z_nm, -found.x_nm, atol=0.01)
    from_middle: FloatArray = found.x_nm.astype(float) - np.nanmedian(found.x_nm)
    return from_middle


@pytest.mark.parametrize(
    "gaps",
    [((0, 3000),), ((3000, 4000),), ((3000, N),), ((2000, 2050),), ((1000, 1500), (4000, N))],
    ids=["appears", "is lost for 10 s", "goes", "is lost for a moment", "twice"],
)
def test_nothing_jumps_when_references_come_and_go(gaps: tuple[tuple[int, int], ...]) -> None:
    found = moved(reference(1000, 1), reference(2000, 2, *gaps))
    seconds = found.reshape(-1, 100).mean(axis=1)
    assert abs(seconds).max() < 0.3


def test_what_a_reference_has_moved_by_itself_goes_with_it_without_a_step() -> None:
    creeps = reference(2000, 2)
    creeps += np.linspace(0, 60, N)
    creeps[4000:] = np.nan
    found = moved(reference(1000, 1), creeps)
    assert abs(found[3900:4000].mean() - found[4000:4100].mean()) < 1.0
    # It comes back elsewhere.
    creeps[5000:] = reference(2300, 3)[5000:]
    found = moved(reference(1000, 1), creeps)
    assert abs(found[4900:5000].mean() - found[5000:5100].mean()) < 0.3


def test_the_only_reference_is_believed_when_it_comes_back() -> None:
    found = moved(reference(1000, 1, (2000, 3000)))
    assert np.isnan(found[2000:3000]).all()
    assert abs(found[1000:2000].mean() - found[3000:4000].mean()) < 0.1


def test_the_movement_counts_from_its_median() -> None:
    kicked = np.full(N, 800.0)
    kicked[2000:2600] += 1000
    found = relative(trace(np.full(N, 5000.0)), [trace(kicked)]).x_nm
    assert set(found.tolist()) == {5000.0, 4000.0}


def test_nothing_jumps_when_all_references_leave_and_another_comes() -> None:
    first, second = reference(1000, 1, (3000, N)), reference(2000, 2, (0, 3600))
    still = trace(np.full(N, 5000.0))
    found = relative(still, [trace(first), trace(second)]).x_nm.astype(float)
    assert np.isnan(found[3000:3600]).all()
    assert abs(found[2900:3000].mean() - found[3600:3700].mean()) < 0.5


def test_a_reference_that_is_kicked_at_first_moves_the_trace_only_then() -> None:
    kicked = np.full(N, 800.0)
    kicked[:600] += 1000
    found = relative(trace(np.full(N, 5000.0)), [trace(kicked)]).x_nm
    assert set(found[:600].tolist()) == {4000.0}
    assert set(found[600:].tolist()) == {5000.0}


def test_without_references_a_trace_is_as_it_is() -> None:
    bead = trace(5000 + DRIFT)
    assert relative(bead, []) is bead
    assert relative(bead, [Trace.empty()]) is bead
    assert np.isnan(relative(bead, [trace(np.full(N, np.nan))]).x_nm).all()
