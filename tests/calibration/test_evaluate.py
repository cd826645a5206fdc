"""One bead's sweep and what is made of it, against known z."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from hardware.simulated.make_zlut import sweep_images
from magscope_app.calibration.evaluate import SweepFacts, evaluate_bead, judge, ring_contrast
from magscope_app.calibration.lookup import usual_scatter
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


@pytest.mark.parametrize("n_seen", [4, 5])
def test_a_bead_is_lost_where_less_than_half_of_the_frames_show_it(
    n_seen: int, images: npt.NDArray[np.uint8]
) -> None:
    hidden = images.copy()
    empty = np.random.default_rng(1).normal(104, 2, hidden[20, n_seen:].shape)
    hidden[20, n_seen:] = empty.astype(np.uint8)
    report = evaluate_bead(3, "tethered", hidden, Z_NM, FACTS)[1]
    assert (report.verdict == "lost") == (n_seen < 5), report
    assert (f"not seen in 1 of {len(Z_NM)} planes" in "; ".join(report.remarks)) == (n_seen < 5)


@pytest.fixture(scope="module")
def shaken() -> npt.NDArray[np.uint8]:
    """Four frames per plane of a bead that moves by 12 nm rms in z."""
    rng = np.random.default_rng(2)
    places = np.repeat(Z_NM, 4)
    images = sweep_images(places + rng.normal(0, 12, len(places)), seed=100)[:, :1]
    return images.reshape(len(Z_NM), 4, *images.shape[-2:])[:, :, 4:68, 4:68].copy()


def test_a_tethered_bead_that_moves_is_warned_of(shaken: npt.NDArray[np.uint8]) -> None:
    made, report = evaluate_bead(3, "tethered", shaken, Z_NM, FACTS)
    assert made is not None
    assert report.motion_nm > 5.0
    assert "sweep at a higher force" in report.remarks[-1]
    # A stuck bead has no tether to be pulled.
    assert not [
        said for said in evaluate_bead(3, "reference", shaken, Z_NM, FACTS)[1].remarks if "force" in said
    ]


def test_without_the_cameras_noise_scatter_is_warned_of_all_the_same(
    shaken: npt.NDArray[np.uint8], images: npt.NDArray[np.uint8]
) -> None:
    unknown = replace(FACTS, noise=None)
    made, report = evaluate_bead(3, "tethered", shaken, Z_NM, unknown)
    assert made is not None
    assert report.scatter_nm > 5.0
    assert math.isnan(report.sigma_z_nm)
    assert math.isnan(report.motion_nm)
    assert "(camera.noise is not known)" in report.remarks[-1]
    assert "its z scatters by" in report.remarks[-1]
    assert "σz ? nm, scatter" in report.describe()
    calm = evaluate_bead(3, "tethered", images, Z_NM, unknown)[1]
    assert calm.verdict == "good"
    assert calm.remarks == ()


def test_of_one_frame_per_plane_the_scatter_is_not_known(shaken: npt.NDArray[np.uint8]) -> None:
    once = shaken[:, :1].copy()
    made, report = evaluate_bead(3, "tethered", once, Z_NM, FACTS)
    assert made is not None
    assert math.isnan(report.scatter_nm)
    assert "its scatter in z is not known from one frame per plane; take 2 or more" in report.remarks
    assert "scatter ? nm" in report.describe()
    assert "nan" not in report.describe()
    stuck = evaluate_bead(3, "reference", once, Z_NM, FACTS)[1]
    assert not [said for said in stuck.remarks if "scatter" in said]


def test_scatter_that_the_cameras_noise_explains_is_said(zlut: ZLUT, images: npt.NDArray[np.uint8]) -> None:
    """Where light is short: the warning is about the light, as no force would help."""
    rng = np.random.default_rng(5)
    noisy = np.clip(images + rng.normal(0, 8, images.shape), 0, 255).astype(np.uint8)
    dark = CameraNoise(0.012, 8.0, 10.0 + 8 / 0.012, 255)
    report = judge(3, "tethered", zlut, noisy, replace(FACTS, noise=dark))
    assert report.scatter_nm > 5.0
    assert report.motion_nm < 5.0
    assert "as the camera's noise does; more light helps" in report.remarks[-1]


@pytest.mark.parametrize("n_frames", [2, 3, 5, 10])
def test_scatter_is_not_too_small_for_few_frames(n_frames: int) -> None:
    rng = np.random.default_rng(n_frames)
    found = [
        usual_scatter(rng.normal(0, 7.0, (41, n_frames)).std(axis=1, ddof=1), n_frames) for _ in range(300)
    ]
    assert np.median(found) == pytest.approx(7.0, rel=0.03)
    # One sweep says it well enough to tell 7 nm from 5 nm, and from 10 nm.
    assert np.mean(np.array(found) < 5.0) < 0.03
    assert np.mean(np.array(found) > 10.0) < 0.03


def test_a_few_planes_that_are_far_off_are_no_scatter() -> None:
    scatters = np.full(41, 3.0)
    usual = usual_scatter(scatters, 10)
    assert usual == pytest.approx(3.0, rel=0.05)
    scatters[[3, 30]] = 500.0, math.nan
    assert usual_scatter(scatters, 10) == pytest.approx(usual)
    assert math.isnan(usual_scatter(scatters, 1))
    assert math.isnan(usual_scatter(np.full(3, math.nan), 5))
    # Fewer planes than are taken together: all of them are.
    assert usual_scatter(np.array([3.0, 4.0]), 2) == pytest.approx(math.sqrt(12.5) / (8 / 9) ** 1.5)


@pytest.mark.parametrize("n_frames", [2, 3])
def test_of_two_frames_per_plane_the_motion_is_known(n_frames: int) -> None:
    """What the noise does not explain is not put down to it; the warning comes."""
    rng = np.random.default_rng(7)
    z_nm = np.arange(-880.0, 881.0, 44.0)
    places = np.repeat(z_nm, n_frames)
    images = sweep_images(places + rng.normal(0, 7, len(places)), seed=50)[:, :1]
    images = images.reshape(len(z_nm), n_frames, *images.shape[-2:])[:, :, 4:68, 4:68].copy()
    report = evaluate_bead(3, "tethered", images, z_nm, FACTS)[1]
    assert 5.0 < report.motion_nm < 10.0
    assert report.scatter_nm == pytest.approx(math.hypot(report.motion_nm, report.sigma_z_nm), rel=0.05)
    assert f"it moved by {report.motion_nm:.1f} nm rms in z" in report.remarks[-1]


def test_scatter_that_is_motion_in_part_is_not_put_down_to_noise() -> None:
    """More than 5 nm of scatter, a quarter of it (variance) by noise, the rest by motion."""
    rng = np.random.default_rng(2)
    places = np.repeat(Z_NM, 8)
    images = sweep_images(places + rng.normal(0, 4.25, len(places)), seed=100)[:, :1]
    images = images.reshape(len(Z_NM), 8, *images.shape[-2:])[:, :, 4:68, 4:68].copy()
    report = evaluate_bead(3, "tethered", images, Z_NM, FACTS)[1]
    assert report.motion_nm < 5.0 < report.scatter_nm
    said = f"its z scatters by {report.scatter_nm:.1f} nm in a plane: it moves by {report.motion_nm:.1f} nm"
    assert said in report.remarks[-1]
    assert "as the camera's noise does" not in report.remarks[-1]


def test_the_black_level_is_no_light(zlut: ZLUT, images: npt.NDArray[np.uint8]) -> None:
    """Rings are compared with the light around the bead, wherever the camera's scale begins."""
    usual = ring_contrast(zlut, 8.0)
    assert ring_contrast(replace(zlut, profiles=zlut.profiles + 100), 108.0) == pytest.approx(usual)
    assert usual > 1.05 * ring_contrast(zlut)
    raised, higher = images + np.uint8(40), CameraNoise(0.012, 48.0, 10.0, 255)
    reports = [
        evaluate_bead(3, "reference", images, Z_NM, FACTS)[1],
        evaluate_bead(3, "reference", raised, Z_NM, replace(FACTS, noise=higher))[1],
    ]
    assert reports[0].contrast == pytest.approx(usual)
    assert reports[1].contrast == pytest.approx(usual, rel=1e-3)
    # No light around the bead is no reason for a contrast beyond all measure.
    assert ring_contrast(zlut, 500.0) < 100


def test_planes_that_are_found_beside_their_place_are_poor(zlut: ZLUT) -> None:
    beside = sweep_images(Z_NM + 18.0, seed=6)[:, :4, 4:68, 4:68].copy()
    report = judge(3, "reference", zlut, beside, FACTS)
    assert report.verdict == "poor"
    assert report.remarks == ("planes are found 18 nm beside their place; sweep again",)


def test_saturated_planes_end_a_zlut(images: npt.NDArray[np.uint8]) -> None:
    """What is white looks alike everywhere: z would be wrong there with the best quality."""
    first, ends = 5, float(Z_NM[5])
    bright = images.copy()
    bright[:first] = 255
    made, report = evaluate_bead(3, "reference", bright, Z_NM, FACTS)
    assert made is not None
    assert made.z_nm[0] == ends
    assert report.usable_nm[0] >= ends
    assert report.verdict == "good"
    assert (
        f"saturated in 5 of {len(Z_NM)} planes, z = -600 to -424 nm; reduce the exposure"
        in report.remarks[-1]
    )
    # One frame of a plane is enough; what is left of the range must do.
    bright = images.copy()
    bright[len(Z_NM) // 2, 3] = 255
    made, report = evaluate_bead(3, "reference", bright, Z_NM, FACTS)
    assert report.verdict == "poor"
    assert "% of the range is found again" in report.remarks[0]
    assert f"saturated in 1 of {len(Z_NM)} planes" in report.remarks[-1]
    # Nothing is left.
    made, report = evaluate_bead(3, "reference", np.full_like(images, 255), Z_NM, FACTS)
    assert made is None
    assert report.verdict == "lost"
    assert f"saturated in {len(Z_NM)} of {len(Z_NM)} planes" in report.remarks[0]
    # A pixel that is always white is none.
    hot = images.copy()
    hot[:, :, 3, 4] = 255
    report = evaluate_bead(3, "reference", hot, Z_NM, FACTS)[1]
    assert not [said for said in report.remarks if "saturated" in said]


@pytest.mark.parametrize("step_nm", [440.0, 176.0, 264.0, 88.0])
def test_steps_that_are_too_large_are_poor(step_nm: float) -> None:
    """The planes themselves are always found well; what z is worth between them is what counts."""
    z_nm = np.arange(-1760.0, 1761.0, step_nm)
    report = evaluate_bead(3, "reference", sweep_images(z_nm, seed=8)[:, :5, 4:68, 4:68].copy(), z_nm, FACTS)[
        1
    ]
    if step_nm < 100:
        assert report.verdict == "good", report
        assert report.between_nm < 5.0
    elif step_nm > 200:
        assert report.verdict == "poor"
        assert any(
            "the steps are too large; sweep again with 50 nm or less" in said for said in report.remarks
        )
    else:
        # Not far from right.
        assert 2.0 < report.between_nm < 30.0


def test_of_few_planes_far_apart_nobody_knows() -> None:
    z_nm = np.arange(-600.0, 601.0, 200.0)
    report = evaluate_bead(3, "reference", sweep_images(z_nm, seed=8)[:, :5, 4:68, 4:68].copy(), z_nm, FACTS)[
        1
    ]
    assert report.verdict == "poor"
    assert any("planes 200 nm apart are too few to tell" in said for said in report.remarks), report
    assert "between planes ? nm" in report.describe()


def test_a_range_of_which_half_is_not_found_again_is_poor(zlut: ZLUT, images: npt.NDArray[np.uint8]) -> None:
    half = len(Z_NM) // 2
    elsewhere = images.copy()
    elsewhere[:half] = images[half : 2 * half]
    report = judge(3, "reference", zlut, elsewhere, FACTS)
    assert report.verdict == "poor"
    assert report.remarks[0].startswith("only ")
    assert report.remarks[0].endswith(" % of the range is found again; use another bead")
    assert report.usable_nm[0] >= Z_NM[half] - 1
    nothing = judge(3, "reference", zlut, np.roll(images, 9, axis=0), FACTS)
    assert "only 0 % of the range is found again" in nothing.remarks[0]
    assert "nothing usable" in nothing.describe()
    assert "nan" not in nothing.describe()


@pytest.mark.parametrize("n_found", [7, 8])
def test_a_plane_is_usable_where_most_frames_have_a_z(
    n_found: int, zlut: ZLUT, images: npt.NDArray[np.uint8]
) -> None:
    at = 20
    hidden = images.copy()
    empty = np.random.default_rng(1).normal(104, 2, hidden[at, n_found:].shape)
    hidden[at, n_found:] = empty.astype(np.uint8)
    report = judge(3, "reference", zlut, hidden, FACTS)
    assert (report.usable_nm[1] > Z_NM[at]) == (n_found == 8)
    assert report.usable_nm[1] >= Z_NM[at - 1]


def test_rings_that_are_hardly_seen_are_poor(zlut: ZLUT, images: npt.NDArray[np.uint8]) -> None:
    level = zlut.profiles.mean()
    flat = replace(zlut, profiles=level + 0.02 * (zlut.profiles - level))
    assert ring_contrast(flat) < 0.01 < ring_contrast(zlut)
    report = judge(3, "reference", flat, images, FACTS)
    assert report.verdict == "poor"
    assert "the rings are hardly seen; more light, or another bead" in report.remarks


def test_a_neighbour_in_the_roi_is_poor(images: npt.NDArray[np.uint8]) -> None:
    level = float(np.median(images[:, :, :3]))
    rings = np.roll(images.astype(float) - level, 40, axis=-1)
    rings[..., :40] = 0.0
    crowded = np.clip(images + rings, 0, 255).round().astype(np.uint8)
    report = evaluate_bead(3, "reference", crowded, Z_NM, FACTS)[1]
    assert report.verdict == "poor"
    assert any("another bead's rings reach into its ROI" in said for said in report.remarks), report


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
    with pytest.raises(MagscopeError, match=r"set\.npz exists already: choose another name, or have it"):
        save_zluts(ZLUTSet({4: zlut}), path)
    assert list(ZLUTSet.load(path)) == [3, 11]
    save_zluts(ZLUTSet({4: zlut}), path, overwrite=True)
    assert [one.name for one in text_folder(path).iterdir()] == ["bead-0004.txt"]
    with pytest.raises(MagscopeError, match="accept a bead first"):
        save_zluts(ZLUTSet({}), path, overwrite=True)
    assert list(ZLUTSet.load(path)) == [4]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["set.npz", "set_text"]
    # What somebody else has put there is not replaced.
    (text_folder(path) / "notes.txt").write_text("mine")
    with pytest.raises(MagscopeError, match=r"holds notes\.txt, which is no Z-LUT; choose another name"):
        save_zluts(zluts, path, overwrite=True)
    assert sorted(one.name for one in text_folder(path).iterdir()) == ["bead-0004.txt", "notes.txt"]
    assert "does not end in .npz" in str(why_not_path(tmp_path / "set.txt"))
    assert "does not exist" in str(why_not_path(tmp_path / "nowhere" / "set.npz"))
    # The text files alone are kept, too.
    path.unlink()
    (text_folder(path) / "notes.txt").unlink()
    assert "set_text exists already" in str(why_not_path(path))
    assert why_not_path(path, overwrite=True) is None


def test_what_cannot_be_written_is_known_before_a_sweep(zlut: ZLUT, tmp_path: Path) -> None:
    """A name that is too long while saving; a folder that takes no file is found out in the same way."""
    path = tmp_path / f"{'z' * 248}.npz"
    assert "cannot be written" in str(why_not_path(path))
    with pytest.raises(MagscopeError, match="cannot be written"):
        save_zluts(ZLUTSet({3: zlut}), path)
    assert list(tmp_path.iterdir()) == []
    if Path("/proc/self").exists():
        # Even root can make no file there.
        assert "cannot be written" in str(why_not_path(Path("/proc/z.npz")))


@pytest.mark.parametrize("hidden", [".set.npz.new.npz", ".set.npz.text", ".set.npz.older"])
def test_what_fails_while_saving_is_said_and_leaves_the_older_files(
    hidden: str, zlut: ZLUT, tmp_path: Path
) -> None:
    """Something that cannot be removed stands where a file is made."""
    path = tmp_path / "set.npz"
    save_zluts(ZLUTSet({3: zlut}), path)
    before = path.read_bytes()
    if hidden.endswith(".new.npz"):
        (tmp_path / hidden / "inside").mkdir(parents=True)
    else:
        (tmp_path / hidden).write_text("mine")
    with pytest.raises(MagscopeError, match="could not be written"):
        save_zluts(ZLUTSet({4: zlut}), path, overwrite=True)
    assert path.read_bytes() == before
    assert [one.name for one in text_folder(path).iterdir()] == ["bead-0003.txt"]


def test_a_disk_that_fails_in_the_last_moment_gives_the_older_files_back(
    zlut: ZLUT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "set.npz"
    save_zluts(ZLUTSet({3: zlut}), path)
    rename = Path.replace

    def fail(self: Path, target: Path) -> Path:
        if target == path:
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(MagscopeError, match="No space left on device"):
        save_zluts(ZLUTSet({4: zlut}), path, overwrite=True)
    assert list(ZLUTSet.load(path)) == [3]
    assert [one.name for one in text_folder(path).iterdir()] == ["bead-0003.txt"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["set.npz", "set_text"]
