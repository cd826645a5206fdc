"""The camera's noise, measured in stacks whose noise is known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from magscope_app.tracking import CameraNoise, Tracker, estimate_noise
from tests.tracking import simulator

FloatArray = npt.NDArray[np.float64]
Stack = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
_PLACES = ((60, 60), (200, 80), (120, 180), (260, 200))


def _stack(
    n: int = 16,
    *,
    gain: float = 0.05,
    offset: float = 8.0,
    read_e: float = 0.0,
    full: int = 255,
    motion_px: float = 0.0,
    flicker: float = 0.0,
    light: float = 0.45,
    seed: int = 0,
) -> Stack:
    """Frames (n, 256, 320) with four beads that jump by motion_px (rms) from frame to frame."""
    rng = np.random.default_rng(seed)
    profiles = simulator.radial_profiles(rng.uniform(-2000, 2000, 4) + 5000)
    frames = []
    for _ in range(n):
        clean = np.ones((256, 320))
        for (x, y), profile in zip(_PLACES, profiles, strict=True):
            dx, dy = rng.normal(0, motion_px, 2)
            clean[y - 50 : y + 51, x - 50 : x + 51] += (
                simulator.render(50 + dx, 50 + dy, profile, 101, 101) - 1
            )
        electrons = rng.poisson(clean * light * (full - offset) / gain * (1 + rng.normal(0, flicker)))
        levels = (electrons + rng.normal(0, read_e, clean.shape)) * gain + offset
        frames.append(np.clip(np.rint(levels), 0, full))
    stack = np.array(frames)
    return stack.astype(np.uint8) if full < 256 else stack.astype(np.uint16)


def _variance(noise: CameraNoise, level_dn: float) -> float:
    gain = noise.gain_dn_per_e
    return gain * (level_dn - noise.offset_dn) + (gain * noise.read_noise_e) ** 2


@pytest.mark.parametrize(
    ("gain", "offset", "full"), [(0.05, 8.0, 255), (0.255, 0.0, 255), (0.6, 100.0, 4095)]
)
@pytest.mark.parametrize(("motion_px", "flicker"), [(0.0, 0.0), (0.3, 0.0), (0.2, 0.02)])
def test_gain_and_variance(gain: float, offset: float, full: int, motion_px: float, flicker: float) -> None:
    stack = _stack(gain=gain, offset=offset, full=full, motion_px=motion_px, flicker=flicker)
    estimate = estimate_noise(stack, saturation_dn=full)
    found = estimate.noise
    assert found.gain_dn_per_e == pytest.approx(gain, rel=0.25)
    assert abs(found.gain_dn_per_e - gain) < 4 * estimate.gain_error_dn_per_e
    background = offset + 0.45 * (full - offset)
    truth = CameraNoise(gain, offset)
    assert _variance(found, background) == pytest.approx(_variance(truth, background), rel=0.02)
    assert _variance(found, 0.7 * background) == pytest.approx(_variance(truth, 0.7 * background), rel=0.2)
    assert len(estimate.levels_dn) == len(estimate.variances_dn2) == len(estimate.errors_dn2) > 10
    assert (np.diff(estimate.levels_dn) > 0).all()


def test_error_is_honest() -> None:
    estimates = [estimate_noise(_stack(8, seed=seed)) for seed in range(6)]
    pulls = [(one.noise.gain_dn_per_e - 0.05) / one.gain_error_dn_per_e for one in estimates]
    assert 0.3 < np.sqrt(np.mean(np.square(pulls))) < 2.5


def test_dark_frames_tell_offset_and_read_noise_apart() -> None:
    rng = np.random.default_rng(3)
    dark = np.clip(np.rint(100 + 0.6 * rng.normal(0, 6, (16, 256, 320))), 0, 4095).astype(np.uint16)
    stack = _stack(gain=0.6, offset=100.0, read_e=6.0, full=4095, motion_px=0.3)
    found = CameraNoise.from_stack(stack, dark, saturation_dn=4095)
    assert found.gain_dn_per_e == pytest.approx(0.6, rel=0.03)
    assert found.offset_dn == pytest.approx(100, abs=0.1)
    assert found.read_noise_e == pytest.approx(6, rel=0.05)
    assert found.saturation_dn == 4095
    # With dark frames one grey level is enough.
    flat = np.rint((rng.poisson(2000, (16, 64, 80)) + rng.normal(0, 6, (16, 64, 80))) * 0.6 + 100).astype(
        np.uint16
    )
    assert CameraNoise.from_stack(flat, dark[:, :64, :80]).gain_dn_per_e == pytest.approx(0.6, rel=0.03)


def test_weak_read_noise_is_told_from_rounding() -> None:
    stack = _stack(32, gain=0.6, offset=100.0, read_e=1.0, full=4095)
    found = estimate_noise(stack, _dark(100.0, 0.6, 4095)).noise
    assert found.read_noise_e == pytest.approx(1.0, rel=0.05)


def test_pixels_that_flash_do_not_count() -> None:
    """A few pixels that jump by seven standard deviations: 12 % of the variance if they counted."""
    stack = _stack(32, gain=0.4, offset=100.0, full=4095)
    rng = np.random.default_rng(9)
    jumps = 7 * np.sqrt(0.4 * (stack - 100.0)) * (rng.random(stack.shape) < 0.0025)
    estimate = estimate_noise(np.rint(stack + jumps).astype(np.uint16), saturation_dn=4095)
    assert _variance(estimate.noise, 1900.0) == pytest.approx(0.4 * 1800, rel=0.03)


def test_saturated_pixels_do_not_count() -> None:
    stack = _stack(gain=0.3, offset=0.0, light=0.9)
    assert (stack == 255).mean() > 0.01
    found = estimate_noise(stack).noise
    assert _variance(found, 200.0) == pytest.approx(0.3 * 200, rel=0.05)


def test_pixels_that_pile_up_below_the_largest_value_are_refused() -> None:
    """A camera of 12 bits in uint16 that clips, and nobody said where."""
    stack = _stack(gain=0.6, offset=100.0, full=4095, light=0.87)
    with pytest.raises(ValueError, match=r"exactly 4095.* give saturation_dn = 4095"):
        estimate_noise(stack)
    found = estimate_noise(stack, saturation_dn=4095)
    assert found.noise.gain_dn_per_e == pytest.approx(0.6, rel=0.1)
    # A hot pixel and a frame counter beside it hide nothing.
    odd = stack.copy()
    odd[:, 7, 9] = 4130
    odd[:, 0, 0] = 5000 + np.arange(len(odd))
    with pytest.raises(ValueError, match="give saturation_dn = 4095"):
        estimate_noise(odd)
    # Where nothing clips, the highest value is one of few; a hot pixel is no ceiling.
    hot = _stack(gain=0.6, offset=100.0, full=4095)
    hot[:, 7, 9] = 3900
    estimate_noise(hot)


def test_sigma_with_measured_noise_is_the_scatter() -> None:
    noise = CameraNoise.from_stack(_stack(gain=0.1275, offset=0.0))
    rng = np.random.default_rng(4)
    truth = np.column_stack([31.5 + rng.uniform(-1, 1, (200, 2)), rng.uniform(-2000, 2000, 200)])
    images = simulator.bead_images(truth, 64, rng, electrons=2000.0)
    tracks = Tracker(64, noise=noise, method="qi").track(images, [[0, 0]])
    pulls = (tracks.x_px[:, 0] - truth[:, 0]) / tracks.sigma_x_px[:, 0]
    assert 0.8 < np.sqrt(np.mean(pulls**2)) < 1.4


def test_refused_with_the_reason() -> None:
    rng = np.random.default_rng(5)
    flat: Stack = rng.poisson(100, (16, 128, 128)).astype(np.uint8)
    read_only: Stack = (
        np.rint(_stack(gain=0.05)[:1] + rng.normal(0, 3, (16, 256, 320))).clip(0, 255).astype(np.uint8)
    )
    full: Stack = np.full((16, 64, 64), 255, np.uint8)
    same: Stack = np.asarray(np.tile(_stack(1), (16, 1, 1)), np.uint8)
    stacks: tuple[tuple[Stack, str], ...] = (
        (_stack(4), "too little"),
        (same, "lost in rounding"),
        (full, "neither black nor saturated"),
        (flat, "which is noise"),
        (read_only, "not rise|too uncertain"),
    )
    for stack, said in stacks:
        with pytest.raises(ValueError, match=said):
            estimate_noise(stack)
    with pytest.raises(ValueError, match="same settings"):
        estimate_noise(_stack(), np.zeros((16, 64, 64), np.uint8))
    with pytest.raises(ValueError, match="as bright"):
        estimate_noise(_stack(), _stack(seed=1))
    with pytest.raises(ValueError, match="uint8 or uint16"):
        estimate_noise(np.zeros((16, 64, 64)))  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ValueError, match="saturation_dn must be a whole number from 1 on, not 'x'"):
        estimate_noise(flat, saturation_dn="x")  # type: ignore[arg-type]  # the point of the test


@pytest.mark.slow
def test_still_scene_gives_the_gain_without_bias() -> None:
    """Levels and variances of the same pixels are compared, so that narrow rings do not bend the slope."""
    estimates = [estimate_noise(_stack(32, seed=seed)) for seed in range(6)]
    ratios = np.array([one.noise.gain_dn_per_e for one in estimates]) / 0.05
    errors = np.array([one.gain_error_dn_per_e for one in estimates]) / 0.05
    assert abs(ratios.mean() - 1) < 3 * np.sqrt((errors**2).sum()) / 6
    assert abs(ratios.mean() - 1) < 0.03


def test_rounding_is_no_read_noise() -> None:
    stack = _stack(32, gain=0.006, offset=0.0, read_e=40.0)
    noise = estimate_noise(stack).noise
    truth = 0.006 * 114.75 + (0.006 * 40) ** 2
    assert _variance(noise, 114.75) == pytest.approx(truth, rel=0.03)


def _dark(offset: float, sigma_dn: float, full: int = 255) -> Stack:
    rng = np.random.default_rng(8)
    levels = np.clip(np.rint(offset + rng.normal(0, sigma_dn, (16, 256, 320))), 0, full)
    return levels.astype(np.uint8) if full < 256 else levels.astype(np.uint16)


def test_dark_frames_that_are_one_grey_level() -> None:
    """Their variance is 0, but the lit frames are rounded."""
    estimate = estimate_noise(
        _stack(32, gain=0.0255, offset=5.0, read_e=3.0, motion_px=0.2), _dark(5.0, 0.08)
    )
    assert estimate.noise.gain_dn_per_e == pytest.approx(0.0255, rel=0.015)
    assert 0.01 < estimate.gain_error_dn_per_e / 0.0255 < 0.05


def test_error_with_dark_frames_is_honest() -> None:
    pulls = []
    for seed in range(4):
        stack = _stack(16, gain=0.6, offset=100.0, read_e=6.0, full=4095, seed=seed)
        estimate = estimate_noise(stack, _dark(100.0, 3.6, 4095))
        pulls.append((estimate.noise.gain_dn_per_e - 0.6) / estimate.gain_error_dn_per_e)
    assert 0.2 < np.sqrt(np.mean(np.square(pulls))) < 3.0


def test_dark_frames_that_are_cut_off_or_not_dark() -> None:
    stack = _stack(gain=0.0255, offset=0.0, read_e=20.0)
    with pytest.raises(ValueError, match="dark frames' pixels are 0"):
        estimate_noise(stack, _dark(0.0, 0.51))
    with pytest.raises(ValueError, match="as bright"):
        estimate_noise(stack, _dark(98.0, 2.0))


@pytest.mark.parametrize("how", ["3x3", "Gauss 0.5", "Gauss 0.8", "rows", "twice as large"])
def test_smoothed_frames_are_refused(how: str) -> None:
    raw = _stack(8, gain=0.4, offset=100.0, full=4095, motion_px=0.1).astype(np.float64)
    if how == "twice as large":
        smoothed = raw[:, ::2, ::2].repeat(2, axis=1).repeat(2, axis=2)
    elif how == "rows":
        smoothed = ndimage.uniform_filter(raw, (0, 0, 2))
    elif how == "3x3":
        smoothed = ndimage.uniform_filter(raw, (0, 3, 3))
    else:
        smoothed = ndimage.gaussian_filter(raw, (0, float(how[5:]), float(how[5:])))
    with pytest.raises(ValueError, match="neighbouring pixels share their noise"):
        estimate_noise(np.rint(smoothed).astype(np.uint16))


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_running_means_are_refused(share: float) -> None:
    """Of two frames, and what a camera's recursive filter gives."""
    raw = _stack(24, gain=0.4, offset=100.0, full=4095, motion_px=0.1).astype(np.float64)
    if share == 0.5:
        mean = (raw[1:] + raw[:-1]) / 2
    else:
        mean = raw.copy()
        for i in range(1, len(raw)):
            mean[i] = share * raw[i] + (1 - share) * mean[i - 1]
    with pytest.raises(ValueError, match="successive frames share their noise"):
        estimate_noise(np.rint(mean).astype(np.uint16))
