"""The proof on the demo: a sweep as a user makes it, and z over the whole range against the truth."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from magscope_app.storage import open_dataset
from magscope_app.tracking import ZLUTSet
from tests.calibration.proof import OFFSETS, RANGE, read_scan, scan, sweep, track_scan
from tests.line.running import SMALL, run


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


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("speed_nm_s", [20.0, -20.0])
def test_a_sample_that_drifts_gives_no_good_zlut(speed_nm_s: float, tmp_path: Path) -> None:
    """Such a sweep calls everything right by itself, and heights would be wrong by a tenth."""
    out, data = tmp_path / "z.npz", tmp_path / "data"
    done = run(
        *("zlut", "demo.toml", "--start-nm", "-1500", "--stop-nm", "1500", "--step-nm", "50", *SMALL),
        *("--out", str(out), "--set", f"recording.folder={data.as_posix()}"),
        *("--set", f"simulation.drift.z_nm_per_s={speed_nm_s}"),
        timeout_s=200.0,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert not out.exists()
    said = re.search(r"no Z-LUT is good: the sample drifted ([+-]\d+\.\d) nm during the sweep", done.stderr)
    assert said is not None, done.stderr
    (dataset,) = data.iterdir()
    steps = open_dataset(dataset).description["sweep"]["steps"]
    lasted_s = 1e-9 * (steps[-1]["t_ns"] - steps[0]["t_ns"])
    assert float(said[1]) == pytest.approx(speed_nm_s * lasted_s, rel=0.03)
