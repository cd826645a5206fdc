"""The control of one described setting."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtWidgets import QCheckBox, QComboBox, QLabel, QWidget

from gui.widgets.checked_field import TextField, why_no_line
from gui.widgets.choice_box import ChoiceBox
from gui.widgets.number_field import NumberField
from gui.widgets.tick_box import TickBox
from magscope_app.devices.setting import Setting, SettingKind, SettingValue

Send = Callable[[str, SettingValue], None]
Tell = Callable[[str], None]


class SettingControl:
    """Builds the widget that fits a setting, and keeps it at the device's value.

    Parameters
    ----------
    setting : Setting
        As the device describes it.
    send : callable
        Called with name and value when the user has chosen one.
    tell : callable
        Called with the reason when a value is refused, with "" when all is well again.
    """

    def __init__(self, setting: Setting, send: Send, tell: Tell) -> None:
        self.setting = setting
        self._send = send
        self._tell = tell
        self.widget = self._build()
        self.widget.setObjectName(f"camera.{setting.name}")
        self.widget.setToolTip(_help_of(setting))
        self.show(setting)

    def _build(self) -> QWidget:
        if self.setting.read_only:
            return QLabel()
        match self.setting.kind:
            case SettingKind.BOOL:
                box = TickBox()
                box.clicked.connect(lambda checked: self._send(self.setting.name, bool(checked)))
                return box
            case SettingKind.CHOICE:
                choices = ChoiceBox()
                choices.addItems(self.setting.choices)
                choices.textActivated.connect(lambda text: self._send(self.setting.name, text))
                return choices
            case SettingKind.TEXT:
                line = TextField(why_no_line)
                line.refused.connect(self._tell)
                line.editingFinished.connect(lambda: self._finish_text(line))
                return line
            case _:
                field = NumberField(self._why_not)
                field.committed.connect(self._finish_number)
                field.refused.connect(self._tell)
                return field

    def _why_not(self, value: float) -> str | None:
        return self.setting.why_not(value)

    def _finish_number(self, value: float) -> None:
        self._send(self.setting.name, int(value) if self.setting.kind is SettingKind.INT else value)

    def _finish_text(self, line: TextField) -> None:
        if line.isModified() and not line.is_refused:
            line.setModified(False)
            self._send(self.setting.name, line.text())

    def show(self, setting: Setting) -> None:
        """Show what the device has now."""
        self.setting = setting
        widget = self.widget
        if isinstance(widget, QCheckBox):
            widget.setChecked(bool(setting.value))
        elif isinstance(widget, QComboBox):
            widget.setCurrentText(str(setting.value))
        elif isinstance(widget, NumberField):
            widget.show_number(float(setting.value))
        elif isinstance(widget, TextField):
            widget.show_text(str(setting.value))
        elif isinstance(widget, QLabel):
            value = f"{setting.value:g}" if isinstance(setting.value, float) else str(setting.value)
            widget.setText(value)


def _help_of(setting: Setting) -> str:
    parts = [setting.help or f"The camera's setting “{setting.name}”"]
    if setting.limits is not None and not setting.read_only:
        parts.append(f"{setting.limits[0]:g} to {setting.limits[1]:g} {setting.unit}".rstrip())
    return "\n".join(parts)
