"""What a sweep tells about a bead, the model made of it, its quality, and whether it fits the optics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from magscope_app.tracking import ZLUT, Tracker, TrackFlag, ZLUTSet
from magscope_app.tracking.lut_model import LutModel
from magscope_app.tracking.lut_splines import noise_beside, smooth_along_z, steady_light
from tests.benchmarks import bead_images

ROI = 48
FloatArray = npt.NDArray[np.float64]

#: Without a cache, on a busy computer, the first test compiles for minutes.
pytestmark = pytest.mark.timeout(500)
Z_NM = np.arange(-3600.0, -2399.0, 50.0)


def _sweep(n_per_plane: int = 8, electrons: float = 1e4, z_nm: FloatArray = Z_NM, bits: int = 8) -> ZLUT:
    images = bead_images.sweep(z_nm, n_per_plane, ROI, electrons, np.random.default_rng(1), bits)
    return ZLUT.from_sweep(images, z_nm, nm_per_px=100.0, focal_shift_factor=0.88)


@pytest.fixture(scope="module")
def zlut() -> ZLUT:
    return _sweep()


def _expected(x_px: float, y_px: float, z_nm: float) -> FloatArray:
    middle, nm = (ROI - 1) / 2, bead_images.NM_PER_PX
    light = bead_images.clean((x_px - middle) * nm, (y_px - middle) * nm, z_nm, ROI)
    return np.asarray(bead_images.expected(light)[0])


def test_model_is_the_mean_image(zlut: ZLUT) -> None:
    model = LutModel.of(zlut, ROI)
    for x, y, z in ((23.1, 24.2, -3312.0), (24.0, 23.0, -2777.0), (23.5, 23.5, -2500.0)):
        rest = model.image(x, y, z, ROI) - _expected(x, y, z)
        # One image has a noise of 1.4 grey levels.
        assert np.sqrt(np.nanmean(rest**2)) < 0.15
        assert np.isfinite(rest).mean() > 0.9
    far = model.image(10.0, 24.0, -3000.0, ROI)
    assert np.isnan(far[:, 36:]).all()
    assert np.isfinite(far[6:42, :30]).all()


def test_model_has_its_own_derivatives(zlut: ZLUT) -> None:
    for model in (LutModel.of(zlut, ROI), LutModel.of(ZLUT(zlut.z_nm, zlut.profiles), ROI)):
        radii = np.linspace(0.5, 20, 77)
        value, slope, along_z = model.profile(-3011.0, radii)
        assert value.std() > 5
        assert (model.profile(-3011.0, radii + 1e-4)[0] - value) / 1e-4 == pytest.approx(slope, abs=2e-3)
        assert (model.profile(-3010.99, radii)[0] - value) / 0.01 == pytest.approx(along_z, abs=1e-4)
        assert model.profile(-3000.0, [0.0])[1] == pytest.approx(0, abs=1e-2)


def _lobes(dx: FloatArray, dy: FloatArray) -> FloatArray:
    """Four lobes (ny, nx) of either sign around a bead, as astigmatism makes them."""
    x, y = dx[None, :], dy[:, None]
    return np.asarray(0.1 * x * y / 30 * np.exp(-(x**2 + y**2) / 60))


def test_what_is_not_round_becomes_the_template() -> None:
    rng = np.random.default_rng(2)
    x, y, z = rng.uniform(-60, 60, 8 * len(Z_NM)), rng.uniform(-60, 60, 8 * len(Z_NM)), np.repeat(Z_NM, 8)
    from_middle: FloatArray = np.arange(ROI, dtype=np.float64) - (ROI - 1) / 2
    shifts: FloatArray = np.column_stack([x, y]) / bead_images.NM_PER_PX
    lobes = np.stack([_lobes(from_middle - shift[0], from_middle - shift[1]) for shift in shifts])
    images = bead_images.expose(0.2 + bead_images.clean(x, y, z, ROI) + lobes, 1e4, rng)
    model = LutModel.of(ZLUT.from_sweep(images.reshape(-1, 8, ROI, ROI), Z_NM), ROI)
    assert model.has_template
    at: FloatArray = np.arange(16, 32, dtype=np.float64)
    truth = _lobes(at - 23.7, at - 23.2)
    rest = model.rest(23.7, 23.2, -3011.0, ROI)[16:32, 16:32]
    assert np.corrcoef(rest.ravel(), truth.ravel())[0, 1] > 0.95
    # 0.4 of the full scale is a background of 1.
    error = float(np.mean((rest - 0.4 * 255 * truth) ** 2))
    assert 0.1 < error / model.variance_dn2 < 3
    assert not LutModel.of(_sweep(), ROI).has_template


def test_sweep_finds_its_centres(zlut: ZLUT) -> None:
    assert zlut.shape is not None
    rng = np.random.default_rng(1)
    truth = (ROI - 1) / 2 + rng.uniform(-50, 50, (2, 8 * len(Z_NM))) / 100
    assert np.sqrt(np.mean((zlut.shape.centres_px.reshape(-1, 2) - truth.T) ** 2)) < 0.008
    assert zlut.counts.tolist() == [8] * len(Z_NM)
    assert zlut.shape.reach_px == pytest.approx([-23.5, 23.5, -23.5, 23.5], abs=0.6)


def test_one_frame_per_plane_is_smoothed() -> None:
    single = LutModel.of(_sweep(1), ROI)
    error = [single.profile(z, np.arange(20.0))[0] for z in (-3312.0, -2777.0)]
    truth = [bead_images.profiles([z])[0][: 20 * 32 : 32] * 0.4 * 255 for z in (-3312.0, -2777.0)]
    assert np.abs(np.array(error)[:, 2:] - np.array(truth)[:, 2:]).max() < 1.5


def test_uneven_planes() -> None:
    z_nm = np.cumsum(np.random.default_rng(3).choice([30.0, 60.0], 30)) - 3800
    model = LutModel.of(_sweep(4, np.inf, z_nm, 16), ROI)
    rest = model.image(23.1, 24.2, -3050.0, ROI) - _expected(23.1, 24.2, -3050.0) * 65535 / 255
    assert np.sqrt(np.nanmean(rest**2)) < 1e-4 * 65535
    assert (model.z_low_nm, model.z_high_nm) == pytest.approx((z_nm[0], z_nm[-1]))


def test_npz_keeps_the_shape_and_old_files_load(zlut: ZLUT, tmp_path: Path) -> None:
    plain = ZLUT(zlut.z_nm, zlut.profiles)
    ZLUTSet({1: zlut, 2: plain}).save(tmp_path / "set.npz")
    zlut.save(tmp_path / "one.npz")
    read = ZLUTSet.load(tmp_path / "set.npz")
    assert read[2].shape is None
    for shape in (read[1].shape, ZLUT.load(tmp_path / "one.npz").shape):
        assert shape is not None
        assert zlut.shape is not None
        for name in ("radial", "template", "reach_px", "centres_px", "noise_dn2"):
            assert np.array_equal(getattr(shape, name), getattr(zlut.shape, name), equal_nan=True)
        assert shape.ceiling_dn == 255
    with np.load(tmp_path / "one.npz") as archive:
        arrays = dict(archive)
    reach = arrays["shape_reach_px"]
    for broken in (
        {"shape_template": arrays["shape_template"][1:]},
        {"shape_radial": arrays["z_nm"]},
        {"shape_template": np.array(1.0)},
        {"shape_radial": np.array(1.0)},
        {"shape_radial": np.full_like(arrays["shape_radial"], 1e30)},
        {"shape_reach_px": reach[::-1]},
        {"shape_centres_px": np.full_like(arrays["shape_centres_px"], np.inf)},
        {"shape_noise_dn2": np.full_like(arrays["shape_noise_dn2"], -1.0)},
        {"shape_ceiling_dn": np.array(np.inf)},
    ):
        with (tmp_path / "broken.npz").open("wb") as stream:
            np.savez(stream, **{**arrays, **broken})
        with pytest.raises(ValueError, match=r"broken\.npz"):
            ZLUT.load(tmp_path / "broken.npz")


def test_a_shape_without_a_template(zlut: ZLUT) -> None:
    """As in the demo's Z-LUT; warnings are errors here."""
    assert zlut.shape is not None
    round_only = replace(zlut.shape, template=np.zeros((len(Z_NM), 1, 1), np.float32))
    model = LutModel.of(replace(zlut, shape=round_only), ROI)
    assert not model.has_template
    assert model.variance_dn2 < 1e-3


def test_rounding_counts_where_noise_does_not_dither() -> None:
    """The scatter of a noisy sweep contains it; a sweep without noise is rounded alike in every image."""
    middle = np.zeros(4 * len(Z_NM))
    light = bead_images.clean(middle, middle, np.repeat(Z_NM, 4), ROI)
    noisy = bead_images.expose(light, 5000.0, np.random.default_rng(3))
    bare = np.rint(light * 0.45 * 255).clip(0, 255).astype(np.uint8)
    variances = []
    for images in (noisy, bare):
        zlut = ZLUT.from_sweep(images.reshape(len(Z_NM), 4, ROI, ROI), Z_NM)
        variances.append(LutModel.of(zlut, ROI).variance_dn2)
    assert variances[0] < 1 / 12  # the noise of four images, and no rounding beside it
    assert variances[1] > 0.9 / 12
    # One image per plane shows no scatter, but planes differ by it.
    single = bead_images.expose(light[::4], 1e5, np.random.default_rng(3))
    zlut = ZLUT.from_sweep(single.reshape(len(Z_NM), 1, ROI, ROI), Z_NM)
    assert LutModel.of(zlut, ROI).variance_dn2 < 0.5 / 12


def test_quality_is_the_bound(zlut: ZLUT) -> None:
    quality = zlut.quality(bead_images.camera_noise(1e4))
    truth = np.column_stack([np.zeros((len(Z_NM), 2)), Z_NM])
    bounds = bead_images.bounds(truth, ROI, 1e4)
    middle = slice(2, -2)
    # The fit's background plane, which the bound does not know, costs some of x in so small a ROI.
    ratio = quality.sigma_x_px[middle] * 100 / bounds[middle, 0]
    assert ((ratio > 0.99) & (ratio < 1.2)).all()
    assert quality.sigma_z_nm[middle] == pytest.approx(bounds[middle, 2], rel=0.1)
    assert quality.information == pytest.approx(quality.sigma_z_nm**-2.0)
    assert quality.usable_nm == (Z_NM[0], Z_NM[-1])
    blind = np.tile(zlut.profiles[:1], (len(Z_NM), 1))
    blind[:12] = zlut.profiles[:12]
    low, high = ZLUT(Z_NM, blind).quality(bead_images.camera_noise(1e4)).usable_nm
    assert (low, high) != (Z_NM[0], Z_NM[-1])
    # In so little light z is known to about 450 nm, more than a quarter of the 1200 nm.
    with pytest.raises(ValueError, match="does not change with z"):
        zlut.quality(bead_images.camera_noise(0.1))


@pytest.mark.parametrize("noise_dn", [0.0, 1e-9, 0.1, 0.5])
def test_without_information_about_z_there_is_no_quality(noise_dn: float) -> None:
    same = 100 + 10 * np.cos(np.arange(32)) + np.random.default_rng(9).normal(0, noise_dn, (81, 32))
    with pytest.raises(ValueError, match="does not change with z"):
        ZLUT(np.linspace(-2000.0, 2000.0, 81), same).quality(bead_images.camera_noise(5e3))


@pytest.mark.parametrize(("share", "tells"), [(0.3, False), (1.0, True)])
def test_profiles_must_vary_by_more_than_their_noise(share: float, tells: bool) -> None:
    """0.3 makes the smooth profiles vary by 1.8 times what noise does, 1 by about ten times."""
    z_nm, radii = np.linspace(-2000.0, 2000.0, 81), np.arange(32)
    profiles = 100 + 10 * np.cos(radii) + np.random.default_rng(9).normal(0, 0.5, (81, 32))
    zlut = ZLUT(z_nm, profiles + share * np.outer(np.sin(z_nm / 400), np.cos(0.7 * radii)))
    if tells:
        assert zlut.quality(bead_images.camera_noise(5e3)).sigma_z_nm.min() > 0
    else:
        with pytest.raises(ValueError, match="does not change with z"):
            zlut.quality(bead_images.camera_noise(5e3))


def test_light_that_jumps_is_no_error_of_the_rings() -> None:
    """Smoothing is as strong as without the jumps."""
    z_nm, radii = np.linspace(0.0, 2000.0, 41), np.arange(40.0)
    rng = np.random.default_rng(3)
    rings = 100 + 20 * np.cos(np.sqrt(radii**2 + (z_nm[:, None] / 60) ** 2)) * np.exp(-radii / 15)
    rings += rng.normal(0, 0.5, rings.shape)
    jumping = rings * rng.normal(1, 0.05, (41, 1)) + rng.normal(0, 2, (41, 1))
    level, counts = np.sqrt(radii + 0.5), np.ones(41)
    calm, left = smooth_along_z(z_nm, counts, rings * level, level)
    rough, left_too = smooth_along_z(z_nm, counts, jumping * level, level)
    assert 0.1 < left < 0.9
    assert left_too == pytest.approx(left, rel=0.25)
    assert noise_beside(calm, rings * level, level) == pytest.approx(
        noise_beside(rough, jumping * level, level), rel=0.25
    )


def test_steady_light_takes_jumps_and_keeps_what_is_slow() -> None:
    z_nm = np.linspace(0.0, 2000.0, 41)
    slow = 1 + 0.2 * np.sin(z_nm / 700)
    profiles = 100 * np.outer(slow, 1 + 0.1 * np.cos(np.arange(30)))
    assert steady_light(z_nm, profiles) == pytest.approx(np.ones(41), abs=1e-3)
    jumps = 1 + 0.05 * (-1.0) ** np.arange(41)
    evened = profiles * jumps[:, None]
    evened *= steady_light(z_nm, evened)[:, None]
    assert evened[3:-3] == pytest.approx(profiles[3:-3], rel=0.01)
    assert (steady_light(z_nm, -profiles) == 1).all()


def test_another_optics_is_told(zlut: ZLUT) -> None:
    assert zlut.why_not(roi_px=64, nm_per_px=100.0, focal_shift_factor=0.88) == []
    assert ZLUT(zlut.z_nm, zlut.profiles).why_not(roi_px=200, nm_per_px=7.0, focal_shift_factor=1.0) == []
    reasons = zlut.why_not(roi_px=100, nm_per_px=90.0, focal_shift_factor=0.9)
    assert len(reasons) == 3
    for reason, said in zip(reasons, ("48 px", "nm per px", "focal_shift_factor"), strict=True):
        assert said in reason
    assert "focal_shift_factor" in zlut.why_not(focal_shift_factor=0.0)[0]


@pytest.mark.parametrize("width", [0.92, 0.95, 1.0, 1.03, 1.05, 1.08])
def test_another_magnification_is_seen_in_the_rings(zlut: ZLUT, width: float) -> None:
    radii = np.arange(22.0)
    light = bead_images.profiles([-3000.0])[0]
    profile = np.interp(radii / width * 32, np.arange(len(light)), light) * 100
    profile += np.random.default_rng(4).normal(0, 0.2, len(radii))
    profile[20] = np.nan
    match = zlut.match(profile)
    assert match.width == pytest.approx(width, abs=0.025)
    assert any("times as wide" in reason for reason in match.reasons) == (width != 1)
    if width == 1:
        assert match.z_nm == pytest.approx(-3000, abs=26)
        assert match.reasons == ()


def test_rings_that_fit_only_a_little_better_are_the_same(zlut: ZLUT) -> None:
    """Noise leaves half of what 3 % of width would explain: another z may do the same."""
    light = bead_images.profiles([-3000.0])[0]
    profile = np.interp(np.arange(22.0) / 1.03 * 32, np.arange(len(light)), light) * 100
    match = zlut.match(profile + np.random.default_rng(0).normal(0, 1.0, 22))
    assert match.width > 1.02
    assert match.reasons == ()


def test_defocus_and_rubbish_are_told(zlut: ZLUT) -> None:
    far = bead_images.profiles([-2250.0])[0][: 22 * 32 : 32]
    assert "end of the Z-LUT" in zlut.match(far).reasons[0]
    for beyond_nm in (200.0, 500.0, 900.0):
        for z_nm in (Z_NM[0] - beyond_nm, Z_NM[-1] + beyond_nm):
            profile = bead_images.profiles([z_nm])[0][: 22 * 32 : 32]
            assert zlut.match(profile).reasons[0].startswith("the bead lies")
    for short in (np.ones(1), np.ones(0), np.full(22, np.nan)):
        assert "radii" in zlut.match(short).reasons[0]
    assert "resembles no plane" in zlut.match(np.random.default_rng(5).normal(size=22)).reasons[0]


@pytest.mark.parametrize("method", ["full", pytest.param("fast", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["10x", pytest.param("long", marks=pytest.mark.slow)])
def test_real_tables_give_rising_z_on_planes_they_have_not_seen(
    test_data: Path, name: str, method: str
) -> None:
    """Each plane that is looked at is left out of its table, and drawn as a camera would see it."""
    step_nm = 100.0
    for zlut in list(ZLUTSet.load(test_data / "qtrk" / f"{name}.radialzlut", plane_nm=step_nm).values())[2:4]:
        # Away from both ends of the range: what is clipped would count as saturated, or be wrong.
        levels = np.interp(zlut.profiles, (zlut.profiles.min(), zlut.profiles.max()), (9000.0, 50000.0))
        table = ZLUT(zlut.z_nm, levels)
        size = min(2 * zlut.n_radii, 80)
        middle = 0.5 * (size - 1)
        model = LutModel.of(table, size)
        found = []
        planes = range(8, zlut.n_planes - 8, zlut.n_planes // 5)
        for plane in planes:
            kept = np.arange(zlut.n_planes) != plane
            image = np.nan_to_num(model.image(middle, middle, zlut.z_nm[plane], size), nan=levels.mean())
            frame = np.rint(image).astype(np.uint16)[None]
            with Tracker(size, ZLUT(table.z_nm[kept], table.profiles[kept]), method=method) as tracker:
                found.append(float(tracker.track(frame, [[0, 0]]).z_nm[0, 0]))
        assert np.isfinite(found).all()
        assert (np.diff(found) > 0).all()
        assert np.abs(found - zlut.z_nm[list(planes)]).max() < step_nm


def test_real_tables_find_their_own_planes(test_data: Path) -> None:
    zluts = ZLUTSet.load(test_data / "qtrk" / "long.radialzlut", plane_nm=50)
    for zlut in list(zluts.values())[:2]:
        size = 2 * zlut.n_radii
        levels = zlut.profiles * 60 / zlut.profiles.std()
        scaled = ZLUT(zlut.z_nm[::2], levels[::2] - levels.mean() + 120)
        model = LutModel.of(ZLUT(zlut.z_nm, levels - levels.mean() + 120), size)
        middle = (size - 1) / 2
        planes = zlut.z_nm[9:-9:7]
        images = np.stack([np.nan_to_num(model.image(middle, middle, z, size), nan=120.0) for z in planes])
        frames = np.clip(np.rint(images), 0, 255).astype(np.uint8)
        tracks = Tracker(size, scaled, method="full").track(frames, [[0, 0]])
        z = tracks.z_nm[:, 0]
        known = np.isfinite(z)
        assert known.mean() > 0.8
        assert (np.diff(z[known]) > 0).all()
        assert (tracks.flags[~known, 0] & int(TrackFlag.POOR_MATCH | TrackFlag.OUT_OF_LUT)).all()
