"""Panel: all axes."""

from __future__ import annotations

from PyQt6.QtWidgets import QLabel, QVBoxLayout, QWidget

from gui.panels.panel import Command, Panel, PanelContext
from gui.snapshot import Snapshot
from gui.widgets.motor_box import MotorBox


class MotorsPanel(Panel):
    """Position, target, limits, steps of every axis of the config. Stop-all is in the strip below, always."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.setObjectName("motors")
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        self.boxes = {motor.name: MotorBox(self.session, motor) for motor in self.session.config.motors}
        for box in self.boxes.values():
            column.addWidget(box)
        if not self.boxes:
            column.addWidget(QLabel("The config names no motors."))
        column.addStretch()

    def settings(self) -> list[tuple[str, QWidget]]:
        """Return the fields that move axes."""
        found: list[tuple[str, QWidget]] = []
        for name, box in self.boxes.items():
            found += [(f"{name}, go to", box.target), (f"{name}, step", box.step)]
        return found

    def commands(self) -> list[tuple[str, Command]]:
        """Return what moves axes, by their names."""
        return [
            (f"{name}, {what}", command)
            for name, box in self.boxes.items()
            for what, command in box.commands.items()
        ]

    def refresh(self, snapshot: Snapshot) -> None:
        """Show where the axes are."""
        for info in snapshot.state.motors:
            if info.name in self.boxes:
                self.boxes[info.name].set_info(info)
        for name, box in self.boxes.items():
            reading = snapshot.motors.get(name)
            box.show_status(snapshot.state.motor_states.get(name))
            box.show_reading(reading, snapshot.motor_age_s(name))
