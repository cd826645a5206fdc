"""Panel: force on the tethered beads, from the height of the magnet."""

from __future__ import annotations

from PyQt6.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from gui.models.force import force_at, force_of_height, height_of_force
from gui.models.quantities import MISSING
from gui.panels.panel import Panel, PanelContext
from gui.snapshot import Snapshot
from gui.widgets.number_field import NumberField
from magscope_app.messages import MotorInfo


class ForcePanel(Panel):
    """The force now, the forces that can be reached, and a field that goes to a force."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.setObjectName("force")
        self._magnet = self.session.config.motor_with_role("magnet_height")
        self._info: MotorInfo | None = None
        self._force = QLabel(MISSING)
        self._force.setObjectName("force.value")
        self._force.setProperty("role", "big")
        self._height = QLabel(MISSING)
        self._height.setObjectName("force.height")
        self._range = QLabel(MISSING)
        self._range.setObjectName("force.range")
        self.target = NumberField(self._why_not)
        self.target.setObjectName("force.target")
        self.target.setPlaceholderText("go to")
        self.target.setToolTip("Force in pN; Return moves the magnet to where the force is this")
        self.go = QPushButton("Go")
        self.go.setObjectName("force.go")
        self._refused = QLabel()
        self._refused.setObjectName("force.refused")
        self._refused.setProperty("role", "refused")
        self._refused.setWordWrap(True)
        self._refused.hide()
        self._lay_out()
        self.target.returnPressed.connect(self._move)
        self.target.refused.connect(self._tell)
        self.go.clicked.connect(self._move)

    def _lay_out(self) -> None:
        goal = QHBoxLayout()
        goal.addWidget(self.target, 1)
        goal.addWidget(QLabel("pN"))
        goal.addWidget(self.go)
        form = QFormLayout()
        form.addRow("Magnet height", self._height)
        form.addRow("Can be reached", self._range)
        column = QVBoxLayout(self)
        column.addWidget(self._force)
        column.addLayout(form)
        column.addLayout(goal)
        column.addWidget(self._refused)
        why = QLabel(self._why_none())
        why.setWordWrap(True)
        column.addWidget(why)
        column.addStretch()
        for widget in (self.target, self.go):
            widget.setEnabled(False)

    def _why_none(self) -> str:
        if self._magnet is None:
            return "The config has no motor with the role magnet_height, so there is no force."
        if self.session.config.force is None:
            return "The config has no [force] model, so the height of the magnet is no force."
        return "Beads on their own tethers feel this force; per bead it may differ by some per cent."

    def settings(self) -> list[tuple[str, QWidget]]:
        """Return the field that goes to a force."""
        return [("go to a force", self.target)]

    def _limits_pn(self) -> tuple[float, float]:
        assert self._info is not None
        forces = sorted(force_of_height(self.session.config, height) for height in self._info.limits)
        return forces[0], forces[1]

    def _why_not(self, value: float) -> str | None:
        if self._info is None:
            return "the magnet is not open"
        low, high = self._limits_pn()
        if low <= value <= high:
            return None
        return f"the limits of the magnet allow {low:.3g} to {high:.3g} pN, not {value:g} pN"

    def _move(self) -> None:
        force_pn = self.target.number()
        if force_pn is not None and self._magnet is not None:
            self.session.move_motor(self._magnet.name, height_of_force(self.session.config, force_pn))

    def _tell(self, why_not: str) -> None:
        self._refused.setText(why_not)
        self._refused.setVisible(bool(why_not))

    def refresh(self, snapshot: Snapshot) -> None:
        """Show force and height."""
        force_pn = force_at(self.session.config, snapshot.motors)
        self._force.setText(f"{MISSING} pN" if force_pn is None else f"{force_pn:.3g} pN")
        if self._magnet is None or self.session.config.force is None:
            return
        name = self._magnet.name
        self._info = next((info for info in snapshot.state.motors if info.name == name), None)
        reading = snapshot.motors.get(name)
        self._height.setText(MISSING if reading is None else f"{reading.position:.3f} mm")
        for widget in (self.target, self.go):
            widget.setEnabled(self._info is not None)
        if self._info is not None:
            low, high = self._limits_pn()
            self._range.setText(f"{low:.3g} to {high:.3g} pN")
