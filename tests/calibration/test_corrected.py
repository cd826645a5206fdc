"""Z-LUTs of an uneven image: a sweep is corrected by dark frame and flat field as tracking is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from hardware.simulated.make_zlut import sweep_images
from magscope_app.calibration.build import BuildSettings, build_zluts
from magscope_app.calibration.mosaic_correction import MosaicCorrection
from magscope_app.calibration.raw import RawSweep
from magscope_app.clock import WallAnchor
from magscope_app.errors import MagscopeError
from magscope_app.messages import CorrectionFile
from magscope_app.processes.camera_noise import correction_marks, field_correction
from magscope_app.storage import open_dataset
from magscope_app.tracking import CameraNoise, Tracker

FACTOR, SURFACE_NM = 0.88, 40.0
#: A focus that does not stand where heights begin, and its way.
START_NM = 1000.0
FOCUS_NM = START_NM + np.arange(-600.0, 601.0, 50.0)
NOISE = CameraNoise(0.012, 8.0, 10.0, 255)
#: The ROI in a frame of another shape, and the one of another bead that overlaps it.
CORNER, OTHER, ROI_PX = (70, 20), (60, 30), 64
SHAPE = (110, 170)


@pytest.fixture(scope="module")
def light() -> npt.NDArray[np.float64]:
    """Light that falls off to a side, with a grain of dust."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.asarray((0.9 + 0.2 * x / SHAPE[1]) * (1 - 0.2 * (np.hypot(x - 110, y - 45) < 6)))


@pytest.fixture(scope="module")
def files(light: npt.NDArray[np.float64], tmp_path_factory: pytest.TempPathFactory) -> list[CorrectionFile]:
    folder = tmp_path_factory.mktemp("fields")
    np.save(folder / "dark.npy", np.full(SHAPE, 8.0))
    np.save(folder / "flat.npy", 96 * light + 8)
    paths = {"dark_frame": folder / "dark.npy", "flat_field": folder / "flat.npy"}
    return [CorrectionFile(kind, str(path), path.read_bytes()) for kind, path in paths.items()]


def seen(images: npt.NDArray[np.uint8], light: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Return whole frames of an uneven image of a bead, (n, height, width)."""
    (x0, y0), frames = CORNER, np.full((len(images), *SHAPE), 104.0)
    frames[:, y0 : y0 + ROI_PX, x0 : x0 + ROI_PX] = images
    return np.clip(np.round((frames - 8) * light + 8), 0, 255).astype(np.uint8)


def sweep(root: Path, files: list[CorrectionFile], light: npt.NDArray[np.float64], **other: Any) -> Path:
    """Store a sweep over one bead; focus up means bead down."""
    raw = RawSweep(root, b"", {}, WallAnchor(0, 10**18, 0), files)
    images = sweep_images(-FACTOR * (FOCUS_NM - START_NM), seed=3)[:, :6, 4:68, 4:68]
    (x0, y0), steps = CORNER, list[dict[str, Any]]()
    for step, (focus_nm, plane) in enumerate(zip(FOCUS_NM, images, strict=True)):
        ids = range(6 * step, 6 * step + 6)
        for frame_id, frame in zip(ids, seen(plane, light), strict=True):
            roi = frame[y0 : y0 + ROI_PX, x0 : x0 + ROI_PX].copy()
            raw.handler.put({"time": frame_id, "step": step}, roi, {"rois_px": [list(CORNER)]})
        steps.append({"step": step, "focus_nm": focus_nm, "frames": list(ids)})
    about: dict[str, Any] = {
        "roi_px": ROI_PX,
        "nm_per_px": 100.0,
        "magnification": 50.0,
        "focal_shift_factor": FACTOR,
        "surface_nm": SURFACE_NM,
        "camera": "some.where:Camera",
        "bits": 8,
        "ceiling_dn": 255,
        "noise": {"gain_dn_per_e": 0.012, "offset_dn": 8.0, "read_noise_e": 10.0},
        "corrections": correction_marks(files),
        "plan": {"frames": 6},
        "beads": [{"id": 7, "role": "reference", "x_px": 101.5, "y_px": 51.5}],
        "removed": {},
        "focus_start_nm": START_NM,
        "force_pn": None,
        "steps": steps,
    }
    raw.finish(about | other, 6 * len(steps))
    return raw.keep()


def test_z_is_right_in_an_uneven_image(
    light: npt.NDArray[np.float64], files: list[CorrectionFile], tmp_path: Path
) -> None:
    """The sweep and the frames of later, corrected by the same function, show the same bead."""
    path = sweep(tmp_path, files, light)
    result = build_zluts(path)
    assert result.reports[0].verdict == "good"
    zlut = result.zluts[7]
    assert {kind: zlut.metadata[kind] for kind in correction_marks(files)} == correction_marks(files)
    # Up from where heights begin, not from where the focus happened to stand.
    np.testing.assert_allclose(zlut.z_nm, np.sort(SURFACE_NM - FACTOR * FOCUS_NM))
    truth = np.repeat(np.arange(-450.0, 451.0, 90.0), 6)
    fresh = sweep_images(truth[::6], seed=4)[:, :6, 4:68, 4:68].reshape(-1, ROI_PX, ROI_PX)
    field = field_correction(files)
    assert field is not None
    with Tracker(ROI_PX, zlut, field.noise(NOISE), method="full") as tracker:
        tracks = field.track(tracker, seen(fresh, light), [CORNER], saturation_dn=255)
    off = tracks.z_nm[:, 0] - (truth + SURFACE_NM - FACTOR * START_NM)
    assert np.sqrt(np.mean(off**2)) < 5
    assert np.isfinite(tracks.sigma_z_nm).all()
    # What the dataset was corrected with goes with it: another image is not taken for it.
    assert sorted(open_dataset(path).corrections) == ["dark_frame", "flat_field"]
    assert build_zluts(path, BuildSettings(roi_px=48)).zluts[7].roi_px == 48
    (path / "corrections" / "flat_field.npy").write_bytes(files[0].content)
    with pytest.raises(MagscopeError, match="no copy of the dark_frame and the flat_field that its sweep"):
        build_zluts(path)


def test_a_sweep_of_before_is_taken_as_it_is(light: npt.NDArray[np.float64], tmp_path: Path) -> None:
    """No images are known, and no surface: z begins where the focus stood, and nothing is said of images."""
    path = sweep(tmp_path, [], light)
    described = path / "dataset.json"
    about = json.loads(described.read_text(encoding="utf-8"))
    for name in ("corrections", "surface_nm"):
        del about["sweep"][name]
    described.write_text(json.dumps(about), encoding="utf-8")
    zlut = build_zluts(path, BuildSettings(frames=1, every=2)).zluts[7]
    assert "flat_field" not in zlut.metadata
    np.testing.assert_allclose(zlut.z_nm, np.sort(-FACTOR * (FOCUS_NM - START_NM))[::2], atol=1e-9)
    for damage in ({"corrections": 3}, {"corrections": {"flat_field": "0"}}):
        described.write_text(json.dumps(about | {"sweep": about["sweep"] | damage}), encoding="utf-8")
        with pytest.raises(MagscopeError, match=r"damaged|no copy of the flat_field"):
            build_zluts(path)


@pytest.mark.parametrize("pixel", [np.uint8, np.uint16])
def test_rois_are_corrected_as_in_their_frame(files: list[CorrectionFile], pixel: type[np.uint8]) -> None:
    field = field_correction(files)
    assert field is not None
    frame = np.random.default_rng(1).integers(0, 255, SHAPE, np.uint8).astype(pixel)
    corners = np.array([CORNER, OTHER])
    rois = np.stack([frame[y0 : y0 + ROI_PX, x0 : x0 + ROI_PX] for x0, y0 in corners])
    correct = MosaicCorrection(field, 250)
    for size in (ROI_PX, 40):
        inner = corners + (ROI_PX - size) // 2
        expected = field.tiles(frame[np.newaxis], inner, size, 0, 250, 250)
        found = correct(rois, corners.tolist(), size)
        assert found.dtype == pixel
        np.testing.assert_array_equal(found, expected.reshape(-1, size, size))
    with pytest.raises(MagscopeError, match="the ROIs of the sweep are not all inside"):
        correct(rois, [list(CORNER), [SHAPE[1] - 60, 0]])
