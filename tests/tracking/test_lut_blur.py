"""Profiles sampled by interpolation or in bins become what pixels show."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from magscope_app.tracking.lut_blur import Sampling, unblurred
from magscope_app.tracking.lut_splines import evaluate

N_RADII = 24
FloatArray = npt.NDArray[np.float64]


def _rings(r: FloatArray, n: int) -> FloatArray:
    """Profiles (n, …) whose rings are about 5 px wide, as near the focus, and narrower further out."""
    phases = np.linspace(0, 3, n).reshape(-1, *[1] * r.ndim)
    return np.asarray(100 + 40 * np.cos(0.9 * r + 0.012 * r**2 + phases) * np.exp(-r / 14))


def _interpolated(image: FloatArray, x: float, y: float) -> tuple[FloatArray, FloatArray]:
    """Means on circles of 0, 1, 2 … px through bilinear interpolation, and ones."""
    angles = 2 * np.pi * (np.arange(512) + 0.5) / 512
    profile = np.empty(N_RADII)
    for radius in range(N_RADII):
        u, v = x + radius * np.cos(angles), y + radius * np.sin(angles)
        i, j = np.floor(u).astype(int), np.floor(v).astype(int)
        a, b = u - i, v - j
        upper = (1 - a) * image[j, i] + a * image[j, i + 1]
        lower = (1 - a) * image[j + 1, i] + a * image[j + 1, i + 1]
        profile[radius] = ((1 - b) * upper + b * lower).mean()
    return profile, np.ones(N_RADII)


def _binned(image: FloatArray, x: float, y: float) -> tuple[FloatArray, FloatArray]:
    """Sums of the pixels nearest to each whole radius, and their number."""
    rows, columns = np.indices(image.shape)
    nearest = np.rint(np.hypot(columns - x, rows - y)).astype(int).ravel()
    sums, counts = np.bincount(nearest, image.ravel()), np.bincount(nearest)
    return sums[:N_RADII].astype(np.float64), counts[:N_RADII].astype(np.float64)


@pytest.mark.parametrize("sampling", ["bilinear", "bins"])
def test_what_pixels_show_comes_back(sampling: Sampling) -> None:
    rng = np.random.default_rng(1)
    size = 2 * N_RADII + 7
    rows, columns = np.indices((size, size))
    measure = _interpolated if sampling == "bilinear" else _binned
    total = np.zeros((3, 2, N_RADII))
    for x, y in size / 2 + rng.uniform(-0.5, 0.5, (60, 2)):
        images = _rings(np.hypot(columns - x, rows - y), 3)
        total += np.array([measure(image, x, y) for image in images])
    profiles = total[:, 0] / total[:, 1]
    coefs = unblurred(profiles, 1.0, sampling)
    assert coefs.shape == (N_RADII + 2, 3)
    at = np.linspace(0.5, N_RADII - 4, 200)
    truth = _rings(at, 3)
    found = evaluate(coefs, at).T
    plain = np.array([np.interp(at, np.arange(N_RADII), profile) for profile in profiles])
    left, before = (np.sqrt(np.mean((values - truth) ** 2)) for values in (found, plain))
    assert before > 0.3, before
    assert left < 0.3 * before, (left, before)


def test_noise_is_not_blown_up() -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(0.0, 1.0, (200, N_RADII))
    at = np.arange(2.0, N_RADII - 2)
    assert evaluate(unblurred(noise, 1.0, "bilinear"), at).std() < 3.0


def test_finer_radii_and_an_even_middle() -> None:
    radii = np.asarray(0.5 * np.arange(2 * N_RADII), np.float64)
    flat = unblurred(np.full((2, len(radii)), 7.0), 0.5, "bilinear")
    assert evaluate(flat, np.linspace(0, len(radii) - 2, 50)) == pytest.approx(7.0, abs=1e-3)
    coefs = unblurred(_rings(radii, 2), 0.5, "bilinear")
    # The slope of a cubic B-spline at its first knot.
    assert coefs[2] - coefs[0] == pytest.approx(0.0, abs=1e-3)
