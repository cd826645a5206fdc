from __future__ import annotations

import numpy as np
import pytest

from hardware.simulated.optics import Optics, bead_table, bessel_j0
from tests.hardware.simulated.twin import Floats, film, started, still, twin_config


def mirror_centre(image: Floats) -> Floats:
    """Return x, y of the point about which `image` is most symmetric: where its mirror image fits it best."""
    spectrum = np.fft.fft2(image - np.median(image))
    product = np.fft.ifft2(spectrum * spectrum).real
    row, column = np.unravel_index(product.argmax(), product.shape)
    centre = []
    for along in (np.roll(product[row], -column), np.roll(product[:, column], -row)):
        below, top, above = along[-1], along[0], along[1]
        centre.append(0.5 * (below - above) / (below - 2 * top + above))
    half = np.array(image.shape[::-1]) / 2
    found = (np.array([column, row]) + centre) / 2
    # Known up to half of the period; the bead is near the middle.
    nearest: Floats = found + half * np.rint((half - found) / half)
    return nearest


def test_variance_rises_with_the_mean_by_the_gain() -> None:
    camera = started(still(gain=0.2))
    means, variances = [], []
    for background_e in (500.0, 2000.0, 6000.0, 12000.0):
        camera.set("background_e", background_e)
        frames, _ = film(camera, 60)
        means.append(float(frames.mean()))
        variances.append(float(frames.astype(float).var(axis=0, ddof=1).mean()))
    slope, dark = np.polyfit(means, variances, 1)
    assert slope == pytest.approx(0.2, rel=0.02)
    assert means[1] == pytest.approx(20.0 + 0.2 * 2000.0, rel=0.01)
    read_and_rounding = (0.2 * 8.0) ** 2 + 1 / 12
    assert dark + slope * 20.0 == pytest.approx(read_and_rounding, abs=0.02 * variances[-1])
    camera.close()


def test_noise_on_the_bead_follows_its_light_and_differs_from_frame_to_frame() -> None:
    camera = started(still(gain=0.2))
    camera.set("background_e", 8000.0)
    frames, truth = film(camera, 300)
    x, y = (truth[0, 0, 1:3] / 100.0).astype(int)
    roi = frames[:, y - 32 : y + 32, x - 32 : x + 32].astype(float)
    mean, variance = roi.mean(axis=0), roi.var(axis=0, ddof=1)
    bright, dark = mean > 1.1 * np.median(mean), mean < 0.9 * np.median(mean)
    for pixels in (bright, dark):
        expected = 0.2 * (mean[pixels] - 20.0).mean() + (0.2 * 8.0) ** 2 + 1 / 12
        assert variance[pixels].mean() == pytest.approx(expected, rel=0.02)
    fluctuation = (roi - mean) / roi.std(axis=0)
    assert abs((fluctuation[1:] * fluctuation[:-1]).mean()) < 0.01
    assert abs((fluctuation[:, :, 1:] * fluctuation[:, :, :-1]).mean()) < 0.01
    camera.close()


@pytest.mark.parametrize("seed", range(4))
def test_truth_is_where_the_bead_is_seen(seed: int) -> None:
    camera = started(still({"seed": seed}, bits=16, gain=3.0))
    frames, truth = film(camera, 100)
    x_nm, y_nm = truth[0, 0, 1:3]
    left, top = int(x_nm / 100) - 30, int(y_nm / 100) - 30
    image = frames.mean(axis=0)[top : top + 61, left : left + 61]
    assert (mirror_centre(image) + np.array([left, top])) * 100.0 == pytest.approx([x_nm, y_nm], abs=2.0)
    camera.close()


def test_light_beyond_the_range_saturates() -> None:
    camera = started(still(bits=10, gain=0.2))
    camera.set("background_e", 100_000.0)
    frames, _ = film(camera, 2)
    assert frames.max() == 1023
    assert np.median(frames) == 1023
    camera.close()


def test_light_bends_by_wavelength_aperture_and_bead() -> None:
    usual = bead_table(radius_nm=500.0, nm_per_px=100.0, roi_px=32, z_reach_nm=2000.0)
    for section, key, value in (
        ("light", "wavelength_nm", 500.0),
        ("light", "source_angle_mrad", 120.0),
        ("light", "spectral_width", 0.1),
        ("refraction", "numerical_aperture", 0.7),
        ("refraction", "medium_index", 1.4),
        ("refraction", "bead_index", 1.45),
        ("refraction", "bead_absorption", 0.3),
    ):
        simulation = twin_config(simulation={section: {key: value}}).simulation
        other = bead_table(
            radius_nm=500.0, nm_per_px=100.0, roi_px=32, z_reach_nm=2000.0, optics=Optics.of(simulation)
        )
        assert np.abs(other.contrast - usual.contrast).max() > 0.05, key


def test_j0() -> None:
    integral = np.cos(
        np.multiply.outer([0.5, 2.9, 3.1, 40.0], np.sin(np.linspace(0.0, np.pi, 2001)[:-1]))
    ).mean(axis=1)
    assert bessel_j0(np.array([0.5, 2.9, 3.1, 40.0])) == pytest.approx(integral, abs=2e-7)


def test_no_two_heights_look_alike() -> None:
    table = bead_table(radius_nm=500.0, nm_per_px=100.0, roi_px=64)
    step = 10
    rows = slice(
        *(np.searchsorted(table.z0_nm + table.z_step_nm * np.arange(801), z) for z in (-4000.0, 4001.0))
    )
    profiles = table.contrast[rows][::step].astype(float)
    radii = np.arange(profiles.shape[1])
    centred = (profiles - np.average(profiles, axis=1, weights=radii)[:, None]) * np.sqrt(radii)
    unit = centred / np.linalg.norm(centred, axis=1)[:, None]
    likeness = unit @ unit.T
    apart = np.abs(np.subtract.outer(np.arange(len(unit)), np.arange(len(unit)))) * step * 25.0
    assert likeness[apart >= 1000.0].max() < 0.9


def test_rings_are_nearly_gone_at_the_edge_of_the_roi() -> None:
    table = bead_table(radius_nm=500.0, nm_per_px=100.0, roi_px=64)
    z_nm = table.z0_nm + table.z_step_nm * np.arange(len(table.contrast))
    usual = table.contrast[np.abs(z_nm) < 3000.0]
    assert np.abs(usual[:, 32 * 8 :]).max() < 0.05 * np.abs(usual).max()
    assert not table.contrast[:, -2:].any()
