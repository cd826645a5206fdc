"""What a process no longer says looks old: the age beside it, and dimmed."""

from __future__ import annotations

from pathlib import Path

import pytest
from PyQt6.QtCore import QPoint
from PyQt6.QtWidgets import QApplication, QLabel

from gui.models.status_fields import StatusFacts, status_fields
from gui.theme import LIGHT
from gui.window import MainWindow
from magscope_app.devices.setting import Setting, SettingKind
from magscope_app.messages import CameraSettings, Counters, ProcessState, RecordingProgress, SystemStatus
from tests.gui.hands import find, look, seen, spot, text_of, until
from tests.gui.rig import Rig, with_magnet

#: With a focus and a magnet whose force is known.
MICROSCOPE = with_magnet


@pytest.fixture
def running(window: MainWindow, rig: Rig, qapp: QApplication) -> MainWindow:
    rig.open_devices()
    rig.add_beads((100.0, 80.0), (200.0, 150.0))
    rig.frame()
    rig.rows(20)
    rig.focus(120.0, 120.0, moving=False)
    rig.axis("magnet", 2.0, 2.0, moving=False)
    until(window, qapp, lambda: window.session.force is not None)
    return window


def colour_of(window: MainWindow, name: str) -> str:
    label = find(window, QLabel, name)
    label.ensurePolished()
    return label.palette().color(label.foregroundRole()).name()


def test_motors_that_say_nothing_look_old(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    for panel in ("motors", "force"):
        running.show_panel(panel)
        look(running, qapp)
    assert text_of(running, "force.value") == "14.7 pN"
    assert colour_of(running, "force.value") == colour_of(running, "motor.magnet.position") == LIGHT.text
    rig.axis("magnet", 2.0, 2.0, moving=False, age_s=4.0)
    for panel in ("motors", "force"):
        running.show_panel(panel)
        look(running, qapp)
    assert text_of(running, "force.height").startswith("2.000 mm, 4.")
    assert text_of(running, "force.height").endswith(" s old")
    assert running.strip.boxes["motors"].caption.text().startswith("motors 4.")
    assert colour_of(running, "force.value") == colour_of(running, "motor.magnet.position") == LIGHT.dim
    assert colour_of(running, "status.motors.value") == LIGHT.dim != colour_of(running, "status.disk.value")
    assert colour_of(running, "motor.focus.position") == LIGHT.text
    rig.axis("magnet", 2.0, 2.0, moving=False)
    look(running, qapp)
    assert text_of(running, "force.height") == "2.000 mm"
    assert colour_of(running, "force.value") == LIGHT.text


def test_beads_of_which_nothing_is_heard_look_old(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    rig.frame()
    rig.send(rig.status())
    look(running, qapp)
    view = running.image.view

    def greenness(at: QPoint) -> int:
        colour = seen(view).pixelColor(at)
        return colour.green() - colour.red()

    middle, near = spot(running, 200.0, 150.0), range(-4, 5)
    cross = max((middle + QPoint(dx, dy) for dx in near for dy in near), key=greenness)
    bright = greenness(cross)
    assert bright > 60
    assert running.strip.boxes["beads"].caption.text() == "beads"
    running.session.history.newest_t_s -= 4.0
    look(running, qapp)
    assert greenness(cross) < 0.7 * bright
    assert running.strip.boxes["beads"].caption.text().startswith("beads 4.")
    assert colour_of(running, "status.beads.value") == LIGHT.dim


def test_a_supervisor_that_says_nothing_makes_its_panel_old(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    running.show_panel("system")
    rig.send(rig.status(processes=(ProcessState("camera", "running"), ProcessState("tracking", "slow"))))
    look(running, qapp)
    age = find(running, QLabel, "system.age")
    assert not age.isVisible()
    assert LIGHT.warn.background in text_of(running, "system.processes")
    running.session.state.status_at_ns -= 4_000_000_000
    look(running, qapp)
    assert age.isVisible()
    assert age.text().startswith("No news from the supervisor for 4.")
    assert colour_of(running, "system.processes") == colour_of(running, "system.lost_ring") == LIGHT.dim
    assert LIGHT.warn.background not in text_of(running, "system.processes")


def test_a_recording_of_which_nothing_is_heard_looks_old(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    running.show_panel("recording")
    rig.send(rig.status(recording=Path("data"), recording_seconds=62.0), RecordingProgress(5000, 31_000.0))
    look(running, qapp)
    age = find(running, QLabel, "recording.age")
    assert not age.isVisible()
    assert colour_of(running, "recording.state") == LIGHT.text
    running.session.state.status_at_ns -= 4_000_000_000
    look(running, qapp)
    assert age.isVisible()
    assert age.text().startswith("No news from the supervisor for 4.")
    assert "Recording for 00:01:02" in text_of(running, "recording.state")
    assert colour_of(running, "recording.state") == colour_of(running, "recording.disk") == LIGHT.dim
    rig.send(rig.status())
    look(running, qapp)
    assert not age.isVisible()
    assert colour_of(running, "recording.state") == LIGHT.text


def test_a_loss_long_ago_stays_said_but_no_longer_shouts(rig: Rig) -> None:
    status: SystemStatus = rig.status(counters=Counters(frames_acquired=1000, lost_ring=7))

    def tone(age_s: float) -> str:
        facts = StatusFacts(status, 0.0, 100.0, 0, 0, 0, loss_age_s=age_s)
        field = next(field for field in status_fields(facts) if field.key == "lost")
        assert field.text == "7"
        return field.tone

    assert [tone(age_s) for age_s in (0.0, 59.0, 61.0, 1e5)] == ["alarm", "alarm", "warn", "warn"]


def test_a_new_loss_is_recent_again(window: MainWindow, rig: Rig, qapp: QApplication) -> None:
    rig.open_devices()
    seconds = 1_000_000_000
    for t_s, lost in ((10, 0), (20, 7), (200, 7), (210, 8)):
        counters = Counters(frames_acquired=1000, lost_ring=lost)
        rig.send(rig.status(timestamp_ns=t_s * seconds, counters=counters))
        look(window, qapp)
        wanted = {10: LIGHT.calm, 20: LIGHT.alarm, 200: LIGHT.warn, 210: LIGHT.alarm}[t_s]
        assert seen(window.strip.boxes["lost"]).pixelColor(4, 4).name() == wanted.background, t_s


def test_what_was_lost_before_the_window_opened_is_said_but_not_as_new(
    window: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    box = window.strip.boxes["lost"]
    for t_s, lost, when in (
        (7200, 7, "before this window was opened"),
        (7205, 7, "before this window was opened"),
        (7300, 8, "0.0 s ago"),
        (7304, 8, "4.0 s ago"),
    ):
        counters = Counters(frames_acquired=100 * t_s, lost_ring=lost)
        rig.send(rig.status(timestamp_ns=t_s * 1_000_000_000, counters=counters))
        look(window, qapp)
        assert box.value.text() == str(lost)
        assert f"ring {lost}, tracking 0, recording 0; the newest loss was {when}" in box.toolTip()
        wanted = LIGHT.warn if lost == 7 else LIGHT.alarm
        assert seen(box).pixelColor(4, 4).name() == wanted.background, t_s


@pytest.mark.parametrize("is_described", [False, True])
def test_a_slow_camera_is_old_only_after_some_of_its_own_frames(
    running: MainWindow, rig: Rig, qapp: QApplication, is_described: bool
) -> None:
    rig.frame(age_s=2.0)
    look(running, qapp)
    assert running.image.view.stale_text.startswith("No new image for 2")
    if is_described:
        rig.send(CameraSettings((Setting("fps", SettingKind.FLOAT, 0.5, "1/s", (0.1, 200.0)),)))
    else:
        rig.send(rig.status(fps=0.5))
    look(running, qapp)
    assert running.image.view.stale_text == ""
    assert running.session.stale_after_s == 5.0
    rig.send(rig.status(fps=0.0), CameraSettings((Setting("fps", SettingKind.FLOAT, 80.0, "1/s"),)))
    look(running, qapp)
    assert running.image.view.stale_text.startswith("No new image for 2")
