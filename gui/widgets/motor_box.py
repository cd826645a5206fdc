"""One axis: where it is, where it goes, how it is moved."""

from __future__ import annotations

import math
from collections.abc import Callable

from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QMenu, QPushButton, QToolButton

from gui.feeds import MotorReading
from gui.models.age import MOTOR_STALE_S
from gui.models.quantities import MISSING, age_text, decimals_of, number_text
from gui.session import Session
from gui.widgets.message_label import MessageLabel
from gui.widgets.number_field import NumberField
from gui.widgets.old import mark_old
from magscope_app.config import MotorConfig
from magscope_app.devices.numbers import apart
from magscope_app.messages import MotorInfo, MotorStatus

_FIRST_STEP = {"nm": 100.0, "um": 1.0, "µm": 1.0, "mm": 0.1, "turns": 1.0, "deg": 10.0}


class MotorBox(QFrame):
    """Controls of one axis; they work once the axis is open.

    Parameters
    ----------
    session : Session
        Takes the commands.
    motor : MotorConfig
        The axis's entry in the config.
    """

    def __init__(self, session: Session, motor: MotorConfig) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.setObjectName(f"motor.{motor.name}")
        self._session = session
        self._name = motor.name
        self._info: MotorInfo | None = None
        self._status: MotorStatus | None = None
        role = "" if motor.role in ("other", motor.name) else f"  ({motor.role.replace('_', ' ')})"
        self._title = QLabel(f"<b>{motor.name}</b>{role}")
        self._position = QLabel(MISSING)
        self._position.setProperty("role", "big")
        self._position.setObjectName(f"motor.{motor.name}.position")
        self._state = QLabel("not open")
        self._state.setProperty("role", "dim")
        self.target = NumberField(self._why_not)
        self.target.setObjectName(f"motor.{motor.name}.target")
        self.target.setPlaceholderText("go to")
        self.step = NumberField(self._why_no_step)
        self.step.setObjectName(f"motor.{motor.name}.step")
        self.step.setToolTip("Size of a step")
        self._limits = ""
        self._range = MessageLabel(f"motor.{motor.name}.range", "dim")
        self._units = QLabel(), QLabel()
        for unit in self._units:
            unit.setContentsMargins(3, 0, 3, 0)
        self._refused = MessageLabel(f"motor.{motor.name}.refused", "refused")
        self._trouble = MessageLabel(f"motor.{motor.name}.trouble", "refused")
        #: What can be done with the axis, by name.
        self.commands = self._make_commands()
        for widget in (self._refused, self._trouble, self.reconnect):
            widget.hide()
        self._lay_out()
        self._connect()

    def _make_commands(self) -> dict[str, QPushButton | QAction]:
        self._go_button = self._button("Go", "go", self._go)
        self._go_button.setToolTip("Move to the position at the left")
        self._back = self._button("◀", "back", lambda: self._jog(-1))
        self._forth = self._button("▶", "forth", lambda: self._jog(1))
        self._home = QAction("Look for the reference position (moves the axis)", self)
        self._home.triggered.connect(lambda: self._session.home_motor(self._name))
        self.reconnect = self._button(
            "Reconnect", "reconnect", lambda: self._session.reconnect_motor(self._name)
        )
        self.reconnect.setToolTip("Close the axis and open it anew; it does not move")
        return {
            "go": self._go_button,
            "one step back": self._back,
            "one step forth": self._forth,
            "home: look for the reference position": self._home,
            "reconnect": self.reconnect,
        }

    def _lay_out(self) -> None:
        more = QToolButton()
        more.setText("⋯")
        more.setToolTip("More")
        more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(more)
        menu.addAction(self._home)
        more.setMenu(menu)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self._title, 1)
        top.addWidget(self._state)
        top.addWidget(more)
        jog = QHBoxLayout()
        jog.addWidget(self._back)
        jog.addWidget(self.step, 1)
        jog.addWidget(self._units[0])
        jog.addWidget(self._forth)
        grid = QGridLayout(self)
        grid.setContentsMargins(8, 6, 8, 6)
        grid.setVerticalSpacing(4)
        grid.addLayout(top, 0, 0, 1, 2)
        grid.addWidget(self._position, 1, 0, 1, 2)
        goal = QHBoxLayout()
        goal.addWidget(self.target, 1)
        goal.addWidget(self._units[1])
        goal.addWidget(self._go_button)
        grid.addWidget(self._range, 2, 0, 1, 2)
        grid.addLayout(goal, 3, 0, 1, 2)
        grid.addLayout(jog, 4, 0, 1, 2)
        grid.addWidget(self._refused, 5, 0, 1, 2)
        grid.addWidget(self._trouble, 6, 0, 1, 2)
        grid.addWidget(self.reconnect, 7, 0, 1, 2)
        self._controls = (self._go_button, self._back, self._forth, more, self._home, self.target, self.step)

    def _connect(self) -> None:
        self.target.returnPressed.connect(self._go)
        self.target.refused.connect(self._tell)
        self.step.refused.connect(self._tell)
        for control in self._controls:
            control.setEnabled(False)

    def _button(self, text: str, name: str, action: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(f"motor.{self._name}.{name}")
        button.setMinimumWidth(36)
        button.clicked.connect(lambda: action())
        return button

    def _go(self) -> None:
        position = self.target.number()
        if position is not None and self.isEnabled():
            self._session.move_motor(self._name, position)

    def _jog(self, sign: int) -> None:
        step = self.step.number()
        if step is not None:
            self._session.jog_motor(self._name, sign * step)

    def _why_not(self, value: float) -> str | None:
        if self._info is None:
            return f"{self._name} is not open"
        low, high = self._info.limits
        if low <= value <= high:
            return None
        wanted, lowest, highest = apart(value, low, high)
        return f"{self._name} goes from {lowest} to {highest} {self._info.unit}, not to {wanted}"

    def _why_no_step(self, value: float) -> str | None:
        if value <= 0:
            return "give a step above 0"
        if self._info is None or value <= self._info.limits[1] - self._info.limits[0]:
            return None
        low, high = self._info.limits
        return f"{self._name} goes from {low:g} to {high:g} {self._info.unit}; give a step within that"

    def _tell(self, why_not: str) -> None:
        self._refused.setText(why_not)
        self._refused.setVisible(bool(why_not))

    def set_info(self, info: MotorInfo) -> None:
        """Take what is known since the axis is open."""
        if info == self._info:
            return
        self._info = info
        low, high = info.limits
        limits = f"{low:g} to {high:g}" if math.isfinite(low) and math.isfinite(high) else "no limits"
        self.target.setToolTip(f"Position in {info.unit}, {limits}; Return or Go moves there")
        self._limits = f"{limits} {info.unit}" if limits != "no limits" else limits
        self._range.setText(self._limits)
        for unit in self._units:
            unit.setText(info.unit)
        self.step.show_number(_FIRST_STEP.get(info.unit, 0.1))
        for name, sign in (("back", "−"), ("forth", "+")):
            button = self.findChild(QPushButton, f"motor.{self._name}.{name}")
            if button is not None:
                button.setToolTip(f"One step {sign} in {info.unit}")
        for control in self._controls:
            control.setEnabled(True)

    def show_status(self, status: MotorStatus | None) -> None:
        """Show what is wrong with the axis, if anything is, and offer to reconnect it."""
        self._status = status
        troubled = status is not None and not status.is_well
        closed = status is not None and status.state in ("closed", "opening", "lost")
        if status is not None and troubled:
            self._trouble.setText(status.text or f"{self._name} does not answer; reconnect it")
        self._trouble.setVisible(troubled)
        self.reconnect.setVisible(status is not None and status.state in ("lost", "closed", "error"))
        for control in self._controls:
            control.setEnabled(self._info is not None and not closed)

    def show_reading(self, reading: MotorReading | None, age_s: float) -> None:
        """Show where the axis is, whatever its state: also one that is in error may move."""
        status, old = self._status, age_s > MOTOR_STALE_S
        words = [] if status is None or status.state in ("ready", "moving") else [str(status.state)]
        if reading is not None and self._info is not None:
            decimals, unit = decimals_of(self._info.unit), self._info.unit
            self._position.setText(f"{number_text(reading.position, decimals)} {unit}")
            target = f"{number_text(reading.target, decimals)} {unit}"
            self._range.setText(f"{self._limits}; sent to {target}")
            mark_old(self._position, old=old)
            if old:
                words.append(f"no position for {age_text(age_s)}")
            elif not words:
                words.append(_doing(reading, target))
        if words:
            self._state.setText(", ".join(words))


def _doing(reading: MotorReading, target: str) -> str:
    if reading.moving:
        return f"moving to {target}" if math.isfinite(reading.target) else "moving"
    return "on target" if reading.at_target else "at rest"
