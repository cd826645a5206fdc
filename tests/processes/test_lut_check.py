"""Beads that do not look like their Z-LUTs are told of, once and in one sentence."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from magscope_app.processes.lut_check import LutCheck
from magscope_app.tracking import ZLUT, ZLUTSet
from tests.benchmarks import bead_images

Z_NM = np.arange(-3600.0, -2399.0, 50.0)
RADII = np.arange(22.0)


def _profile(z_nm: float, width: float = 1.0) -> npt.NDArray[np.float32]:
    light = bead_images.profiles([z_nm])[0]
    return np.asarray(np.interp(RADII / width * 32, np.arange(len(light)), light), np.float32)


@pytest.fixture(scope="module")
def zlut() -> ZLUT:
    return ZLUT(Z_NM, bead_images.profiles(Z_NM)[:, : 22 * 32 : 32])


def _run(check: LutCheck, zlut: ZLUT | ZLUTSet, widths: dict[int, float]) -> int:
    """Show the beads that are wanted, with rings so much wider; return how many profiles that were."""
    ids = np.array(list(widths))
    for count in range(100):
        bead = check.due(ids, zlut)
        if bead is None:
            return count
        check.look(bead, _profile(-3010.0 - bead, widths[bead]))
    raise AssertionError("the check does not end")


def test_another_magnification_is_told_once(zlut: ZLUT) -> None:
    said: list[str] = []
    check = LutCheck(said.append)
    assert _run(check, zlut, {1: 1.0, 2: 1.0}) == 2
    assert said == []
    # A new bead is looked at, the others are known; what does not fit is looked at again before it is told.
    assert _run(check, zlut, {1: 1.0, 2: 1.0, 5: 1.08}) == 3
    assert len(said) == 1
    assert "1 of 3 beads" in said[0]
    assert "(beads 5)" in said[0]
    assert "times as wide" in said[0]
    assert _run(check, zlut, {1: 1.0, 2: 1.0, 5: 1.08}) == 0
    assert len(said) == 1
    # Other Z-LUTs are another matter; beads without one are none.
    assert _run(check, ZLUTSet({5: zlut}), {1: 1.0, 5: 1.08}) == 3
    assert len(said) == 2


def test_a_bead_that_is_not_seen_is_no_reason(zlut: ZLUT) -> None:
    said: list[str] = []
    check = LutCheck(said.append)
    ids = np.array([4])
    while (bead := check.due(ids, zlut)) is not None:
        check.look(bead, None)
    assert said == []
