"""Bead finding on simulated fields and on a real image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from magscope_app.tracking import Tracker, find_beads, rois_around
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
    assert len(find_beads(frame, ROI, threshold=1.0)) == 0
    x0, y0 = rois_around(places, ROI)[0]
    by_template = find_beads(frame, ROI, template=frame[y0 : y0 + ROI, x0 : x0 + ROI])
    assert _distances(by_template, places).min(axis=1).max(initial=0) < 0.2
    assert _distances(by_template, places)[:, 0].min() < 0.2
    for template, said in (
        (np.ones((9, 9)), "same grey"),
        (frame[None], "fits into"),
        (np.ones((600, 9)), "fits into"),
    ):
        with pytest.raises(ValueError, match=said):
            find_beads(frame, ROI, template=template)


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


def test_real_bead_field(test_data: Path) -> None:
    folder = test_data / "qtrk"
    frame = np.asarray(Image.open(folder / "bead_field.jpg").convert("L"))
    rows = [
        line.split(",") for line in (folder / "bead_field_truth.csv").read_text(encoding="utf-8").splitlines()
    ]
    truth = [(float(row[0]), float(row[1]), row[2]) for row in rows if row[0][0].isdigit()]
    isolated = np.array([row[:2] for row in truth if row[2] == "isolated"])
    every = np.array([row[:2] for row in truth])
    beads = find_beads(frame, 48)
    assert (_distances(beads, isolated).min(axis=0) < 4).sum() >= 58
    assert (_distances(beads, every).min(axis=1) >= 4).sum() <= 2
    tracks = Tracker(48).track(frame[None], rois_around(beads, 48))
    assert np.isfinite(tracks.x_px).all()
    assert np.hypot(tracks.x_px[0] - beads[:, 0], tracks.y_px[0] - beads[:, 1]).max() < 0.1
