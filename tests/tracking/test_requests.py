"""What Tracker refuses, and the smallest things that it accepts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from magscope_app.tracking import (
    ZLUT,
    CameraNoise,
    Tracker,
    ZLUTSet,
    find_beads,
    rois_around,
    template_of,
)
from tests.tracking import simulator

FRAMES = np.zeros((2, 40, 60), np.uint8)


def test_no_beads_and_no_frames() -> None:
    tracker = Tracker(16, ZLUTSet({}))
    none = tracker.track(FRAMES, np.zeros((0, 2), np.int64), profiles=True)
    assert none.shape == (2, 0)
    assert none.profiles is not None
    assert none.profiles.shape == (2, 0, 8)
    assert tracker.track(FRAMES, []).flags.shape == (2, 0)
    assert tracker.track(FRAMES[:0], [[0, 0]], bead_ids=[1]).shape == (0, 1)


def test_rois_at_the_border_are_inside() -> None:
    assert Tracker(16).track(FRAMES, [[0, 0], [44, 24], [0, 24], [44, 0]]).shape == (2, 4)


@pytest.mark.parametrize("corner", [[-1, 0], [45, 0], [0, 25], [0, -1], [2**40, 0]])
def test_roi_that_leaves_the_frame(corner: list[int]) -> None:
    with pytest.raises(ValueError, match=r"ROI 1 at x0 = .* leaves the frame of 60 x 40 px"):
        Tracker(16).track(FRAMES, [[3, 3], corner])


@pytest.mark.parametrize("rois", [[[0.5, 1.0]], [[1, 2, 3]], [1, 2]])
def test_rois_of_wrong_kind(rois: object) -> None:
    with pytest.raises(ValueError, match="rois must be integers"):
        Tracker(16).track(FRAMES, np.asarray(rois))


@pytest.mark.parametrize("frames", [FRAMES[0], FRAMES.astype(np.float32), FRAMES.astype(np.int16), [[1]]])
def test_frames_of_wrong_kind(frames: object) -> None:
    with pytest.raises(ValueError, match="frames must be"):
        Tracker(16).track(frames, [[0, 0]])  # type: ignore[arg-type]  # the point of the test


def test_bad_arguments() -> None:
    for roi_px in (15, 257, 64.5):
        with pytest.raises(ValueError, match=r"roi_px must be 16\.\.256"):
            Tracker(roi_px)  # type: ignore[arg-type]  # the point of the test
        with pytest.raises(ValueError, match=r"roi_px must be 16\.\.256"):
            find_beads(FRAMES[0], roi_px)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ValueError, match="zlut must be"):
        Tracker(64, "lut.npz")  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ValueError, match="bead_ids must be whole"):
        Tracker(16).track(FRAMES, [[0, 0]], bead_ids=[1.5])
    with pytest.raises(ValueError, match=r"no tracking method 'slow'; there is: .*full, qi"):
        Tracker(64, method="slow")
    with pytest.raises(ValueError, match="threads"):
        Tracker(64, threads=0)
    for values in ((0.0, 0.0, 0.0), (1.0, 0.0, -1.0), (np.nan, 0.0, 0.0)):
        with pytest.raises(ValueError, match=r"camera noise|gain_dn_per_e"):
            CameraNoise(*values)
    with pytest.raises(ValueError, match="saturation_dn"):
        CameraNoise(1.0, saturation_dn=0)


def test_lut_that_shares_too_little() -> None:
    z_nm = np.arange(5.0)
    profiles = np.random.default_rng(0).normal(size=(5, 20))
    Tracker(32, ZLUT(z_nm, profiles[:, :8]))
    with pytest.raises(ValueError, match="shares only 7 radii"):
        Tracker(32, ZLUT(z_nm, profiles[:, :7]))
    with pytest.raises(ValueError, match="shares only 5 radii"):
        Tracker(32, ZLUT(z_nm, profiles, r_step_px=0.25))
    with pytest.raises(ValueError, match="same value everywhere"):
        Tracker(32, ZLUT(z_nm, np.ones((5, 20))))


def test_closed_tracker() -> None:
    with Tracker(16, threads=2) as tracker:
        tracker.track(np.repeat(FRAMES, 40, axis=0), [[0, 0]])
    tracker.close()
    with pytest.raises(ValueError, match="closed"):
        tracker.track(FRAMES, [[0, 0]])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"threads": 1.5}, "threads must be a whole number"),
        ({"threads": "2"}, "threads must be a whole number"),
        ({"roi_px": "64"}, r"roi_px must be 16\.\.256 and whole, not '64'"),
        ({"roi_px": float("nan")}, "roi_px must be"),
        ({"noise": (1, 2, 3)}, "noise must be a CameraNoise or None, not tuple"),
        ({"reference_mb": "many"}, "reference_mb > 0"),
        ({"method": ["fast"]}, r"no tracking method \['fast'\]"),
    ],
)
def test_arguments_of_another_kind(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Tracker(**{"roi_px": 16, **arguments})


@pytest.mark.parametrize(
    "values", [("a",), (1.0, None), (1.0, 0.0, 0.0, 1.5), (1.0, 0.0, 0.0, "255"), (True,)]
)
def test_camera_noise_of_another_kind(values: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match=r"finite numbers|saturation_dn must be a whole"):
        CameraNoise(*values)


def test_numbers_beyond_64_bits_with_sign() -> None:
    with pytest.raises(ValueError, match=r"x0 = 9223372036854775813, y0 = 0 .* leaves the frame"):
        Tracker(16).track(FRAMES, np.array([[2**63 + 5, 0]], np.uint64))
    with pytest.raises(ValueError, match="bead_ids must be below"):
        Tracker(16).track(FRAMES, [[0, 0]], bead_ids=np.array([2**64 - 1], np.uint64))


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (np.zeros((0, 0)), "fits into"),
        (np.full((9, 9), np.nan), "no finite number"),
        ("bead.png", "image of numbers"),
    ],
)
def test_template_of_another_kind(template: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        find_beads(FRAMES[0], 16, template=template)


def test_rows_of_unequal_length_are_no_array() -> None:
    ragged: Any = [[0, 0], [0]]
    with pytest.raises(ValueError, match=r"rois is no array .* equal length"):
        Tracker(16).track(FRAMES, ragged)
    with pytest.raises(ValueError, match="bead_ids is no array"):
        Tracker(16).track(FRAMES, [[0, 0], [1, 1]], bead_ids=ragged)


def test_bead_finding_takes_whole_numbers_of_any_type() -> None:
    frame = simulator.camera(np.ones((60, 90)), np.random.default_rng(0)).astype(np.uint8)
    roi_px: Any = 48.0
    assert find_beads(frame, roi_px).shape == (0, 3)


@pytest.mark.parametrize("threshold", ["a", float("nan"), -0.1, 1.1, True])
def test_threshold_of_another_kind(threshold: Any) -> None:
    with pytest.raises(ValueError, match=r"threshold must be 0\.\.1, not"):
        find_beads(FRAMES[0], 16, threshold=threshold)


@pytest.mark.parametrize("x_px", ["a", float("nan"), float("inf"), None])
def test_a_click_that_is_no_place(x_px: Any) -> None:
    with pytest.raises(ValueError, match=r"x_px and y_px must be finite numbers, not .*; click a bead"):
        template_of(FRAMES[0], x_px, 20.0, 16)


def test_rois_around_what_is_no_place() -> None:
    assert rois_around([[20, 30, 0.9]], 16).tolist() == [[12, 22]]
    assert rois_around(np.zeros((0, 3)), 16).shape == (0, 2)
    wrong: tuple[tuple[Any, str], ...] = (
        ([[1.0, 2.0], [float("nan"), 1.0]], "centre 1 lies at x = nan"),
        ([[1e300, 1.0]], "which is no place"),
        ([20.0, 30.0], r"centres_px must be \(n, 2 or more\)"),
        ("a", "centres_px must be an array of real numbers"),
    )
    for centres, said in wrong:
        with pytest.raises(ValueError, match=said):
            rois_around(centres, 16)
    with pytest.raises(ValueError, match="roi_px must be"):
        rois_around([[20, 30]], 5)


@pytest.fixture(scope="module")
def sweep() -> tuple[Any, Any]:
    z_nm = np.arange(-500.0, 501.0, 125.0)
    return simulator.sweep_images(32, z_nm, 2, np.random.default_rng(1)), z_nm


def test_a_sweep_and_its_ceiling(sweep: tuple[Any, Any]) -> None:
    images, z_nm = sweep
    wrong: tuple[Any, ...] = (0, -5, float("nan"), "x")
    for value in wrong:
        with pytest.raises(ValueError, match="saturation_dn must be a whole number from 1 on"):
            ZLUT.from_sweep(images, z_nm, saturation_dn=value)
    with pytest.raises(ValueError, match=r"% of the sweep's pixels are at or above saturation_dn = 50"):
        ZLUT.from_sweep(images, z_nm, saturation_dn=50)


def test_questions_to_a_zlut_of_another_kind(sweep: tuple[Any, Any]) -> None:
    zlut, noise = ZLUT.from_sweep(*sweep), CameraNoise(0.05)
    for roi_px in (0, 10, 1000, -5, 48.5, "a"):
        with pytest.raises(ValueError, match=r"roi_px must be 16\.\.256 and whole"):
            zlut.quality(noise, roi_px)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ValueError, match="noise must be a CameraNoise, not NoneType"):
        zlut.quality(None)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ValueError, match=r"profile must be an array \(n_radii,\), not \(3, 3\)"):
        zlut.match(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="profile must be an array of real numbers"):
        zlut.match("a")  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ValueError, match="roi_px must be a whole number > 0, not 'a'"):
        zlut.why_not(roi_px="a")  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ValueError, match="nm_per_px must be a finite number, not nan"):
        zlut.why_not(nm_per_px=float("nan"))
