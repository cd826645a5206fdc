"""Panels of the locks: what they send, and what they show."""

from __future__ import annotations

import numpy as np
import pytest
from PyQt6.QtCore import QPoint
from PyQt6.QtWidgets import QApplication, QCheckBox, QLabel, QLineEdit, QPushButton

from gui.models.lock_trace import bead_names, lock_trace, nice_limits, parse_ids
from gui.window import MainWindow
from magscope_app.feedback.state import LockState
from magscope_app.messages.locks import (
    FollowBead,
    LockChanged,
    ShiftZLock,
    SwitchDrift,
    SwitchXYLock,
    SwitchZLock,
)
from tests.gui.hands import click, find, look, retype, text_of
from tests.gui.rig import Rig


@pytest.fixture
def running(window: MainWindow, rig: Rig, qapp: QApplication) -> MainWindow:
    rig.open_devices()
    look(window, qapp)
    rig.heard()
    return window


def test_the_z_lock_is_switched_and_text_of(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    running.show_panel("z_lock")
    look(running, qapp)
    assert text_of(running, "z_lock.text") == "Z-lock off"
    switch = find(running, QPushButton, "z_lock.switch")
    beads = find(running, QLineEdit, "z_lock.beads")
    beads.setText("3, 1")
    click(switch)
    assert rig.expect(SwitchZLock) == SwitchZLock(True, (1, 3))
    # Shown is how it is, not what was asked for.
    assert not switch.isChecked()
    state = LockState("z_lock", "on", "", (1, 3), 1.25, corrections=7, latency_ms=12.0, begun=1)
    rig.send(LockChanged(state))
    z_lock = rig.handles.matrix("z_lock")
    for number in range(50):
        z_lock.write(np.array([[number, rig.now_ns(), np.nan, np.sin(number), 0.0, 100.0, 2.0]]))
    z_lock.close()
    look(running, qapp)
    assert switch.isChecked()
    assert text_of(running, "z_lock.text") == (
        "Z-lock on (+1.2 nm) · beads 1, 3 · 7 corrections · 12 ms from frame to correction"
    )
    panel = running.panels["z_lock"]
    t_s, error_nm = panel._curves[0].getData()  # type: ignore[attr-defined]  # what is drawn
    assert len(t_s) == 50
    assert np.abs(error_nm).max() <= 1
    retype(find(running, QLineEdit, "z_lock.shift"), "250")
    assert rig.expect(ShiftZLock).distance_nm == 250.0
    beads.setText("one")
    assert beads.property("refused")
    click(switch)
    assert not rig.expect(SwitchZLock).on, "letting go is always possible"
    rig.send(LockChanged(LockState("z_lock")))
    look(running, qapp)
    click(switch)
    assert not [message for message in rig.heard() if isinstance(message, SwitchZLock)]


def test_a_lock_that_lets_go_is_seen(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    gone = LockState("z_lock", "off", "bead 3 is lost", begun=1)
    rig.send(LockChanged(gone), rig.status(locks=(LockState("xy_lock", "on"), gone)))
    running.show_panel("z_lock")
    look(running, qapp)
    assert "Z-lock has let go: bead 3 is lost" in text_of(running, "z_lock.text")
    labels = [label for label in running.findChildren(QLabel) if label.objectName() != "z_lock.text"]
    assert any("Z-lock has let go: bead 3 is lost" in label.text() for label in labels)


def test_rois_follow_all_but_the_beads_left_out(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    rig.add_beads((50.0, 60.0), (150.0, 60.0))
    running.show_panel("xy_lock")
    look(running, qapp)
    click(find(running, QPushButton, "xy_lock.switch"))
    assert rig.expect(SwitchXYLock) == SwitchXYLock(True)
    follow = find(running, QCheckBox, "xy_lock.follow")
    assert follow.isChecked()
    click(follow, QPoint(8, 8))
    assert rig.expect(FollowBead) == FollowBead(0, False)
    rig.send(LockChanged(LockState("xy_lock", "on", "", (0,), 120.0, corrections=4)))
    look(running, qapp)
    assert not follow.isChecked()
    assert text_of(running, "xy_lock.text") == "XY-lock on (120.0 nm) · 4 ROIs moved · not followed: 0"
    # Which line is which, and no distance below 0.
    legend = text_of(running, "xy_lock.legend")
    assert running.panels["xy_lock"].theme.x in legend.split("all beads, rms")[0]
    assert running.panels["xy_lock"].theme.y in legend.split("farthest")[0].split("rms")[1]
    (low, high) = running.panels["xy_lock"].plot.viewRange()[1]  # type: ignore[attr-defined]  # what is drawn
    assert low == 0
    assert high >= 50, "in nm, as what is said above"


def test_drift_is_switched(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    running.show_panel("drift")
    look(running, qapp)
    click(find(running, QPushButton, "drift.switch"))
    assert rig.expect(SwitchDrift) == SwitchDrift(True)


def test_traces_end_now_and_hold_gaps() -> None:
    rows = np.array([[0, 1e9, np.nan], [1, 9e9, 5.0], [2, 10e9, -1.0]])
    t_s, lines = lock_trace(rows, (2,), int(11e9), 5.0)
    np.testing.assert_allclose(t_s, (-2.0, -1.0))
    assert bead_names((0,)) == "bead 0"
    assert bead_names((0, 4)) == "beads 0, 4"
    np.testing.assert_allclose(lines, ((5.0, -1.0),))
    assert nice_limits(lines, 1.0) == pytest.approx((-1.3, 5.3))
    assert nice_limits(np.full((1, 2), np.nan), 4.0) == (-2.0, 2.0)
    assert parse_ids(" 7,3 3 ") == (3, 7)
    assert parse_ids("") == ()
    assert parse_ids("3; 7") is None


@pytest.mark.parametrize(("every_s", "off_s"), [(0.04, 1.5), (0.9, 3.0), (5.0, 15.0)])
def test_nothing_is_drawn_across_the_time_in_which_a_lock_was_off(every_s: float, off_s: float) -> None:
    """A lock that looks seldom is drawn all the same."""
    at_s = every_s * np.arange(8.0)
    at_s[5:] += off_s
    rows = np.column_stack((np.arange(8.0), 1e9 * at_s, np.ones(8), np.arange(8.0)))
    t_s, lines = lock_trace(rows, (2, 3), int(1e9 * at_s[-1]), 100.0)
    assert t_s.shape == (9,)
    np.testing.assert_array_equal(np.isnan(lines), np.tile(np.arange(9) == 5, (2, 1)))
    assert np.all(np.diff(t_s) >= 0)
    assert lock_trace(rows[:1], (2,), 0, 100.0)[0].shape == (1,)
    assert lock_trace(rows[:0], (2,), 0, 100.0)[1].shape == (1, 0)
