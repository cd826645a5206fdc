"""Dark frame and flat field."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from magscope_app.tracking import CameraNoise, FieldCorrection, Tracker, TrackFlag
from magscope_app.tracking.field_correction import load_image, mean_image
from tests.tracking import simulator

ROI = 48
WIDTH, HEIGHT = 150, 100
ROIS = np.array([[20, 10], [90, 45]])


def _maps() -> tuple[np.ndarray[tuple[int, int]], np.ndarray[tuple[int, int]]]:
    """A dark frame with a pattern, and a light that falls by a third across a ROI."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return 4.0 + (x + 2 * y) % 5, 1.0 + 0.5 * np.sin(x / 12) * np.cos(y / 15)


@pytest.mark.parametrize("full", [255, 4095])
def test_corrected_positions_are_right_and_uncorrected_are_not(full: int) -> None:
    rng = np.random.default_rng(1)
    dark, light = _maps()
    clean = np.ones((30, HEIGHT, WIDTH))
    truth = ROIS[None] + (ROI - 1) / 2 + rng.uniform(-0.5, 0.5, (30, 2, 2))
    profile = simulator.radial_profiles(np.array([4200.0]))[0]
    for image, places in zip(clean, truth, strict=True):
        for (x0, y0), (x, y) in zip(ROIS, places, strict=True):
            image[y0 : y0 + ROI, x0 : x0 + ROI] = simulator.render(x - x0, y - y0, profile, ROI, ROI)
    levels = rng.poisson(clean * light * 0.25 * 1e5) / 1e5 * full + dark
    frames = np.clip(np.rint(levels), 0, full).astype(np.uint8 if full == 255 else np.uint16)
    before = frames.copy()
    field = FieldCorrection(dark, dark + 0.25 * full * light)
    noise = CameraNoise(full / 1e5, float(dark.mean()), saturation_dn=full)
    with Tracker(ROI, noise=field.noise(noise), method="qi") as tracker:
        corrected = field.track(tracker, frames, ROIS, profiles=True, saturation_dn=full)
    plain = Tracker(ROI, noise=noise, method="qi").track(frames, ROIS, profiles=True)
    assert np.array_equal(frames, before)
    errors_nm = 100 * np.hypot(corrected.x_px - truth[..., 0], corrected.y_px - truth[..., 1])
    assert errors_nm.max() < 6
    assert 100 * np.hypot(plain.x_px - truth[..., 0], plain.y_px - truth[..., 1]).mean() > 5
    pulls = (corrected.x_px - truth[..., 0]) / corrected.sigma_x_px
    assert 0.6 < np.sqrt(np.mean(pulls**2)) < 1.8
    assert corrected.profiles is not None
    # Grey levels keep their meaning: the light far from the bead is the mean light.
    assert np.nanmean(corrected.profiles[..., 20:]) == pytest.approx(
        dark.mean() + 0.25 * full * light.mean(), rel=0.1
    )


def test_saturated_pixels_are_still_seen() -> None:
    frames = np.full((1, HEIGHT, WIDTH), 100, np.uint8)
    frames[0, 60, 100] = 255
    field = FieldCorrection(np.full((HEIGHT, WIDTH), 3.0))
    tracks = field.track(Tracker(ROI, method="qi"), frames, ROIS)
    assert tracks.has(TrackFlag.SATURATED).tolist() == [[False, True]]
    twelve = frames.astype(np.uint16)
    with Tracker(ROI, noise=CameraNoise(1.0, saturation_dn=255), method="qi") as tracker:
        assert field.track(tracker, twelve, ROIS, saturation_dn=255).has(TrackFlag.SATURATED)[0, 1]
    assert field.track(Tracker(ROI, method="qi"), frames, np.zeros((0, 2), np.int64)).shape == (1, 0)


def test_files(tmp_path: Path) -> None:
    _, light = _maps()
    stack = np.random.default_rng(2).poisson(40, (20, HEIGHT, WIDTH)).astype(np.uint8)
    np.save(tmp_path / "dark.npy", mean_image(stack))
    assert np.abs(load_image(tmp_path / "dark.npy") - stack.mean(axis=0)).max() < 1e-5
    tifffile.imwrite(tmp_path / "flat.tif", (1000 * light).astype(np.float32))
    field = FieldCorrection.load(tmp_path / "dark.npy", tmp_path / "flat.tif")
    assert field.shape == (HEIGHT, WIDTH)
    assert field.why_not(WIDTH, HEIGHT) is None
    assert "100 x 150" in (field.why_not(HEIGHT, WIDTH) or "")
    (tmp_path / "broken.npy").write_bytes(b"no image")
    (tmp_path / "broken.tif").write_bytes(b"no image")
    for name, said in (("broken.npy", "not an image"), ("broken.tif", "not a TIFF"), ("x.png", "no .npy")):
        with pytest.raises(ValueError, match=said):
            load_image(tmp_path / name)


def test_refused() -> None:
    dark, light = _maps()
    for images, said in (
        ((None, None), "neither"),
        ((dark, light.T), "same camera ROI"),
        ((dark[0], None), "not one image"),
        ((np.full_like(dark, np.nan), None), "finite"),
        ((None, np.where(light > 1.4, 0.0, light)), "hardly any light"),
        ((light, light), "hardly any light"),
    ):
        with pytest.raises(ValueError, match=said):
            FieldCorrection(*images)
    with pytest.raises(ValueError, match="same camera ROI"):
        FieldCorrection(dark).track(Tracker(ROI, method="qi"), np.zeros((1, 90, WIDTH), np.uint8), ROIS)
    with pytest.raises(ValueError, match="leaves the frame"):
        FieldCorrection(dark).track(
            Tracker(ROI, method="qi"), np.zeros((1, HEIGHT, WIDTH), np.uint8), [[120, 0]]
        )
    assert FieldCorrection(dark).noise(None) is None
