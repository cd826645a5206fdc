"""One bead in the last look: whether it could be found, and how well that is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from hardware.simulated.make_zlut import sweep_images
from magscope_app.calibration.between import error_between_planes
from magscope_app.calibration.build import SweepResult
from magscope_app.calibration.evaluate import SweepFacts, coarseness, evaluate_bead
from magscope_app.calibration.last_look import LastLook, look_again
from magscope_app.calibration.report import BeadReport
from magscope_app.calibration.sample_drift import SampleDrift
from magscope_app.calibration.saturation import saturated_planes
from magscope_app.errors import MagscopeError
from magscope_app.tracking import ZLUT, CameraNoise, ZLUTSet

NOISE = CameraNoise(0.012, 8.0, 10.0, 255)
FACTS = SweepFacts(100.0, 0.88, NOISE, 255, "2026-01-01T00:00:00", {"camera": "some.where:Camera"})
Z_NM = np.arange(-600.0, 601.0, 44.0)
RANGE_NM, PLANE = 1200.0, 7


@pytest.fixture(scope="module")
def images() -> npt.NDArray[np.uint8]:
    """Four frames per plane."""
    return sweep_images(Z_NM, seed=3)[:, :4, 4:68, 4:68].copy()


@pytest.fixture(scope="module")
def made(images: npt.NDArray[np.uint8]) -> tuple[ZLUT, BeadReport]:
    zlut, report = evaluate_bead(3, "reference", images, Z_NM, FACTS)
    assert zlut is not None
    return zlut, report


def look(
    images: npt.NDArray[np.uint8], made: tuple[ZLUT, BeadReport], drift_nm: float = 0.0, **report: object
) -> LastLook:
    again = sweep_images(np.array([Z_NM[PLANE] + drift_nm]), seed=9)[:, :4, 4:68, 4:68].copy()
    judged = replace(made[1], **report)  # type: ignore[arg-type]  # the entries of a report
    return look_again(again, images[PLANE : PLANE + 1], Z_NM[PLANE], made[0], judged, FACTS, RANGE_NM)


def test_drift_is_seen_with_its_uncertainty(
    images: npt.NDArray[np.uint8], made: tuple[ZLUT, BeadReport]
) -> None:
    for drift_nm in (0.0, 30.0):
        seen = look(images, made, drift_nm)
        assert abs(seen.offset_nm - drift_nm) < 4 * seen.sigma_nm
        assert 1.0 <= seen.sigma_nm < 6.0
    # A bead that moves says less: by its frames, and by planes that its neighbours do not find.
    assert look(images, made, scatter_nm=20.0).sigma_nm > 1.25 * 20.0 * math.sqrt(2 / 4)
    assert look(images, made, between_nm=30.0).sigma_nm > 30.0
    assert look(images, made, scatter_nm=math.nan, between_nm=math.nan).sigma_nm > 1.25 * 10.0 * math.sqrt(
        2 / 4
    )


def test_a_bead_that_cannot_be_found_says_nothing(
    images: npt.NDArray[np.uint8], made: tuple[ZLUT, BeadReport]
) -> None:
    at_nm = float(Z_NM[PLANE])
    for usable_nm in ((at_nm - 59.0, 600.0), (-600.0, at_nm + 59.0), (math.nan, math.nan)):
        seen = look(images, made, usable_nm=usable_nm)
        assert seen.why_not.startswith("with no usable Z-LUT around the plane")
    assert look(images, made, usable_nm=(at_nm - 61.0, 600.0)).why_not == ""
    white = np.full((1, 4, 64, 64), 255, np.uint8)
    bright = look_again(white, None, at_nm, *made, FACTS, RANGE_NM)
    assert bright.why_not == "saturated in the last look"
    assert (bright.bead_id, bright.role) == (3, "reference")
    # It is found if half of the frames have a z.
    there = sweep_images(np.array([at_nm]), seed=9)[:, :4, 4:68, 4:68].copy()
    empty = np.random.default_rng(1).normal(104, 2, there.shape).astype(np.uint8)
    for n_seen in (1, 2):
        part = empty.copy()
        part[:, :n_seen] = there[:, :n_seen]
        again = look_again(part, None, at_nm, *made, FACTS, RANGE_NM)
        assert math.isfinite(again.offset_nm) == (n_seen == 2), n_seen
        assert again.why_not == ""
    # Not bright, but nothing there: it could have been found.
    nothing = look_again(empty, None, at_nm, *made, FACTS, RANGE_NM)
    assert (nothing.why_not, math.isnan(nothing.offset_nm)) == ("", True)


def test_what_is_said_of_one_bead_is_not_hidden_by_the_drift() -> None:
    drift = SampleDrift(math.nan, math.nan, 1000.0)
    reports = tuple(
        BeadReport(bead_id, "tethered", "poor", (drift.text, *own))
        for bead_id, own in ((0, ("saturated in 3 of 9 planes",)), (1, ()))
    )
    with pytest.raises(MagscopeError, match=r"drifts far.*\(bead 0: saturated in 3 of 9 planes\)"):
        SweepResult(ZLUTSet({}), reports, drift).require_good()


def test_one_pixel_in_a_hundred_is_saturated() -> None:
    images = np.zeros((2, 1, 100, 100), np.uint8)
    images[1, 0, :1] = 255
    assert saturated_planes(images, 255).tolist() == [False, True]
    images[1, 0, 0, 40:] = 0
    assert saturated_planes(images, 255).tolist() == [False, False]


def test_between_planes_the_ends_and_single_losses_do_not_count(
    images: npt.NDArray[np.uint8], made: tuple[ZLUT, BeadReport]
) -> None:
    everywhere = slice(0, len(Z_NM))
    usual = error_between_planes(made[0], images, NOISE, everywhere)
    rng = np.random.default_rng(2)
    for at in (0, 1, -2, -1):
        spoilt = images.copy()
        spoilt[at] = images[len(Z_NM) // 2]
        assert error_between_planes(made[0], spoilt, NOISE, everywhere) == pytest.approx(usual), at
    # Few planes that are not found are left out; of most of them nobody knows.
    spoilt = images.copy()
    spoilt[9:12] = rng.normal(104, 2, spoilt[9:12].shape).astype(np.uint8)
    assert error_between_planes(made[0], spoilt, NOISE, everywhere) < 2 * usual
    spoilt[5:23] = rng.normal(104, 2, spoilt[5:23].shape).astype(np.uint8)
    assert error_between_planes(made[0], spoilt, NOISE, everywhere) == math.inf
    # A plane is found if half of its frames are.
    spoilt[:, :1] = images[:, :1]
    assert error_between_planes(made[0], spoilt, NOISE, everywhere) == math.inf
    spoilt[:, :2] = images[:, :2]
    assert error_between_planes(made[0], spoilt, NOISE, everywhere) < math.inf


@pytest.mark.parametrize(
    ("n_planes", "between_nm", "scatter_nm", "step_nm", "is_poor"),
    [
        (12, 5.1, 1.0, 50.0, True),
        (12, 4.9, 1.0, 50.0, False),
        (11, 9.9, 1.0, 50.0, False),
        (11, 10.1, 1.0, 50.0, True),
        # Means of two frames scatter by as much as one frame does here; twice that is allowed.
        (12, 9.9, 5.0, 50.0, False),
        (12, 10.1, 5.0, 50.0, True),
        (6, math.nan, 1.0, 100.0, False),
        (6, math.nan, 1.0, 101.0, True),
        (12, math.inf, 1.0, 50.0, True),
    ],
)
def test_when_steps_are_too_large(
    n_planes: int, between_nm: float, scatter_nm: float, step_nm: float, is_poor: bool
) -> None:
    z_nm = np.arange(float(n_planes)) * step_nm
    zlut = ZLUT(z_nm, np.asarray(100 + 20 * np.cos(np.arange(32.0) / 2 + z_nm[:, None] / 80), np.float64))
    report = BeadReport(1, "reference", "good", scatter_nm=scatter_nm, between_nm=between_nm)
    assert bool(coarseness(report, zlut, 2)) == is_poor
