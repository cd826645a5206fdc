"""Bead finding on simulated fields and on a real image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from magscope_app.tracking import ZLUT, Tracker, ZLUTSet, find_beads, rois_around, template_of
from tests.tracking import simulator

FloatArray = npt.NDArray[np.float64]
Frame = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
ROI = 64


def _field(
    places: FloatArray, width: int, height: int, seed: int, focus_nm: float = -5000.0, full_scale: int = 255
) -> Frame:
    """Frame with beads at places (n, 2) and heights of -2..2 µm."""
    rng = np.random.default_rng(seed)
    clean = np.ones((height, width))
    for (x, y), profile in zip(
        places, simulator.radial_profiles(rng.uniform(-2000, 2000, len(places)) - focus_nm), strict=True
    ):
        x0, y0 = int(x) - 60, int(y) - 60
        patch = simulator.render(x - x0, y - y0, profile, 121, 121) - 1
        rows, columns = np.arange(y0, y0 + 121), np.arange(x0, x0 + 121)
        inside = np.ix_((rows >= 0) & (rows < height), (columns >= 0) & (columns < width))
        clean[np.ix_(rows[(rows >= 0) & (rows < height)], columns[(columns >= 0) & (columns < width)])] += (
            patch[inside]
        )
    return simulator.camera(clean, rng, full_scale=full_scale)


def _places(n: int, width: int, height: int, seed: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    places: list[FloatArray] = []
    while len(places) < n:
        place = rng.uniform((40, 40), (width - 41, height - 41))
        if all(np.hypot(*(place - other)) > 75 for other in places):
            places.append(place)
    return np.array(places)


def _distances(found: FloatArray, places: FloatArray) -> FloatArray:
    return np.asarray(
        np.hypot(found[:, None, 0] - places[None, :, 0], found[:, None, 1] - places[None, :, 1])
    )


@pytest.mark.parametrize("focus_nm", [-5000.0, 0.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_all_beads_of_a_field_and_nothing_else(seed: int, focus_nm: float) -> None:
    places = _places(20, 1024, 900, seed)
    beads = find_beads(_field(places, 1024, 900, seed, focus_nm), ROI)
    distances = _distances(beads, places)
    assert len(beads) == 20
    assert (distances.min(axis=0) < 0.2).all()
    assert (np.diff(beads[:, 2]) <= 0).all()
    assert (beads[:, 2] <= 1).all()


def test_left_out_at_the_edge_and_when_too_near() -> None:
    alone = np.array([[100.0, 90.3], [300.4, 200.0]])
    edge = np.array([[25.0, 250.0], [350.0, 12.0], [377.0, 320.0]])
    pair = np.array([[150.0, 200.0], [186.0, 215.0]])
    beads = find_beads(_field(np.concatenate([alone, edge, pair]), 400, 340, 5, full_scale=4095), ROI)
    assert _distances(beads, alone).min(axis=0).max() < 0.2
    assert len(beads) == 2
    rois = rois_around(beads, ROI)
    assert np.abs(rois + 31.5 - beads[:, :2]).max() <= 0.5


def test_no_bead_in_frames_without_one() -> None:
    rng = np.random.default_rng(6)
    uneven = 1 + 0.2 * np.outer(np.sin(np.arange(300) / 70), np.sin(np.arange(500) / 90))
    for frame in (
        simulator.camera(uneven, rng),
        simulator.camera(np.ones((300, 500)), rng, full_scale=65535),
        np.zeros((64, 64), np.uint8),
        np.full((90, 70), 65535, np.uint16),
    ):
        assert find_beads(frame, ROI).shape == (0, 3)


def test_threshold_and_template() -> None:
    places = _places(6, 500, 400, 7)
    frame = _field(places, 500, 400, 7)
    # One bead is drawn out to an ellipse: less of it is rings.
    x0, y0 = rois_around(places, ROI)[1] - 8
    patch = frame[y0 + 8 : y0 + 72, x0 : x0 + 80]
    frame[y0 : y0 + 80, x0 : x0 + 80] = np.repeat(patch, 5, axis=0)[::4][:80]
    loose = find_beads(frame, ROI, threshold=0.2)
    strict = find_beads(frame, ROI, threshold=0.97)
    assert _distances(loose, places).min(axis=0).max() < 4
    assert (_distances(strict, places).min(axis=0) < 0.2).tolist() == [True, False, True, True, True, True]
    for template, said in (
        (np.ones((9, 9)), "same grey"),
        (frame[None], "fits into"),
        (np.ones((600, 9)), "fits into"),
    ):
        with pytest.raises(ValueError, match=said):
            find_beads(frame, ROI, template=template)


def test_one_clicked_bead_says_how_strong_beads_are() -> None:
    places = _places(8, 600, 400, 11)
    frame = _field(places, 600, 400, 11)
    dim = _field(places[:4], 600, 400, 11).astype(np.float64)
    background = float(np.median(frame))
    # Half of the beads have a fifth of the contrast: a 25th of the variance.
    faint = _field(places[4:], 600, 400, 12).astype(np.float64) - background
    frame = np.clip(np.rint(dim + 0.2 * faint), 0, 255).astype(np.uint8)
    template = template_of(frame, places[0, 0] + 9, places[0, 1] - 7, ROI)
    assert template.shape == (ROI, ROI)
    beads = find_beads(frame, ROI, template)
    assert len(beads) == 4
    assert _distances(beads, places[:4]).min(axis=0).max() < 0.2
    with pytest.raises(ValueError, match="there is no bead"):
        template_of(np.full((200, 200), 90, np.uint8), 100, 100, ROI)
    with pytest.raises(ValueError, match="leaves the frame"):
        template_of(frame, 20, 200, ROI)


@pytest.mark.parametrize("distance", [10.0, 18.0, 26.0, 34.0, 44.0, 54.0])
def test_doublets_are_left_out(distance: float) -> None:
    """Two beads that touch, overlap, or are so near that their rings overlap, at several heights."""
    alone = np.array([[100.0, 90.3], [420.4, 200.0], [100.2, 300.0]])
    pairs = np.array([[250.0, 100.0], [250.0, 280.0]])
    angle = distance
    others = pairs + distance * np.array([np.cos(angle), np.sin(angle)])
    for seed in range(3):
        frame = _field(np.concatenate([alone, pairs, others]), 520, 390, seed)
        beads = find_beads(frame, ROI)
        assert _distances(beads, alone).min(axis=0).max() < 0.2
        assert len(beads) == 3


def test_debris_is_left_out() -> None:
    rng = np.random.default_rng(13)
    alone = np.array([[100.0, 90.3], [420.4, 200.0], [100.2, 300.0]])
    frame = _field(alone, 520, 390, 2).astype(np.float64)
    y, x = np.mgrid[:390, :520]
    inside = np.hypot(x - 260, y - 100) < 24
    frame[inside] += rng.normal(0, 40, (390, 520))[inside]
    frame += 90 * np.exp(-(((x - 300) / 14) ** 2) - ((y - 300) / 5) ** 2)
    frame -= 60 * (np.abs(x - y - 130) < 3) * (np.abs(x - 330) < 30)
    beads = find_beads(np.clip(np.rint(frame), 0, 255).astype(np.uint8), ROI)
    assert _distances(beads, alone).min(axis=0).max() < 0.2
    assert len(beads) == 3


def test_refused() -> None:
    frame = np.zeros((100, 120), np.uint8)
    with pytest.raises(ValueError, match="one frame"):
        find_beads(frame[None], ROI)
    with pytest.raises(ValueError, match="uint8 or uint16"):
        find_beads(frame.astype(np.float64), ROI)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ValueError, match="does not fit"):
        find_beads(frame, 110)
    with pytest.raises(ValueError, match=r"threshold must be 0\.\.1"):
        find_beads(frame, ROI, threshold=2)
    with pytest.raises(ValueError, match="roi_px"):
        find_beads(frame, 10)


class _Field:
    """The real image and the labels of its beads."""

    def __init__(self, test_data: Path) -> None:
        folder = test_data / "qtrk"
        self.image = Image.open(folder / "bead_field.jpg").convert("L")
        lines = (folder / "bead_field_truth.csv").read_text(encoding="utf-8").splitlines()
        rows = [line.split(",") for line in lines if line[0].isdigit()]
        self.places = np.array([[float(row[0]), float(row[1])] for row in rows])
        self.classes = np.array([row[2] for row in rows])

    def check(
        self, frame: Frame, places: FloatArray, roi_px: int, template: npt.NDArray[np.generic] | None = None
    ) -> FloatArray:
        """Assert that the isolated beads are found, and little else."""
        beads = find_beads(frame, roi_px, template)
        near = _distances(beads, places) < 4
        isolated = self.classes == "isolated"
        assert near[:, isolated].any(axis=0).sum() >= 0.95 * isolated.sum()
        assert (~near[:, isolated | (self.classes == "near")].any(axis=1)).sum() <= 2
        return beads


@pytest.fixture(scope="module")
def field(test_data: Path) -> _Field:
    return _Field(test_data)


def test_real_field_mirrored_turned_dimmed(field: _Field) -> None:
    frame = np.asarray(field.image)
    height, width = frame.shape
    x, y = field.places.T
    mirrored = np.column_stack([width - 1 - x, y])
    field.check(frame, field.places, 48)
    field.check(np.ascontiguousarray(frame[:, ::-1]), mirrored, 48)
    field.check(frame[::-1, ::-1], np.column_stack([width - 1 - x, height - 1 - y]), 48)
    field.check(np.rot90(frame), np.column_stack([y, width - 1 - x]), 48)
    field.check(np.rot90(frame, 3), np.column_stack([height - 1 - y, x]), 48)
    field.check((frame * 0.4).astype(np.uint8), field.places, 48)
    field.check(frame.astype(np.uint16) * 200 + 900, field.places, 48)


@pytest.mark.parametrize("scale", [0.8, 0.9, 1.1, 1.25])
def test_real_field_rescaled(field: _Field, scale: float) -> None:
    size = round(field.image.width * scale), round(field.image.height * scale)
    frame = np.asarray(field.image.resize(size, Image.Resampling.BICUBIC))
    ratio = np.array(size) / (field.image.width, field.image.height)
    field.check(frame, (field.places + 0.5) * ratio - 0.5, round(48 * scale))


@pytest.mark.parametrize("roi_px", [40, 44, 52])
def test_real_field_in_other_rois(field: _Field, roi_px: int) -> None:
    field.check(np.asarray(field.image), field.places, roi_px)


def test_real_field_from_one_clicked_bead(field: _Field) -> None:
    frame = np.asarray(field.image)
    for x, y in field.places[field.classes == "isolated"][::9]:
        field.check(frame, field.places, 48, template_of(frame, x + 4, y - 3, 48))


def test_real_beads_are_found_where_they_are_in_shifted_rois(field: _Field) -> None:
    frame = np.asarray(field.image)
    beads = field.check(frame, field.places, 48)
    rois = rois_around(beads, 48)
    rois = rois[((rois >= 2) & (rois <= (frame.shape[1] - 50, frame.shape[0] - 50))).all(axis=1)]
    assert len(rois) > 50
    tracker = Tracker(48)
    shifts = [(dx, dy) for dx in (-2, 0, 2) for dy in (-2, 0, 1)]
    tracks = [tracker.track(frame[None], rois + shift) for shift in shifts]
    found = np.array([[one.x_px[0], one.y_px[0]] for one in tracks])
    assert np.ptp(found, axis=0).max() < 0.02
    # The score of finding is taken where tracking finds the bead.
    nearest = np.hypot(*(found[4][:, :, None] - beads[:, :2].T[:, None, :])).min(axis=1)
    assert nearest.max() < 0.02


@pytest.mark.parametrize(("name", "n_good"), [("10x", 9), pytest.param("long", 5, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_real_luts_give_rising_z_on_their_own_planes(test_data: Path, name: str, n_good: int) -> None:
    """Each plane that is looked at is left out of its LUT, whose planes are then 200 nm apart there."""
    zluts = ZLUTSet.load(test_data / "qtrk" / f"{name}.radialzlut", plane_nm=100.0)
    errors_nm = np.array([_errors_of_left_out_planes(zlut) for zlut in zluts.values()])
    # Bead 1 of 10x has six times the others' noise from plane to plane.
    good = np.abs(errors_nm).max(axis=1) < 110.0
    assert good.sum() == n_good
    assert np.median(np.abs(errors_nm[good]), axis=1).max() < 20.0


def _errors_of_left_out_planes(zlut: ZLUT) -> FloatArray:
    """Return the errors (nm) on planes that the LUT has not seen, drawn as images."""
    levels = np.interp(zlut.profiles, (zlut.profiles.min(), zlut.profiles.max()), (5000.0, 55000.0))
    roi_px = min(2 * zlut.n_radii, 128)
    y, x = np.mgrid[:roi_px, :roi_px] - (roi_px - 1) / 2
    r = np.hypot(x + 0.3, y - 0.2)
    errors: list[float] = []
    for plane in range(4, zlut.n_planes - 4, 11):
        kept = np.arange(zlut.n_planes) != plane
        image = np.rint(np.interp(r, np.arange(zlut.n_radii), levels[plane])).astype(np.uint16)
        tracker = Tracker(roi_px, ZLUT(zlut.z_nm[kept], levels[kept]), method="qi")
        errors.append(float(tracker.track(image[None], [[0, 0]]).z_nm[0, 0] - zlut.z_nm[plane]))
    return np.array(errors)
