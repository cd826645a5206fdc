"""Dark frame and flat field."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

from magscope_app.tracking import ZLUT, CameraNoise, FieldCorrection, Tracker, TrackFlag
from magscope_app.tracking.field_correction import load_image, mean_image
from tests.benchmarks import bead_images
from tests.tracking import simulator

ROI = 48
WIDTH, HEIGHT = 150, 100
ROIS = np.array([[20, 10], [90, 45]])
PHOTONS_E = 5000.0
NOISE = bead_images.camera_noise(PHOTONS_E)
Z_NM = np.arange(-3600.0, -2399.0, 50.0)
#: Frames of three beads: each has so many pixels around it.
TILE = ROI + 22


@pytest.fixture(scope="module")
def zlut() -> ZLUT:
    return ZLUT.from_sweep(bead_images.sweep(Z_NM, 4, ROI, PHOTONS_E, np.random.default_rng(1)), Z_NM)


def _three_beads(
    field: npt.NDArray[np.float64] | float,
) -> tuple[bead_images.Images, npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Frames, ROIs (of which two touch the frame's ends) and truth (n, 3, 3), in px and nm."""
    rng = np.random.default_rng(6)
    rois = np.array([[0, 0], [TILE + 11, 11], [2 * TILE + 22, 22]])
    truth = np.concatenate([rng.uniform(-7, 7, (14, 3, 2)), rng.uniform(-3450, -2550, (14, 3, 1))], axis=2)
    truth[..., :2] += rois + (ROI - 1) / 2
    light = np.empty((14, TILE, 3 * TILE))
    for bead in range(3):
        x, y = 100 * (truth[:, bead, :2] - (TILE * bead, 0) - (TILE - 1) / 2).T
        light[:, :, TILE * bead : TILE * (bead + 1)] = bead_images.clean(x, y, truth[:, bead, 2], TILE)
    return bead_images.expose(field * light, PHOTONS_E, rng), rois, truth


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
    # Wrong or, where the light spoils the symmetry, missing.
    plain_nm = 100 * np.hypot(plain.x_px - truth[..., 0], plain.y_px - truth[..., 1])
    assert (plain_nm < 5).mean() < 0.5
    pulls = (corrected.x_px - truth[..., 0]) / corrected.sigma_x_px
    assert 0.6 < np.sqrt(np.mean(pulls**2)) < 1.8
    assert corrected.profiles is not None
    # Grey levels keep their meaning: the light far from the bead is the harmonic mean of that in its ROI.
    for bead, (x0, y0) in enumerate(ROIS):
        here = 1 / np.mean(1 / light[y0 : y0 + ROI, x0 : x0 + ROI])
        far = np.nanmean(corrected.profiles[:, bead, 20:])
        assert far == pytest.approx(dark.mean() + 0.25 * full * here, rel=0.07)


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


def test_corrected_rois_are_rounded_once_more() -> None:
    """By 1/12 of a squared grey level, beside the read noise."""
    found = FieldCorrection(np.zeros((HEIGHT, WIDTH))).noise(CameraNoise(0.1, 5.0, 2.0, 4095))
    assert found is not None
    assert (found.gain_dn_per_e * found.read_noise_e) ** 2 == pytest.approx(0.2**2 + 1 / 12)
    assert (found.gain_dn_per_e, found.offset_dn, found.saturation_dn) == (0.1, 5.0, 4095)


def test_fast_follows_a_bead_as_without_correction(zlut: ZLUT) -> None:
    """Beads off the middle, also at the frame's ends: what lies around a ROI is read, too."""
    frames, rois, _ = _three_beads(1.0)
    nothing = FieldCorrection(np.zeros(frames.shape[1:]))
    with Tracker(ROI, zlut, NOISE, "fast") as plain, Tracker(ROI, zlut, NOISE, "fast") as other:
        expected, found = plain.track(frames, rois), nothing.track(other, frames, rois)
        assert not expected.flags.any()
        # ROIs that are moved in between, or left out, do not lose their beads.
        moved = [
            plain.track(frames, rois[1:] - 1, [1, 2]),
            nothing.track(other, frames, rois[1:] - 1, [1, 2]),
        ]
    for one, two in ((expected, found), moved):
        for name in ("x_px", "y_px", "z_nm", "sigma_z_nm", "flags"):
            np.testing.assert_allclose(getattr(two, name), getattr(one, name), rtol=0, atol=1e-6)


def test_many_frames_are_corrected_piece_by_piece(zlut: ZLUT) -> None:
    frames, rois, _ = _three_beads(1.0)
    many = np.tile(frames.astype(np.uint16), (36, 1, 1))
    nothing = FieldCorrection(np.zeros(frames.shape[1:]))
    with Tracker(ROI, zlut, NOISE, "fast") as plain, Tracker(ROI, zlut, NOISE, "fast") as other:
        expected, found = plain.track(many, rois), nothing.track(other, many, rois)
    assert found.shape == (len(many), 3)
    np.testing.assert_allclose(found.z_nm, expected.z_nm, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(found.flags, expected.flags)


@pytest.mark.parametrize("method", ["qi", "full", "fast"])
def test_dim_places_have_their_own_noise(zlut: ZLUT, method: str) -> None:
    field = np.linspace(0.5, 1.5, 3 * TILE)[None, :] * np.ones((TILE, 1))
    frames, rois, truth = _three_beads(field)
    correction = FieldCorrection(flat=100 * field)
    with Tracker(ROI, zlut, correction.noise(NOISE), method) as tracker:
        tracks = correction.track(tracker, frames, rois)
    assert not tracks.flags.any()
    pulls = (
        (tracks.x_px - truth[..., 0]) / tracks.sigma_x_px,
        (tracks.z_nm - truth[..., 2]) / tracks.sigma_z_nm,
    )
    for pull in pulls:
        assert 0.7 < np.sqrt(np.mean(pull**2)) < 1.4


def test_what_is_lifted_to_the_ceiling_counts_as_saturated() -> None:
    frames = np.full((1, HEIGHT, WIDTH), 200, np.uint8)
    light = np.ones((HEIGHT, WIDTH))
    light[55:60, 100:105] = 0.7
    tracks = FieldCorrection(flat=100 * light).track(Tracker(ROI, method="qi"), frames, ROIS)
    assert tracks.has(TrackFlag.SATURATED).tolist() == [[False, True]]
    above = np.full((1, HEIGHT, WIDTH), 5000, np.uint16)
    field = FieldCorrection(np.zeros((HEIGHT, WIDTH)))
    assert (
        field.track(Tracker(ROI, method="qi"), above, ROIS, saturation_dn=4095).has(TrackFlag.SATURATED).all()
    )
