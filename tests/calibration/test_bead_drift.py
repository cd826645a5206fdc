"""Which beads of a sweep moved, each by itself: its Z-LUT is spoilt by that, and by no other's motion."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hardware.simulated.make_zlut import sweep_images
from magscope_app.calibration.bead_drift import SweepDrift, sweep_drift
from magscope_app.calibration.build import BuildSettings, SweepResult, build_zluts
from magscope_app.calibration.last_look import LastLook
from magscope_app.calibration.raw import RawSweep
from magscope_app.calibration.report import BeadReport
from magscope_app.clock import WallAnchor
from magscope_app.config import BeadRole
from magscope_app.errors import MagscopeError
from magscope_app.tracking import ZLUTSet

FACTOR, ROI_PX, N_FRAMES, PLANE = 0.88, 64, 3, 5
FOCUS_NM = np.arange(-500.0, 501.0, 50.0)
#: Planes of the sweep that is made here: with every other plane its range is smaller.
SWEPT_NM = np.append(FOCUS_NM, 550.0)
#: Planes and last look, one per second.
TIMES_S = np.arange(len(SWEPT_NM) + 1.0)
#: 1 % of the range is 8.8 nm.
RANGE_NM = FACTOR * 1000.0
STEPS = [{"step": step, "t_ns": 10**9 * step} for step in range(len(FOCUS_NM))]
CLOSING = {"t_ns": 10**9 * len(FOCUS_NM), "plane": PLANE}
#: The last look sees this share of the way.
SHARE = (len(FOCUS_NM) - PLANE) / (len(FOCUS_NM) - 1)


def look(
    bead_id: int, moved_nm: float, sigma_nm: float = 1.0, role: BeadRole = "reference", why_not: str = ""
) -> LastLook:
    """Return what is seen of a bead that moved so far from the first plane to the last."""
    # The Z-LUT is stretched by the motion that it is to show.
    return LastLook(SHARE * moved_nm / (1 + moved_nm / RANGE_NM), sigma_nm, why_not, bead_id, role)


def moved(*looks: LastLook) -> SweepDrift:
    return sweep_drift(looks, STEPS, CLOSING, RANGE_NM)


def verdicts(drift: SweepDrift) -> dict[int, tuple[str, tuple[str, ...]]]:
    judged = [drift.judged(BeadReport(bead_id, "reference", "good", ("as ever",))) for bead_id in drift.beads]
    return {one.bead_id: (one.verdict, one.remarks) for one in judged}


def test_a_bead_that_moves_alone_is_poor_alone() -> None:
    drift = moved(*(look(bead, 0.5 * bead) for bead in range(4)), look(7, 40.0))
    assert not drift.sample.is_too_much
    assert drift.sample.drift_nm == pytest.approx(0.75, abs=0.01)
    assert drift.sample.text.endswith("say 4 of 5 beads")
    found = verdicts(drift)
    assert {bead: verdict for bead, (verdict, _) in found.items()} == {
        0: "good",
        1: "good",
        2: "good",
        3: "good",
        7: "poor",
    }
    assert found[0][1] == ("as ever",)
    fault, other = found[7][1]
    assert other == "as ever"
    assert fault.startswith("it moved by +40.0 nm during the sweep, 4.5 % of its range (± 1.6 nm): ")
    assert "its heights are wrong by 4.5 %" in fault
    # The number in its Z-LUT is its own, beside that of the sample.
    report = drift.judged(BeadReport(7, "reference", "good"))
    assert report.drift_nm == pytest.approx(40.0)
    assert report.drift_sigma_nm == pytest.approx(1.25 / SHARE, rel=0.1)
    metadata = drift.metadata(report)
    assert metadata["sweep_drift_nm"] == report.drift_nm
    assert metadata["sample_drift_nm"] == pytest.approx(0.75, abs=0.01)
    assert BeadReport.of_metadata(7, metadata) == report
    assert f"moved {report.drift_nm:+.1f} ± 1." in report.describe()


@pytest.mark.parametrize("n_moving", [2, 3])
def test_beads_that_disagree_are_judged_each_by_itself(n_moving: int) -> None:
    drift = moved(
        *(look(bead, 0.0) for bead in range(3)), *(look(9 - bead, -50.0) for bead in range(n_moving))
    )
    assert not drift.sample.is_too_much
    assert math.isnan(drift.sample.drift_nm)
    n_beads = 3 + n_moving
    assert drift.sample.text.startswith(
        "how far the sample drifted during the sweep is not known: the beads "
    )
    assert (
        f"disagree, and moved 3 of {n_beads} by +0.0 nm, {n_moving} of {n_beads} by -50.0 nm; each is"
        in drift.sample.text
    )
    assert [verdict for verdict, _ in verdicts(drift).values()] == ["good"] * 3 + ["poor"] * n_moving
    assert drift.metadata(BeadReport(0, "reference", "good"))["sample_drift_nm"] is None


def test_a_bead_that_can_be_anywhere_settles_no_dispute() -> None:
    """It agrees with both groups, and so with none."""
    groups = [*(look(bead, 0.0) for bead in range(3)), *(look(3 + bead, 60.0) for bead in range(3))]
    assert "disagree" in moved(*groups, look(8, 30.0, 30.0)).sample.unknown


def test_what_all_do_is_the_samples_but_a_bead_that_stayed_is_good() -> None:
    drift = moved(
        *(look(bead, 30.0) for bead in range(4)), look(4, 0.0), look(5, 30.0, 20.0), look(6, 0.0, 9.0)
    )
    assert drift.sample.is_too_much
    found = verdicts(drift)
    assert {found[bead][0] for bead in (0, 1, 2, 3, 5)} == {"poor"}
    # Whatever is said of all is said in the same words, so that it can be said once.
    assert {found[bead][1][0] for bead in (0, 1, 2, 3, 5)} == {drift.sample.text}
    assert "(± " in drift.sample.text
    assert "heights are wrong by 3.4 %" in drift.sample.text
    assert found[4] == ("good", ("as ever",))
    # It may have stayed, or drifted along: nobody knows.
    assert found[6][0] == "poor"
    # One that could not be looked at is taken to have done as all did; one that was lost stays so.
    blind = moved(
        *(look(bead, 30.0) for bead in range(4)), look(9, 0.0, why_not="saturated in the last look")
    )
    assert verdicts(blind)[9][0] == "poor"
    assert math.isnan(blind.judged(BeadReport(9, "tethered", "good")).drift_nm)
    assert blind.judged(BeadReport(5, "tethered", "good")).verdict == "poor"
    lost = BeadReport(3, "tethered", "lost", ("gone",))
    assert blind.judged(lost) == lost


def test_a_bead_that_certainly_did_something_else_is_not_blamed_for_the_sample() -> None:
    """It may have moved by too much, but not by what the sample did."""
    drift = moved(*(look(bead, 90.0) for bead in range(4)), look(4, 6.0, 4.0), look(5, -70.0))
    found = verdicts(drift)
    assert found[4] == ("good", ("as ever",))
    assert found[5][0] == "poor"
    assert found[5][1][0].startswith("it moved by -")


def test_a_bead_that_certainly_moved_by_less_than_matters_is_good() -> None:
    drift = moved(*(look(bead, 9.5, 0.5) for bead in range(4)), look(4, 7.0, 0.5))
    assert drift.sample.is_too_much
    assert [verdict for verdict, _ in verdicts(drift).values()] == ["poor"] * 4 + ["good"]


def test_what_may_be_too_much_is_said() -> None:
    drift = moved(*(look(bead, 0.0) for bead in range(3)), look(3, 30.0, 8.0), look(4, 20.0, 8.0))
    found = verdicts(drift)
    assert found[3][0] == found[4][0] == "good"
    assert found[3][1][0] == "as ever"
    assert "that is too uncertain to tell if it is more than 8.8 nm" in found[3][1][1]
    # Within twice its uncertainty there is nothing to be said.
    assert found[4][1] == ("as ever",)


def test_a_bead_that_is_not_found_again_is_poor() -> None:
    drift = moved(*(look(bead, 0.0) for bead in range(3)), LastLook(bead_id=4))
    assert not drift.sample.is_too_much
    verdict, remarks = verdicts(drift)[4]
    assert verdict == "poor"
    assert remarks[0].startswith("it was not found again after the sweep where it was")
    assert drift.metadata(drift.judged(BeadReport(4, "reference", "good")))["sweep_drift_nm"] is None


def test_reference_beads_say_what_the_sample_did() -> None:
    loose = [look(bead, 60.0, 2.0, "tethered") for bead in range(3)]
    drift = moved(*loose, look(8, 0.0), look(9, 1.0))
    assert drift.sample.drift_nm == pytest.approx(0.5, abs=0.1)
    assert [verdict for verdict, _ in verdicts(drift).values()] == ["poor"] * 3 + ["good"] * 2
    # Where they cannot tell, all do.
    for blind in (look(8, 0.0, why_not="saturated in the last look"), LastLook(bead_id=8, role="reference")):
        assert moved(*loose, blind).sample.drift_nm == pytest.approx(60.0), blind


@pytest.mark.parametrize("sigma_nm", [2.0, 10.0, 48.0])
@pytest.mark.parametrize("n_beads", [1, 2, 3, 8])
def test_calm_beads_are_not_blamed(n_beads: int, sigma_nm: float) -> None:
    rng = np.random.default_rng(1)
    poor = noted = 0
    for offsets in rng.normal(0, sigma_nm, (400, n_beads)):
        drift = moved(*(look(bead, offset / SHARE, sigma_nm) for bead, offset in enumerate(offsets)))
        assert "disagree" not in drift.sample.unknown
        found = verdicts(drift).values()
        poor += sum(verdict == "poor" for verdict, _ in found)
        noted += sum(len(remarks) > 1 for _, remarks in found)
    assert poor <= 0.005 * 400 * n_beads
    assert noted <= 0.05 * 400 * n_beads


# --- in a whole sweep ------------------------------------------------------------------------


def sweep(root: Path, speeds_nm_s: list[float]) -> Path:
    """Store a sweep over stuck beads, and some that rise."""
    raw = RawSweep(root, b"", {}, WallAnchor(0, 10**18, 0))
    focus_nm = np.append(SWEPT_NM, SWEPT_NM[PLANE])
    beads = [
        sweep_images(-FACTOR * focus_nm + speed * TIMES_S, seed=3 + place)[:, :N_FRAMES, 4:68, 4:68]
        for place, speed in enumerate(speeds_nm_s)
    ]
    looks = list[dict[str, Any]]()
    for step, focus in enumerate(focus_nm):
        ids = list(range(N_FRAMES * step, N_FRAMES * step + N_FRAMES))
        for shot, frame_id in enumerate(ids):
            mosaic = np.concatenate([images[step, shot] for images in beads])
            raw.handler.put({"time": frame_id, "step": step}, mosaic, {"rois_px": [[0, 0]] * len(beads)})
        looks.append({"step": step, "focus_nm": focus, "t_ns": round(1e9 * TIMES_S[step]), "frames": ids})
    about: dict[str, Any] = {
        "roi_px": ROI_PX,
        "nm_per_px": 100.0,
        "magnification": 50.0,
        "focal_shift_factor": FACTOR,
        "surface_nm": None,
        "camera": "some.where:Camera",
        "bits": 8,
        "ceiling_dn": 255,
        "noise": {"gain_dn_per_e": 0.012, "offset_dn": 8.0, "read_noise_e": 10.0},
        "plan": {"frames": N_FRAMES},
        "beads": [{"id": bead, "role": "reference", "x_px": 0.0, "y_px": 0.0} for bead in range(len(beads))],
        "removed": {},
        "focus_start_nm": 0.0,
        "force_pn": None,
        "steps": looks[:-1],
        "closing": looks[-1] | {"plane": PLANE},
    }
    raw.finish(about, N_FRAMES * len(looks))
    return raw.keep()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sweep(tmp_path_factory.mktemp("sweep"), [0.0, 0.0, 2.5])


@pytest.fixture(scope="module")
def built(dataset: Path) -> SweepResult:
    return build_zluts(dataset)


def test_a_z_lut_that_its_bead_spoilt_is_not_called_good(built: SweepResult) -> None:
    assert [report.verdict for report in built.reports] == ["good", "good", "poor"]
    fault = built.reports[2].remarks[0]
    assert fault.startswith("it moved by +")
    truth_nm = 2.5 * (len(SWEPT_NM) - 1)
    for bead, way_nm in ((0, 0.0), (1, 0.0), (2, truth_nm)):
        metadata = built.zluts[bead].metadata
        own, sigma = float(str(metadata["sweep_drift_nm"])), float(str(metadata["sweep_drift_sigma_nm"]))
        assert abs(own - way_nm) < 3 * sigma, bead
        assert sigma < 8.0
    assert built.good_ids == {0, 1}
    assert sorted(built.require_good()) == [0, 1]


def test_with_every_other_plane_the_drift_is_that_of_the_whole_sweep(
    built: SweepResult, dataset: Path
) -> None:
    assert built.drift is not None
    for settings in (BuildSettings(every=2), BuildSettings(every=2, frames=2)):
        again = build_zluts(dataset, settings)
        assert again.drift is not None
        assert again.drift.range_nm == built.drift.range_nm == pytest.approx(FACTOR * 1050.0)
        assert again.reports[2].drift_nm == pytest.approx(built.reports[2].drift_nm, abs=15)
        assert again.drift.limit_nm == built.drift.limit_nm


def test_where_no_bead_is_good_each_says_why() -> None:
    reports = (
        BeadReport(1, "reference", "poor", ("it moved by +70 nm",)),
        BeadReport(2, "reference", "poor", ("it moved by -70 nm",)),
    )
    drift = moved(look(1, 70.0), look(2, -70.0)).sample
    with pytest.raises(MagscopeError, match=r"no bead gave .*bead 1: it moved by \+70 nm; bead 2: it moved"):
        SweepResult(ZLUTSet({}), reports, drift).require_good()
