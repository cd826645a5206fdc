"""Panel: camera settings, built from the camera's own description."""

from __future__ import annotations

from PyQt6.QtWidgets import QFormLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from gui.models.setting_label import setting_label
from gui.models.state import State
from gui.panels.panel import Panel, PanelContext
from gui.snapshot import Snapshot
from gui.widgets.message_label import MessageLabel
from gui.widgets.setting_control import SettingControl
from magscope_app.devices.setting import Setting


class CameraPanel(Panel):
    """A control per setting; what the camera made of a value is shown as soon as it says so."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.setObjectName("camera")
        self.controls: dict[str, SettingControl] = {}
        self._version = -1
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QScrollArea.Shape.NoFrame)
        self._refused = MessageLabel("camera.refused", "refused")
        self._refused.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._area, 1)
        column.addWidget(self._refused)
        self._rebuild(())

    def settings(self) -> list[tuple[str, QWidget]]:
        """Return the controls of the camera's settings, also where nobody has looked at this panel yet."""
        self._follow(self.session.state)
        return [(setting_label(control.setting), control.widget) for control in self.controls.values()]

    def refresh(self, snapshot: Snapshot) -> None:
        """Show the settings when they have changed."""
        self._follow(snapshot.state)

    def _follow(self, state: State) -> None:
        if state.camera_version == self._version:
            return
        self._version = state.camera_version
        settings = state.camera_settings
        if [_shape(setting) for setting in settings] != [_shape(c.setting) for c in self.controls.values()]:
            self._rebuild(settings)
        for setting in settings:
            self.controls[setting.name].show(setting)

    def _rebuild(self, settings: tuple[Setting, ...]) -> None:
        page = QWidget()
        form = QFormLayout(page)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.controls = {}
        driver = QLabel(self.session.config.camera.driver.partition(":")[2])
        driver.setToolTip(self.session.config.camera.driver)
        form.addRow("Camera", driver)
        for setting in settings:
            control = SettingControl(setting, self.session.set_camera, self._tell)
            self.controls[setting.name] = control
            label = QLabel(setting_label(setting))
            label.setToolTip(control.widget.toolTip())
            form.addRow(label, control.widget)
        if not settings:
            form.addRow(QLabel("The camera has described no settings yet."))
        self._area.setWidget(page)

    def _tell(self, why_not: str) -> None:
        self._refused.setText(why_not)
        self._refused.setVisible(bool(why_not))


def _shape(setting: Setting) -> tuple[object, ...]:
    """Return what decides which control a setting gets."""
    return setting.name, setting.kind, setting.choices, setting.read_only, setting.unit
