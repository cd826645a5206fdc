"""What is known of a Z-LUT is compared, and what is not known is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from magscope_app.cli import main
from magscope_app.config import Config, load_config
from magscope_app.messages import CorrectionFile
from magscope_app.processes.calibration_doubts import calibration_doubts
from magscope_app.processes.calibration_file import ZRanges, load_calibration, why_not_calibration
from magscope_app.processes.camera_noise import correction_marks
from magscope_app.processes.lut_places import LutPlaces
from magscope_app.tracking import ZLUT, ZLUTSet
from magscope_app.tracking.zlut_facts import MetadataValue

CAMERA = "hardware.simulated.microscope:SimulatedCamera"
FLAT = CorrectionFile("flat_field", "flat.npy", b"one")


@pytest.fixture
def zlut() -> ZLUT:
    z_nm = np.arange(-400.0, 401.0, 50.0)
    profiles = 100 + 20 * np.cos(np.arange(32.0) / 2 + z_nm[:, None] / 80)
    metadata: dict[str, MetadataValue] = {
        "camera": CAMERA,
        "magnification": 50.0,
        "focus_start_nm": 0.0,
        "surface_nm": 0.0,
    }
    return ZLUT.from_profiles(
        profiles, z_nm, roi_px=64, nm_per_px=100.0, focal_shift_factor=0.88, metadata=metadata
    )


def noted(zlut: ZLUT, **metadata: str | float | None) -> ZLUT:
    return replace(zlut, metadata={**zlut.metadata, **metadata})


def demo(*overrides: str) -> Config:
    return load_config("demo.toml", overrides).config


def why_not(zlut: ZLUT, folder: Path, config: Config) -> str:
    ZLUTSet({3: zlut}).save(folder / "z.npz")
    return why_not_calibration(folder / "z.npz", config) or ""


def test_another_magnification_or_correction_is_refused(zlut: ZLUT, tmp_path: Path) -> None:
    config, flat = demo(), demo("camera.noise.flat_field=flat.npy")
    assert why_not(zlut, tmp_path, config) == ""
    same_pixel = demo("optics.magnification=100", "optics.pixel_pitch_um=10")
    assert same_pixel.optics.nm_per_px == config.optics.nm_per_px
    said = why_not(zlut, tmp_path, same_pixel)
    assert "made at a magnification of 50, but optics.magnification is 100" in said
    raw = noted(zlut, dark_frame=None, flat_field=None)
    even = noted(raw, flat_field="0123")
    assert why_not(raw, tmp_path, config) == ""
    assert why_not(even, tmp_path, flat) == ""
    assert "made with no flat field, but camera.noise names one" in why_not(raw, tmp_path, flat)
    assert "made with a flat field, but camera.noise names none" in why_not(even, tmp_path, config)
    # Of before that was noted: nothing contradicts.
    assert why_not(zlut, tmp_path, flat) == ""


def test_what_is_not_known_or_differs_in_part_is_said(zlut: ZLUT) -> None:
    config, mark = demo(), correction_marks([FLAT])["flat_field"]
    noted_all = noted(zlut, dark_frame=None, flat_field=mark)
    assert calibration_doubts(noted_all, config, [FLAT]) == []
    assert calibration_doubts(zlut, config, []) == []
    (said,) = calibration_doubts(noted_all, config, [replace(FLAT, content=b"two")])
    assert "another flat field than that of now" in said
    (said,) = calibration_doubts(ZLUTSet({1: noted_all, 2: zlut}), config, [FLAT])
    assert "does not say if its sweep was" in said
    bare = ZLUT(zlut.z_nm, zlut.profiles)
    (said,) = calibration_doubts(ZLUTSet({1: zlut}, default=bare), config, [])
    assert said.startswith("1 of 2 Z-LUTs do not say with what optics, ROI and camera")


def test_heights_that_begin_elsewhere_are_said(zlut: ZLUT) -> None:
    config, nowhere = demo(), demo()
    nowhere.optics.model_fields_set.discard("surface_nm")
    far = noted(zlut, focus_start_nm=500.0)
    assert calibration_doubts(ZLUTSet({1: zlut, 2: far}), config, []) == []
    # Without a surface, heights begin where the focus stood.
    loose = [noted(one, surface_nm=None) for one in (zlut, far)]
    (said,) = calibration_doubts(ZLUTSet(dict(enumerate(loose))), nowhere, [])
    assert "begin at heights that differ by 440 nm" in said
    assert calibration_doubts(loose[1], nowhere, []) == []
    (said,) = calibration_doubts(zlut, demo("optics.surface_nm=70"), [])
    assert "optics.surface_nm is 70, but was 0 in the sweep: heights are lower by 70 nm" in said


def test_check_says_it_too(zlut: ZLUT, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savetxt(tmp_path / "bare.txt", np.vstack([zlut.z_nm, zlut.profiles.T]))
    assert main(["check", "demo.toml", "--set", f"tracking.zlut={(tmp_path / 'bare.txt').as_posix()}"]) == 0
    said = capsys.readouterr().out
    assert "tracking.zlut: the Z-LUT does not say with what optics, ROI and camera it was made" in said
    assert "no problems found" in said


def test_a_text_file_says_how_it_was_made(zlut: ZLUT, tmp_path: Path) -> None:
    """And to numpy's loader, which others use, it is a matrix all the same."""
    path = tmp_path / "z.txt"
    made = noted(zlut, remarks="one\ntwo, # three", flat_field=None)
    made.save(path)
    found = load_calibration(path)
    assert isinstance(found, ZLUT)
    for name in ("roi_px", "nm_per_px", "focal_shift_factor", "created"):
        assert getattr(found, name) == getattr(made, name)
    assert {**found.metadata, **made.metadata} == dict(found.metadata)
    np.testing.assert_array_equal(np.loadtxt(path)[0], zlut.z_nm)
    assert np.loadtxt(path).shape == (1 + zlut.n_radii, zlut.n_planes)
    assert why_not_calibration(path, demo()) is None
    assert "100 nm per px, but it is 50 now" in str(
        why_not_calibration(path, demo("optics.pixel_pitch_um=2.5"))
    )
    whole = path.read_text(encoding="utf-8")
    for damage in (('"roi_px": 64', '"roi_px": "64"'), ('"metadata": {', '"metadata": 3, "more": {')):
        path.write_text(whole.replace(*damage), encoding="utf-8")
        with pytest.raises(ValueError, match="its comment about optics and ROI is damaged"):
            ZLUT.load(path)


def test_the_range_of_a_bead_without_its_own_z_lut_is_that_of_all_others(zlut: ZLUT, tmp_path: Path) -> None:
    path, other = tmp_path / "z.npz", ZLUT(zlut.z_nm + 1000, zlut.profiles)
    ZLUTSet({3: zlut}, default=other).save(path)
    assert ZRanges(path)(3) == (-400.0, 400.0)
    assert ZRanges(path)(5) == (600.0, 1400.0)
    ZLUTSet({3: zlut}).save(path)
    assert ZRanges(path)(5) is None


def look(places: LutPlaces, zluts: ZLUTSet, now: dict[int, tuple[float, float]]) -> None:
    ids = np.array(list(now), np.int64)
    corners = np.array([[x - 32, y - 32] for x, y in now.values()], np.int64)
    places.look(zluts, ids, corners, 64)


def test_a_list_with_other_numbers_is_told(zlut: ZLUT) -> None:
    swept = {0: (100.0, 90.0), 1: (300.0, 120.0), 2: (200.0, 400.0), 3: (420.0, 300.0), 4: (60.0, 310.0)}
    zluts = ZLUTSet({bead: noted(zlut, x_px=x, y_px=y) for bead, (x, y) in swept.items()})
    said: list[str] = []
    places = LutPlaces(said.append)
    look(places, zluts, swept)
    # The stage has moved; a bead without a Z-LUT of its own has no place.
    look(LutPlaces(said.append), zluts, {bead: (x + 90, y - 50) for bead, (x, y) in swept.items()})
    look(LutPlaces(said.append), zluts, {9: (10.0, 10.0)})
    look(LutPlaces(said.append), ZLUTSet({0: zlut}), swept)
    assert said == []
    # Numbers that were mixed up.
    mixed = {0: swept[1], 1: swept[2], 2: swept[0], 3: swept[4], 4: (500.0, 60.0)}
    look(LutPlaces(said.append), zluts, mixed)
    assert len(said) == 1
    assert "5 of 5 beads are not where their Z-LUTs were made (bead 0 is where bead 1 was" in said[0]
    assert "bead 3 is where bead 4 was, bead 4)" in said[0]
    # Numbers that are mixed up later are told at once, and only once; and again with other Z-LUTs.
    look(places, zluts, mixed)
    look(places, zluts, mixed)
    assert said[1:] == said[:1]
    look(places, ZLUTSet(dict(zluts)), swept | {4: (500.0, 60.0)})
    assert "1 of 5 beads" in said[2]


def test_a_bead_is_asked_for_again_when_it_is_put_elsewhere(zlut: ZLUT) -> None:
    swept = {bead: (100.0 + 90 * bead, 200.0 - 40 * bead) for bead in range(4)}
    zluts = ZLUTSet({bead: noted(zlut, x_px=x, y_px=y) for bead, (x, y) in swept.items()})
    said: list[str] = []
    places = LutPlaces(said.append)
    swapped = swept | {1: swept[2], 2: swept[1]}
    for now in (swept, swapped, swept, swapped):
        look(places, zluts, now)
    assert len(said) == 2
    assert all(
        "2 of 4 beads" in text and "(bead 1 is where bead 2 was, bead 2 is where" in text for text in said
    )
    # A lock follows in small steps: all beads are the stage, one is told once.
    look(places, zluts, swept)
    for step in range(0, 200, 2):
        look(places, zluts, {bead: (x + step, y) for bead, (x, y) in swept.items()})
    assert len(said) == 2
    for step in range(0, 200, 2):
        look(places, zluts, {bead: (x + 198 + step * (bead == 3), y) for bead, (x, y) in swept.items()})
    assert [text[:12] for text in said[2:]] == ["1 of 4 beads"]
