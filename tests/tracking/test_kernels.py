"""Kernels that count no references, with a numba that knows the option for it and with one that does not."""

from __future__ import annotations

import numba.core.cpu
import numpy as np
import numpy.typing as npt
import pytest

from magscope_app import kernels


def _sum(values: npt.NDArray[np.float64]) -> float:
    total = 0.0
    for value in values:
        total += value
    return total


def test_without_the_private_option_a_plain_kernel_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.arange(5.0)
    assert kernels.counts_can_be_left_out()
    assert kernels.lean_kernel(_sum)(values) == 10.0
    for owner in numba.core.cpu.CPUTargetOptions.__mro__:
        if "_nrt" in vars(owner):
            monkeypatch.delattr(owner, "_nrt")
    assert not kernels.counts_can_be_left_out()
    assert kernels.lean_kernel(_sum)(values) == 10.0
    monkeypatch.delattr(numba.core.cpu, "CPUTargetOptions")
    assert not kernels.counts_can_be_left_out()
    assert kernels.lean_kernel(_sum)(values) == 10.0
