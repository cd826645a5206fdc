"""Sweeps on the whole real line, and everything that may happen to them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from magscope_app.calibration import SweepPlan
from magscope_app.calibration.build import BuildSettings, build_zluts
from magscope_app.calibration.messages import (
    CancelSweep,
    PauseSweep,
    SaveZLUTs,
    SweepProgress,
    UseZLUTs,
    ZLUTsSaved,
    ZLUTsUsed,
)
from magscope_app.cli.info import collect
from magscope_app.datatypes import ZLUTSweepDataset
from magscope_app.errors import MagscopeError
from magscope_app.messages import (
    CommandRefused,
    EditBeads,
    Fault,
    RemoveBeads,
    StopMotors,
)
from magscope_app.storage import open_dataset
from magscope_app.tracking import ZLUT, ZLUTSet
from tests.calibration.script import ScriptedLine

PLAN = SweepPlan(-200, 220, 60, 2, force_pn=None)
#: Slow enough that something can happen in between.
SLOW = replace(PLAN, frames=6)


def sweep_rows(line: ScriptedLine) -> tuple[int, int]:
    """Return the state of the sweep in shared memory, and how many profiles it holds."""
    buffer = line._supervisor._segments._handles.sweep()
    try:
        rows = buffer.peak()
        assert np.isfinite(rows["profiles"][:, :20]).all()
        assert set(rows["bead_ids"].tolist()) == {0, 1, 2, 3}
        return buffer.state, buffer.get_count()
    finally:
        buffer.close()


@pytest.mark.timeout(360)
def test_what_may_happen_to_a_sweep(tmp_path: Path) -> None:
    folder, seen = tmp_path / "data", set()

    def script(line: ScriptedLine) -> Iterator[None]:
        yield from line.until_logged("beads found")
        # Out of the limits: nothing moves.
        yield from line.sweep(SweepPlan(-21000, 0, 1000, 2))
        assert "its limits are -20000 to 20000 nm" in line.ended[0].error
        assert line.kept() == []
        # Not a sweep at all, and beads that do not exist.
        yield from line.sweep(replace(PLAN, step_nm=55))
        assert "does not divide" in line.ended[0].error
        yield from line.sweep(replace(PLAN, bead_ids=(2, 77)))
        assert "there is no bead 77" in line.ended[0].error
        assert line.position("focus") == pytest.approx(0, abs=1)
        seen.add("refused")
        # Paused and cancelled in the middle.
        line.begin(SLOW)
        yield from line.until_moving(1)
        line.send(PauseSweep(True))
        while not any(isinstance(one, SweepProgress) and one.phase == "pause" for one in line.news):
            yield
        assert abs(line.position("focus")) > 10
        assert sweep_rows(line)[0] == ZLUTSweepDataset.STATE_CAPTURING
        line.send(CancelSweep())
        yield from line.until_ended()
        assert sweep_rows(line)[0] == ZLUTSweepDataset.STATE_FAILED
        assert line.ended[0].cancelled
        assert line.kept() == []
        assert line.position("focus") == pytest.approx(0, abs=10)
        seen.add("cancelled")
        # A motor that sticks for good is an error; for a moment, a plane that is repeated.
        line.begin(SLOW)
        yield from line.until_moving(1)
        line.send(Fault("focus", "stuck_motor", duration_s=1.0))
        yield from line.until_ended()
        assert not line.ended[0].error, line.ended
        assert "attempt 1 of 3: focus did not reach" in line.ended[0].warnings[0]
        # Each is told once, when it happens.
        assert [line.log.count(f"sweep: {one}") for one in line.ended[0].warnings] == [1] * len(
            line.ended[0].warnings
        )
        assert not [text for text in line.log if "attempt 1 of 3" in text and not text.startswith("sweep: ")]
        assert len(line.kept()) == 1
        assert sweep_rows(line) == (ZLUTSweepDataset.STATE_COMPLETE, 4 * 8 * SLOW.frames)
        seen.add("stuck for a moment")
        line.begin(SLOW)
        yield from line.until_moving(1)
        line.send(EditBeads(roi_px=96))
        assert line.log[-1] == "the ROIs keep their size while a sweep runs; let it end first"
        line.send(RemoveBeads((1,)))
        yield from line.until_ended()
        lost = [report for report in line.ended[0].reports if report.verdict == "lost"]
        assert [report.bead_id for report in lost] == [1]
        assert "taken off the list at plane" in lost[0].remarks[0]
        assert len(line.ended[0].reports) == 4
        seen.add("bead lost")
        # Its Z-LUTs can be saved, and used at once.
        line.send(SaveZLUTs(tmp_path / "z.npz", (0, 3), use=True))
        while not any(isinstance(one, ZLUTsUsed) for one in line.news):
            assert not any(isinstance(one, CommandRefused) for one in line.news), line.news
            yield
        assert next(one for one in line.news if isinstance(one, ZLUTsSaved)).n_beads == 2
        seen.add("used")
        yield from other_rois(line, tmp_path / "48.npz")
        seen.add("other ROIs")
        # Stop-all leaves everything where it is.
        line.begin(SLOW)
        yield from line.until_moving(2)
        line.send(StopMotors())
        yield from line.until_ended()
        assert line.ended[0].cancelled
        assert abs(line.position("focus")) > 10
        seen.add("stopped")
        line.begin(SLOW)
        yield from line.until_moving(1)
        line.send(Fault("focus", "stuck_motor"))
        yield from line.until_ended()
        assert "given up at plane" in line.ended[0].error
        assert "focus did not reach" in line.ended[0].error
        assert "not everything is back" in line.ended[0].error
        assert len(line.kept()) == 3
        seen.add("stuck")
        # A motor that does not answer: nothing can be brought back, and that is said.
        line.send(Fault("focus", "disconnect"))
        yield from line.sweep(PLAN)
        assert "focus" in line.ended[0].error
        assert "not everything is back where it was" in line.ended[0].error
        assert len(line.kept()) == 3
        seen.add("lost")
        line.send(RemoveBeads((0, 2, 3)))
        yield from line.sweep(PLAN)
        assert "there are no beads to sweep; add some" in line.ended[0].error
        seen.add("no beads")

    np.save(tmp_path / "flat.npy", np.full((384, 512), 104.0))
    flat = f"camera.noise.flat_field={(tmp_path / 'flat.npy').as_posix()}"
    line = ScriptedLine(folder, script, ["motors.focus.timeout_s=0.4", flat])
    line.run()
    steps = {
        "refused",
        "cancelled",
        "stuck for a moment",
        "bead lost",
        "used",
        "other ROIs",
        "stopped",
        "stuck",
        "lost",
        "no beads",
    }
    assert seen == steps, line.log
    zluts = ZLUTSet.load(tmp_path / "z.npz")
    assert list(zluts) == [0, 3]
    # What ROIs are corrected with is noted, and goes with the sweep.
    assert zluts[0].metadata["dark_frame"] is None
    kept = (sorted(folder.iterdir())[0] / "corrections" / "flat_field.npy").read_bytes()
    assert zluts[0].metadata["flat_field"] == hashlib.sha256(kept).hexdigest()[:16]
    assert kept == (tmp_path / "flat.npy").read_bytes()
    text = ZLUT.load(tmp_path / "z_text" / "bead-0003.txt")
    assert text.n_planes == 8
    assert text.metadata["camera"] == zluts[3].metadata["camera"]
    datasets = sorted(folder.iterdir())
    check_rebuild(datasets[0])
    check_rois(datasets[2], tmp_path / "48.npz", 48)


def other_rois(line: ScriptedLine, out: Path) -> Iterator[None]:
    """The ROIs as they are now are swept, and Z-LUTs must fit them; not those of the config."""
    line.send(EditBeads(roi_px=48))
    yield from line.sweep(PLAN)
    assert not line.ended[0].error, line.ended
    line.send(SaveZLUTs(out, (0, 2, 3), use=True))
    yield from line.until(lambda: any(isinstance(one, ZLUTsUsed) for one in line.news))
    line.send(SaveZLUTs(out, (0,)))
    yield from line.until_logged("48.npz exists already: choose another name, or have it replaced")
    line.send(EditBeads(roi_px=64))
    yield from line.until_logged("swept in a ROI of 48 px, but a ROI has 64 px now")
    line.news.clear()
    line.send(UseZLUTs(out))
    yield from line.until_logged(f"{out}: the Z-LUT was swept in a ROI of 48 px, but a ROI has 64 px now")
    assert not any(isinstance(one, ZLUTsUsed) for one in line.news)


def check_rois(path: Path, out: Path, roi_px: int) -> None:
    """The sweep was of ROIs of this size with the beads in their middle, and the Z-LUTs say so."""
    dataset = open_dataset(path)
    about = dataset.description["sweep"]
    assert about["roi_px"] == roi_px
    step = about["steps"][0]
    key = {"time": step["frames"][0], "step": step["step"]}
    assert dataset.get_data(key).shape == (len(about["beads"]) * roi_px, roi_px)
    for bead, (x0, y0) in zip(about["beads"], dataset.get_metadata(key)["rois_px"], strict=True):
        assert abs(x0 + (roi_px - 1) / 2 - bead["x_px"]) <= 0.5
        assert abs(y0 + (roi_px - 1) / 2 - bead["y_px"]) <= 0.5
    zluts = ZLUTSet.load(out)
    assert list(zluts) == [0, 2, 3]
    assert {zlut.roi_px for zlut in zluts.values()} == {roi_px}


def check_rebuild(dataset: Path) -> None:
    """The sweep can be evaluated again, with other settings."""
    again = build_zluts(dataset)
    kept = ZLUTSet.load(dataset / "zluts" / "zluts.npz")
    assert list(again.zluts) == list(kept)
    for bead_id, zlut in kept.items():
        assert (again.zluts[bead_id].profiles == zlut.profiles).all()
    assert collect(open_dataset(dataset))["gaps_in_video"] == []
    for wrong, said in (
        (BuildSettings(frames=0), "the sweep has 6 frames per plane"),
        (BuildSettings(frames=7), "1 to 6 can be taken"),
        (BuildSettings(every=0), "less cannot be"),
        (BuildSettings(every=4), "2 planes are too few"),
        (BuildSettings(roi_px=0), "a ROI of 0 px cannot be cut"),
        (BuildSettings(roi_px=65), "a ROI of 65 px cannot be cut"),
    ):
        with pytest.raises(MagscopeError, match=said):
            build_zluts(dataset, wrong)
    require_damage_is_told(dataset)
    fewer = build_zluts(dataset, BuildSettings(frames=5, every=2, roi_px=48))
    assert {zlut.n_planes for zlut in fewer.zluts.values()} == {4}
    assert {zlut.roi_px for zlut in fewer.zluts.values()} == {48}


def require_damage_is_told(dataset: Path) -> None:
    """A sweep that somebody has edited, or of which files are missing, is one sentence."""
    described = dataset / "dataset.json"
    whole = described.read_text(encoding="utf-8")
    damages: list[dict[str, object]] = [{"roi_px": None}, {"plan": {}}, {"steps": [{}]}, {"beads": 3}]
    for damage in damages:
        changed = json.loads(whole)
        changed["sweep"] |= damage
        described.write_text(json.dumps(changed), encoding="utf-8")
        with pytest.raises(MagscopeError, match=r"what dataset\.json says of the sweep is damaged"):
            build_zluts(dataset)
    missing = json.loads(whole)
    missing["sweep"]["steps"][2]["frames"][0] += 100_000
    described.write_text(json.dumps(missing), encoding="utf-8")
    with pytest.raises(MagscopeError, match="is not in the dataset"):
        build_zluts(dataset)
    described.write_text(whole, encoding="utf-8")
