"""States of the axes, reconnecting, force, and every field of numbers."""

from __future__ import annotations

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton

from gui.panels.beads import BeadsPanel
from gui.panels.registry import PANELS
from gui.widgets.number_field import NumberField
from gui.window import MainWindow
from magscope_app.messages import (
    Message,
    MotorChanged,
    MotorStatus,
    ProcessState,
    RampForce,
    ReconnectMotor,
    SelectBead,
    SetForce,
)
from tests.gui.hands import click, find, look, press, retype, seen, text_of, until
from tests.gui.rig import Rig, with_magnet

#: With a focus and a magnet whose force is known.
MICROSCOPE = with_magnet


@pytest.fixture
def running(window: MainWindow, rig: Rig, qapp: QApplication) -> MainWindow:
    rig.open_devices()
    rig.axis("magnet", 2.0, 2.0, moving=False)
    rig.add_beads((100.0, 80.0))
    until(window, qapp, lambda: window.session.force is not None)
    rig.heard()
    return window


def test_force_is_shown_set_and_ramped(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    running.show_panel("force")
    look(running, qapp)
    assert text_of(running, "force.value") == "14.7 pN"
    assert text_of(running, "force.range") == "0.27 to 24.3 pN"
    target = find(running, QLineEdit, "force.target")
    retype(target, "5")
    assert rig.expect(SetForce) == SetForce(5.0)
    retype(find(running, QLineEdit, "force.rate"), "0.5")
    click(find(running, QPushButton, "force.ramp"))
    assert rig.expect(RampForce) == RampForce(5.0, 0.5)
    retype(target, "30")
    click(find(running, QPushButton, "force.ramp"))
    assert not [message for message in rig.heard() if isinstance(message, SetForce | RampForce)]
    assert text_of(running, "force.refused") == "the limits of the magnet allow 0.27 to 24.3 pN, not 30 pN"
    running.show_panel("beads")
    look(running, qapp)
    beads = running.panels["beads"]
    assert isinstance(beads, BeadsPanel)
    assert beads.model.index(0, 7).data() == "14.72"


def test_a_lost_axis_is_said_everywhere_and_can_be_reconnected(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    running.show_panel("motors")
    said = "magnet: no answer for 2 s; check the cable and reconnect it"
    rig.send(MotorChanged(MotorStatus("magnet", "lost", said)), MotorChanged(MotorStatus("focus", "ready")))
    look(running, qapp)
    assert text_of(running, "notice.text") == said
    assert text_of(running, "motor.magnet.trouble") == said
    assert text_of(running, "status.motors.value") == "magnet"
    alarm = running.strip.boxes["motors"]
    assert seen(alarm).pixelColor(4, 4).name() == running.panels["motors"].theme.alarm.background
    assert not find(running, QPushButton, "motor.magnet.go").isEnabled()
    assert find(running, QPushButton, "motor.focus.go").isEnabled()
    button = find(running, QPushButton, "motor.magnet.reconnect")
    click(button)
    assert rig.expect(ReconnectMotor) == ReconnectMotor("magnet")
    rig.send(MotorChanged(MotorStatus("magnet", "ready")))
    look(running, qapp)
    assert not button.isVisible()
    assert text_of(running, "status.motors.value") == "at rest"


def test_an_axis_in_error_shows_where_it_is_and_how_old_that_is(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    running.show_panel("motors")
    rig.send(MotorChanged(MotorStatus("focus", "error", "focus goes on after a stop")))
    for position in (100.0, 150.0):
        rig.focus(position, 10.0, moving=True)
        look(running, qapp)
        assert text_of(running, "motor.focus.position") == f"{position:.0f} nm"
        assert "error" in [label.text() for label in running.panels["motors"].findChildren(QLabel)]
    rig.axis("focus", 160.0, 10.0, moving=True, age_s=3.0)
    look(running, qapp)
    assert find(running, QLabel, "motor.focus.position").property("old")


@pytest.mark.parametrize(("state", "tone"), [("hung", "alarm"), ("slow", "warn"), ("restarting", "warn")])
def test_a_process_in_trouble_changes_the_colour_of_its_field(
    running: MainWindow, rig: Rig, qapp: QApplication, state: str, tone: str
) -> None:
    rig.send(rig.status(processes=(ProcessState("camera", state, 3), ProcessState("gui", "running", 4))))
    look(running, qapp)
    assert text_of(running, "status.processes.value") == "camera"
    theme = running.panels["image"].theme
    wanted = {"alarm": theme.alarm, "warn": theme.warn}[tone].background
    assert seen(running.strip.boxes["processes"]).pixelColor(4, 4).name() == wanted


def test_a_wrong_value_is_refused_in_every_field(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    rig.frame()
    rig.focus(120.0, 120.0, moving=False)
    for entry in PANELS:
        running.show_panel(entry.key)
        look(running, qapp)
    rig.heard()
    fields = running.findChildren(NumberField)
    assert len(fields) >= 8
    for field in fields:
        field.setEnabled(True)
        for typed in ("rubbish", "1e400", "-99999999"):
            retype(field, typed)
            assert field.property("refused"), (field.objectName(), typed)
            assert field.toolTip()
        press(field, Qt.Key.Key_Escape)
        assert not field.property("refused")
        assert "no number" not in field.toolTip()
    sent: list[Message] = [message for message in rig.heard() if not isinstance(message, SelectBead)]
    assert sent == []


def test_everything_that_can_be_set_says_what_it_is(running: MainWindow, qapp: QApplication) -> None:
    for entry in PANELS:
        running.show_panel(entry.key)
        look(running, qapp)
    for key, panel in running.panels.items():
        for label, widget in panel.settings():
            assert label
            assert widget.toolTip(), f"{key}: {label}"
    assert all(field.objectName() for field in running.findChildren(NumberField))


def test_limits_and_the_last_target_of_an_axis_can_be_read(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    running.show_panel("motors")
    look(running, qapp)
    assert text_of(running, "motor.focus.range") == "-500 to 500 nm"
    rig.focus(118.0, 120.0, moving=False)
    look(running, qapp)
    assert text_of(running, "motor.focus.range") == "-500 to 500 nm; sent to 120 nm"
