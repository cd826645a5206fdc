"""The command `zlut`: what is wrong is said before anything moves; what a file holds is shown."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from magscope_app.calibration import BeadReport
from magscope_app.cli import main
from magscope_app.cli.zlut_picture import picture
from magscope_app.cli.zlut_sweep import load_for_sweep
from magscope_app.config import load_config
from magscope_app.processes.calibration_file import ZRanges, camera_name, why_not_calibration
from magscope_app.tracking import ZLUT, ZLUTSet

RANGE = ["--start-nm", "-500", "--stop-nm", "500", "--step-nm", "50"]


@pytest.fixture
def zlut() -> ZLUT:
    z_nm = np.arange(-400.0, 401.0, 50.0)
    radii = np.arange(32.0)
    profiles = 100 + 20 * np.cos(radii / 2 + z_nm[:, None] / 80)
    report = BeadReport(3, "reference", "poor", ("too dark",), 2.0, 3.0, 4.0, 5.0, (-300.0, 300.0), 0.1, 1.5)
    metadata = report.as_metadata() | {"camera": "hardware.simulated.microscope:SimulatedCamera"}
    metadata |= {"gain_dn_per_e": 0.012, "offset_dn": 8.0, "read_noise_e": 10.0}
    return ZLUT.from_profiles(
        profiles,
        z_nm,
        roi_px=64,
        nm_per_px=100.0,
        focal_shift_factor=0.88,
        created="today",
        metadata=metadata,
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demo.toml", *RANGE], "--out is missing"),
        (["demo.toml", "--start-nm", "0", "--out", "{out}"], "--stop-nm is missing"),
        (["demo.toml", *RANGE, "--step-nm", "70", "--out", "{out}"], "70 nm does not divide the range"),
        (["demo.toml", *RANGE, "--out", "{folder}/z.txt"], "does not end in .npz"),
        (["demo.toml", *RANGE, "--out", "{folder}/no/z.npz"], "does not exist"),
        (["nowhere.toml", *RANGE, "--out", "{out}"], "nowhere.toml"),
        (["show"], "FILE|DATASET is missing"),
        (["show", "{folder}"], "a folder without Z-LUTs of a sweep"),
        (["show", "z.npz", "--start-nm", "5"], "zlut show: --start-nm does not belong here"),
        (["rebuild", "{folder}", "--plot", "a.png"], "zlut rebuild: --plot does not belong here"),
        (["demo.toml", "z.npz", *RANGE, "--out", "{out}"], "zlut demo.toml: z.npz does not belong here"),
        (["demo.toml", *RANGE, "--every", "0", "--out", "{out}"], "--every does not belong here"),
        (["show", "{folder}/none.npz"], "none.npz does not exist; give a file of Z-LUTs, or the dataset"),
        (["rebuild", "{folder}", "--out", "{out}"], "dataset.json"),
        (["rebuild", "."], "dataset.json"),
        (["rebuild", "/"], "dataset.json"),
        (
            ["demo.toml", *RANGE, "--keep-force", "--force-pn", "5", "--out", "{out}"],
            "--force-pn sets a force and --keep-force leaves it as it is: give one of them",
        ),
        (["demo.toml", *RANGE, "--settle-ms", "-1", "--out", "{out}"], "calibration.settle_ms"),
        (["demo.toml", *RANGE, "--settle-frames", "-1", "--out", "{out}"], "calibration.settle_frames"),
        (
            ["demo.toml", *RANGE, "--backlash-nm", "200000", "--out", "{out}"],
            "calibration.backlash_nm",
        ),
        (["rebuild", "{folder}", "--settle-ms", "0"], "zlut rebuild: --settle-ms does not belong here"),
        (["show", "z.npz", "--overwrite"], "zlut show: --overwrite does not belong here"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [one.format(out=tmp_path / "z.npz", folder=tmp_path) for one in arguments]
    assert main(["zlut", *given]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_older_zluts_are_not_replaced_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "z.npz"
    out.write_text("old")
    assert main(["zlut", "demo.toml", *RANGE, "--out", str(out)]) == 2
    assert "z.npz exists already: choose another name, or have it replaced (--overwrite" in (
        capsys.readouterr().err
    )
    assert out.read_text() == "old"


def test_a_sweep_needs_no_zlut_and_begins_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is made just when the Z-LUT of the config does not fit, or is not there yet."""
    given = [
        *(
            "beads.roi_px=96",
            "tracking.zlut=nowhere.npz",
            "z_lock.on=true",
            "xy_lock.on=true",
            "drift.on=true",
        ),
        *("experiment.protocol=nowhere:scan", "recording.start=true", "optics.magnification=20"),
    ]
    config = load_for_sweep("demo.toml", given).config
    assert config.tracking.zlut is None
    assert config.beads.roi_px == 96
    assert config.experiment.protocol is None
    assert not any((config.z_lock.on, config.xy_lock.on, config.drift.on, config.recording.start))
    # What else is wrong is said as ever.
    sets = [part for one in given for part in ("--set", one)]
    assert main(["zlut", "demo.toml", *RANGE, "--out", str(tmp_path / "z.txt"), *sets]) == 2
    said = capsys.readouterr().err
    assert "does not end in .npz" in said
    assert "nowhere" not in said


def test_a_zlut_is_not_compared_with_what_is_wrong_in_the_config(
    zlut: ZLUT, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ZLUTSet({3: zlut}).save(tmp_path / "z.npz")
    sets = ["--set", f"tracking.zlut={tmp_path.as_posix()}/z.npz", "--set", "optics.focal_shift_factor=-0.88"]
    assert main(["check", "demo.toml", *sets]) == 2
    said = "".join(capsys.readouterr())
    assert "optics.focal_shift_factor" in said
    assert "is not allowed" in said
    assert "but it is 1 now" not in said
    assert "tracking.zlut" not in said


def test_without_a_focus_there_is_no_sweep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "still.toml"
    demo = load_config("demo.toml").text.decode()
    demo = demo.replace('zlut = "demo-zlut.npz"', "")
    config.write_text(re.sub(r'\[\[motors\]\]\nname = "focus".*?\n\n', "", demo, flags=re.DOTALL))
    assert main(["zlut", str(config), *RANGE, "--out", str(tmp_path / "z.npz")]) == 2
    assert "no motor with the role focus, which a sweep moves; add it" in capsys.readouterr().err


def test_a_file_is_shown_in_words_and_as_a_picture(
    zlut: ZLUT, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ZLUTSet({3: zlut, 4: replace(zlut, metadata={})}, default=zlut).save(tmp_path / "z.npz")
    png = tmp_path / "z.png"
    assert main(["zlut", "show", str(tmp_path / "z.npz"), "--plot", str(png)]) == 0
    said = capsys.readouterr().out
    assert "3 Z-LUTs, made today, 100 nm per px, focal shift factor 0.88, ROI 64 px, camera hardware" in said
    assert "bead    3  reference  poor  σz 2.0 nm" in said
    assert "(too dark)" in said
    assert " at +0, " in said
    assert "17 planes; σz in nm:" in said
    assert "bead    4  17 planes, -400 to +400 nm; not of a sweep" in said
    grey = np.asarray(Image.open(png))
    assert grey.ndim == 2
    # Rings run through the tables: no row of a table is of one grey.
    assert (np.ptp(grey[60:200, 70:230], axis=1) > 100).all()
    # Ticks and numbers of z to the left, of the radius below.
    assert (grey[40:250, 56:60] == 0).any()
    assert (grey[268:300, 60:250] == 0).any()
    # The text of one bead knows which it was.
    zlut.save(tmp_path / "bead-0003.txt")
    assert main(["zlut", "show", str(tmp_path / "bead-0003.txt")]) == 0
    assert "bead    3  reference  poor" in capsys.readouterr().out
    zlut.save(tmp_path / "any.txt")
    assert main(["zlut", "show", str(tmp_path / "any.txt")]) == 0
    assert "all beads  reference  poor" in capsys.readouterr().out


def test_faint_outer_rings_are_drawn_as_well_as_the_inner_ones(zlut: ZLUT) -> None:
    faint = replace(zlut, profiles=100 + (zlut.profiles - 100) * np.linspace(1.0, 0.15, zlut.n_radii))
    columns = picture(faint)
    assert np.ptp(columns[:, -8:].astype(int), axis=0).min() > 200


def test_the_z_lock_keeps_to_what_is_usable(zlut: ZLUT, tmp_path: Path) -> None:
    path = tmp_path / "z.npz"
    nothing = BeadReport(5, "reference", "poor").as_metadata()
    ZLUTSet({3: zlut, 4: replace(zlut, metadata={}), 5: replace(zlut, metadata=nothing)}).save(path)
    ranges = ZRanges(path)
    assert ranges(3) == (-300.0, 300.0)
    assert ranges(4) == (-400.0, 400.0)
    assert ranges(5) is None
    assert ranges(6) is None


def test_a_set_that_belongs_to_something_else_is_refused(zlut: ZLUT, tmp_path: Path) -> None:
    path = tmp_path / "z.npz"
    config = load_config("demo.toml").config

    def why_not(**other: object) -> str:
        strange = replace(zlut, **other)  # type: ignore[arg-type]  # fields of a Z-LUT
        ZLUTSet({3: zlut, 4: strange}).save(path)
        said = why_not_calibration(path, config) or ""
        # That of all other beads is looked at, too.
        ZLUTSet({3: zlut}, default=strange).save(path)
        assert why_not_calibration(path, config) == (said or None)
        return said

    assert why_not() == ""
    assert "108 nm per px" in why_not(nm_per_px=108.0)
    assert "focal_shift_factor = 1" in why_not(focal_shift_factor=1.0)
    assert "ROI of 24 px" in why_not(roi_px=24)
    assert "swept in a ROI of 63 px, but a ROI has 64 px now" in why_not(roi_px=63)
    assert why_not(roi_px=96) == ""
    assert "made with the camera other.place:Camera" in why_not(metadata={"camera": "other.place:Camera"})
    # One driver may have many cameras.
    other = config.camera.model_copy(update={"settings": {"adapter": "DemoCamera", "device": "Two"}})
    two = config.model_copy(update={"camera": other})
    ZLUTSet({3: replace(zlut, metadata={"camera": camera_name(two)})}).save(path)
    assert why_not_calibration(path, two) is None
    assert "SimulatedCamera DemoCamera Two, but this is hardware" in str(why_not_calibration(path, config))
    why_not(metadata={"camera": "other.place:Camera"})
    replayed = config.model_copy(update={"camera": config.camera.model_copy(update={"path": tmp_path})})
    assert why_not_calibration(path, replayed) is None
    # The ROIs may have another size by now than the config says.
    ZLUTSet({3: zlut}).save(path)
    assert "a ROI has 96 px now" in str(why_not_calibration(path, config, 96))
    assert why_not_calibration(path, config, 48) is None
