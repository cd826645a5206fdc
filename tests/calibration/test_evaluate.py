"""One bead's sweep and what is made of it, against known z."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from hardware.simulated.make_zlut import sweep_images
from magscope_app.calibration.evaluate import SweepFacts, evaluate_bead
from magscope_app.calibration.saving import save_zluts, text_folder, why_not_path
from magscope_app.errors import MagscopeError
from magscope_app.tracking import ZLUT, CameraNoise, Tracker, ZLUTSet

NOISE = CameraNoise(0.012, 8.0, 10.0, 255)
FACTS = SweepFacts(100.0, 0.88, NOISE, 255, "2026-01-01T00:00:00", {"camera": "some.where:Camera"})
Z_NM = np.arange(-600.0, 601.0, 44.0)


@pytest.fixture(scope="module")
def images() -> npt.NDArray[np.uint8]:
    """Ten frames per plane."""
    return sweep_images(Z_NM, seed=3)[:, :10, 4:68, 4:68].copy()


@pytest.fixture(scope="module")
def zlut(images: npt.NDArray[np.uint8]) -> ZLUT:
    made, report = evaluate_bead(3, "reference", images, Z_NM, FACTS)
    assert made is not None
    assert report.verdict == "good", report
    assert report.remarks == ()
    assert report.usable_nm[1] - report.usable_nm[0] > 0.9 * 1200
    assert 1.0 < report.sigma_z_nm < 6.0
    assert report.motion_nm < 2.0
    return made


def test_z_is_right_and_as_uncertain_as_stated(zlut: ZLUT) -> None:
    """The figures of the proof on the whole line, on fresh images between the planes."""
    truth = np.arange(-500.0, 501.0, 101.0)
    fresh = sweep_images(truth, seed=4)[:, :, 4:68, 4:68].copy()
    with Tracker(64, zlut, NOISE, method="full") as tracker:
        tracks = tracker.track(fresh.reshape(-1, 64, 64), [[0, 0]])
    off = tracks.z_nm[:, 0].reshape(len(truth), -1) - truth[:, None]
    assert np.isfinite(off).all()
    assert np.sqrt(np.mean(off.mean(axis=1) ** 2)) <= 2.0
    spread = np.sqrt(np.mean((off - off.mean(axis=1, keepdims=True)) ** 2))
    assert spread <= 1.3 * np.sqrt(np.mean(tracks.sigma_z_nm**2))


def test_a_bead_that_leaves_is_lost_alone(images: npt.NDArray[np.uint8]) -> None:
    gone = images.copy()
    gone[20:] = np.random.default_rng(1).normal(104, 2, gone[20:].shape).astype(np.uint8)
    made, report = evaluate_bead(3, "tethered", gone, Z_NM, FACTS)
    assert made is None
    assert report.verdict == "lost"
    assert "it left its ROI" in report.remarks[0]


def test_a_tethered_bead_that_moves_is_warned_of() -> None:
    rng = np.random.default_rng(2)
    places = np.repeat(Z_NM, 4)
    shaken = sweep_images(places + rng.normal(0, 12, len(places)), seed=100)[:, :1]
    shaken = shaken.reshape(len(Z_NM), 4, *shaken.shape[-2:])[:, :, 4:68, 4:68].copy()
    made, report = evaluate_bead(3, "tethered", shaken, Z_NM, FACTS)
    assert made is not None
    assert report.motion_nm > 5.0
    assert "sweep at a higher force" in report.remarks[-1]
    # A stuck bead has no tether to be pulled.
    assert not [
        said for said in evaluate_bead(3, "reference", shaken, Z_NM, FACTS)[1].remarks if "force" in said
    ]


def test_dim_rings_are_poor(images: npt.NDArray[np.uint8]) -> None:
    dim = (104 + 0.04 * (images.astype(float) - 104)).round()
    noisy = np.clip(dim + np.random.default_rng(3).normal(0, 3, dim.shape), 0, 255).astype(np.uint8)
    made, report = evaluate_bead(3, "reference", noisy, Z_NM, FACTS)
    assert report.verdict != "good"
    assert report.remarks
    assert made is None or made.metadata["sweep_verdict"] == "poor"


def test_saved_is_what_was_made_whole_or_not_at_all(zlut: ZLUT, tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    zluts = ZLUTSet({3: zlut, 11: replace(zlut, metadata={})})
    assert save_zluts(zluts, path) == text_folder(path)
    again = ZLUTSet.load(path)
    assert (again[3].profiles == zlut.profiles).all()
    assert again[3].metadata["sweep_verdict"] == "good"
    assert again[3].metadata["camera"] == "some.where:Camera"
    rows = np.loadtxt(text_folder(path) / "bead-0011.txt")
    assert rows[0] == pytest.approx(Z_NM)
    assert rows[1:] == pytest.approx(zlut.profiles.T)
    save_zluts(ZLUTSet({4: zlut}), path)
    assert [one.name for one in text_folder(path).iterdir()] == ["bead-0004.txt"]
    with pytest.raises(MagscopeError, match="accept a bead first"):
        save_zluts(ZLUTSet({}), path)
    assert list(ZLUTSet.load(path)) == [4]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["set.npz", "set_text"]
    # What somebody else has put there is not replaced.
    (text_folder(path) / "notes.txt").write_text("mine")
    with pytest.raises(MagscopeError, match=r"holds notes\.txt, which is no Z-LUT; choose another name"):
        save_zluts(zluts, path)
    assert sorted(one.name for one in text_folder(path).iterdir()) == ["bead-0004.txt", "notes.txt"]
    assert "does not end in .npz" in str(why_not_path(tmp_path / "set.txt"))
    assert "does not exist" in str(why_not_path(tmp_path / "nowhere" / "set.npz"))
