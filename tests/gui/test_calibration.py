"""The calibration panel, from the range of a sweep to the file that is used."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QApplication,
    QCheckBox,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QTableWidget,
)

from gui.models.calibration import CalibrationState, ended_text
from gui.window import MainWindow
from magscope_app.calibration import SweepPlan
from magscope_app.calibration.messages import (
    CancelSweep,
    MakeSweepBuffer,
    PauseSweep,
    SaveZLUTs,
    StartSweep,
    SweepBufferReady,
    SweepEnded,
    SweepProgress,
    UseZLUTs,
    ZLUTsSaved,
    ZLUTsUsed,
)
from magscope_app.tracking import ZLUT, ZLUTSet
from tests.gui.hands import click, find, look, retype, text_of
from tests.gui.rig import REPORTS, Rig


def test_a_sweep_from_the_range_to_the_file(window: MainWindow, rig: Rig, qapp: QApplication) -> None:
    rig.open_devices()
    rig.add_beads((100.0, 80.0))
    window.show_panel("calibration")
    look(window, qapp)
    start = find(window, QPushButton, "calibration.start")
    assert text_of(window, "calibration.summary").startswith("81 planes, about ")
    retype(find(window, QLineEdit, "calibration.step"), "70")
    assert "does not divide the range" in text_of(window, "calibration.summary")
    assert not start.isEnabled()
    retype(find(window, QLineEdit, "calibration.step"), "100")
    retype(find(window, QLineEdit, "calibration.frames"), "5.5")
    assert text_of(window, "calibration.summary") == (
        "Frames per plane: give a whole number of frames up to 10000, not 5.5"
    )
    assert not start.isEnabled()
    retype(find(window, QLineEdit, "calibration.frames"), "5")
    find(window, QCheckBox, "calibration.set_force").setChecked(True)
    rig.heard()
    # How it settles is what the config says, until something else is wanted.
    settling = {"settle": "20", "passed": "0", "backlash": "300"}
    assert {key: find(window, QLineEdit, f"calibration.{key}").text() for key in settling} == settling
    retype(find(window, QLineEdit, "calibration.passed"), "1.5")
    assert text_of(window, "calibration.summary").startswith("Pass over: give a whole number of frames")
    retype(find(window, QLineEdit, "calibration.passed"), "2")
    retype(find(window, QLineEdit, "calibration.settle"), "-1")
    assert text_of(window, "calibration.summary") == "Settle: give a number from 0 on"
    retype(find(window, QLineEdit, "calibration.settle"), "50")
    retype(find(window, QLineEdit, "calibration.backlash"), "0")
    click(start)
    plan = SweepPlan(-2000, 2000, 100, 5, None, 10.0, settle_s=0.05, settle_frames=2, backlash_nm=0.0)
    assert rig.expect(StartSweep) == StartSweep(plan)

    rig.send(SweepProgress("sweep", 10, 41, 12.0, "plane 11 of 41"))
    look(window, qapp)
    assert text_of(window, "calibration.said") == "plane 11 of 41, 00:00:12 left"
    assert find(window, QProgressBar, "calibration.bar").value() == 10
    assert not start.isEnabled()
    click(find(window, QPushButton, "calibration.pause"))
    assert rig.expect(PauseSweep) == PauseSweep(True)
    rig.send(SweepProgress("pause", 11, 41, 12.0, "paused before plane 12"))
    look(window, qapp)
    pause = find(window, QPushButton, "calibration.pause")
    assert pause.text() == "Go on"
    click(pause)
    assert rig.expect(PauseSweep) == PauseSweep(False)
    click(find(window, QPushButton, "calibration.cancel"))
    assert rig.expect(CancelSweep) == CancelSweep()

    watch_it_grow(window, rig, qapp)
    rig.send(SweepEnded(REPORTS, Path("data")))
    look(window, qapp)
    assert text_of(window, "calibration.said") == "1 of 3 beads have a good Z-LUT"
    table = find(window, QTableWidget, "calibration.table")
    ticks = [item for row in range(3) if (item := table.item(row, 0)) is not None]
    assert [item.checkState() for item in ticks] == [
        Qt.CheckState.Checked,
        Qt.CheckState.Unchecked,
        Qt.CheckState.Unchecked,
    ]
    poor = table.item(1, 3)
    assert poor is not None
    assert poor.toolTip() == "the rings are hardly seen"
    assert text_of(window, "calibration.remarks") == "Bead 2 is poor: the rings are hardly seen"
    table.setCurrentCell(2, 1)
    assert text_of(window, "calibration.remarks") == "Bead 5 is lost: it left its ROI"
    ticks[1].setCheckState(Qt.CheckState.Checked)
    retype(find(window, QLineEdit, "calibration.file"), "/some/where.npz")
    click(find(window, QPushButton, "calibration.use"))
    path = Path("/some/where.npz").absolute()
    assert rig.expect(SaveZLUTs) == SaveZLUTs(path, (0, 2), use=True)
    # Replacing an older file is allowed once.
    replace = find(window, QCheckBox, "calibration.replace")
    assert not replace.isChecked()
    replace.setChecked(True)
    click(find(window, QPushButton, "calibration.save"))
    assert rig.expect(SaveZLUTs) == SaveZLUTs(path, (0, 2), overwrite=True)
    assert not replace.isChecked()
    rig.send(ZLUTsSaved(path, 2), ZLUTsUsed(path))
    look(window, qapp)
    assert f"saved in {path}" in text_of(window, "calibration.said")
    assert "tracked with these" in text_of(window, "calibration.said")


def test_a_file_of_earlier_is_used_and_shown(
    window: MainWindow, rig: Rig, qapp: QApplication, tmp_path: Path
) -> None:
    rig.open_devices()
    rig.add_beads((100.0, 80.0))
    window.show_panel("lut")
    look(window, qapp)
    assert "no Z-LUT" in text_of(window, "lut.text")
    window.show_panel("calibration")
    look(window, qapp)
    path = tmp_path / "old.npz"
    z_nm = np.arange(-300.0, 301.0, 50.0)
    profiles = 100 + 20 * np.cos(np.arange(16.0) / 2 + z_nm[:, None] / 80)
    ZLUTSet({0: ZLUT.from_profiles(profiles, z_nm, roi_px=32)}).save(path)
    retype(find(window, QLineEdit, "calibration.file"), str(path))
    rig.heard()
    click(find(window, QPushButton, "calibration.load"))
    assert rig.expect(UseZLUTs) == UseZLUTs(path)
    rig.send(ZLUTsUsed(path))
    look(window, qapp)
    assert text_of(window, "calibration.said") == f"beads are tracked with {path}"
    window.show_panel("lut")
    deadline = time.monotonic() + 5
    while "13 planes of old.npz" not in text_of(window, "lut.text"):
        assert time.monotonic() < deadline, text_of(window, "lut.text")
        look(window, qapp)


def watch_it_grow(window: MainWindow, rig: Rig, qapp: QApplication) -> None:
    """The profiles of the selected bead are drawn while they come."""
    rig.segments.create_sweep(MakeSweepBuffer(8, 16, 4, 2, 1))
    buffer = rig.handles.sweep()
    live = find(window, QLabel, "calibration.live")
    assert not live.isVisible()
    rig.send(SweepBufferReady(), SweepProgress("sweep", 1, 4, 1.0, "plane 2 of 4"))
    for step, grey in enumerate((50.0, 200.0)):
        buffer.write(
            bead_ids=[0, 1],
            step_indices=[step, step],
            timestamps=[0.0, 0.0],
            motor_z_values=[0.0, 0.0],
            valid_flags=[1, 1],
            profiles=[np.full(16, grey), np.full(16, 0.0)],
        )
    buffer.close()
    look(window, qapp)
    assert live.isVisible()
    picture = live.pixmap().toImage()
    greys = [picture.pixelColor(80, y).value() for y in (20, 60, 100, 140)]
    # Planes 3 and 2 have not come; 1 is bright, 0 dark.
    assert greys == [0, 0, 255, 1]


def test_how_a_sweep_ended_is_said() -> None:
    state = CalibrationState()
    assert ended_text(state) == ""
    state.end(SweepEnded(cancelled=True))
    assert ended_text(state) == "Cancelled: nothing was kept"
    state.end(SweepEnded(error="no bead is left to sweep"))
    assert ended_text(state) == "Failed: no bead is left to sweep"
    assert state.accepted == set()
    state.end(SweepEnded(REPORTS, warnings=("plane 3 was repeated",)))
    assert "plane 3 was repeated" in ended_text(state)
    state.accept(5, True)
    assert state.accepted == {0}
