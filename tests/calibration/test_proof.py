"""The proof on the demo: a sweep as a user makes it, and z over the whole range against the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from magscope_app.tracking import ZLUTSet
from tests.calibration.proof import OFFSETS, RANGE, read_scan, scan, sweep, track_scan


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_z_of_the_demo_is_right_over_the_whole_range(tmp_path: Path) -> None:
    """Every isolated bead has a Z-LUT; bias and scatter against the truth, stuck and tethered at 10 pN."""
    said = sweep(tmp_path / "z.npz", tmp_path, RANGE, [])
    assert "20 Z-LUTs in" in said
    scanned = read_scan(scan(tmp_path / "z.npz", tmp_path, OFFSETS, 60, []))
    zluts = ZLUTSet.load(tmp_path / "z.npz")
    for method in ("full", "fast", "qi"):
        found = track_scan(scanned, zluts, method)
        assert len(found) == 20
        assert sum(one.is_stuck for one in found.values()) == 4
        bias, ratio = [one.bias_nm for one in found.values()], [one.ratio for one in found.values()]
        print(
            f"{method}: bias {np.median(bias):.2f} (worst {max(bias):.2f}) nm, "
            f"std / sigma {np.median(ratio):.2f} (worst {max(ratio):.2f})"
        )
        assert max(bias) <= 2.0
        assert max(ratio) <= 1.3
        assert sum(one.missing for one in found.values()) == 0
