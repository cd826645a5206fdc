"""Dark frame and flat field in the running line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.line.running import SMALL, Dataset, errors_against_truth, lost_here, run


@pytest.mark.slow
def test_corrected_rois_are_tracked_as_well(tmp_path: Path) -> None:
    np.save(tmp_path / "dark.npy", np.full((384, 512), 8.0, np.float32))
    np.save(tmp_path / "flat.npy", np.full((384, 512), 104.0, np.float32))
    done = run(
        *("run", "demo.toml", "--headless", "--duration", "1", "--record", str(tmp_path / "out")),
        *("--set", f"camera.noise.dark_frame={tmp_path / 'dark.npy'}"),
        *("--set", f"camera.noise.flat_field={tmp_path / 'flat.npy'}"),
        *SMALL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    dataset = Dataset.only(tmp_path / "out")
    assert lost_here(dataset.counters) == 0
    assert dataset.about["camera"]["noise"]["gain_dn_per_e"] == 0.012
    assert dataset.about["camera"]["noise"]["flat_field"].endswith("flat.npy")
    # What the ROIs were corrected with is part of the recording, and a replay takes it from there.
    for kind, file in (("dark_frame", "dark.npy"), ("flat_field", "flat.npy")):
        (tmp_path / file).rename(tmp_path / f"gone-{file}")
        np.testing.assert_array_equal(
            np.load(dataset.path / "corrections" / f"{kind}.npy"), np.load(tmp_path / f"gone-{file}")
        )
    errors = errors_against_truth(dataset)
    sigma_nm = dataset.column("tracking/sigma_nm")
    ids = dataset.column("tracking/bead_ids")
    assert len(errors) == 4
    for bead_id, difference in errors.items():
        rms = np.sqrt(np.nanmean(difference**2, axis=0))
        assert (rms <= [5, 5, 30]).all(), (bead_id, rms)
        ratio = rms / np.nanmedian(sigma_nm[ids == bead_id], axis=0)
        assert ((ratio > 0.4) & (ratio < 2.5)).all(), (bead_id, ratio)
