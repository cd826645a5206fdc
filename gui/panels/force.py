"""Panel: force on the tethered beads, from the height of the magnet."""

from __future__ import annotations

from PyQt6.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from gui.models.age import MOTOR_STALE_S
from gui.models.force import force_at
from gui.models.quantities import MISSING, age_text
from gui.panels.panel import Panel, PanelContext
from gui.snapshot import Snapshot
from gui.widgets.message_label import MessageLabel
from gui.widgets.number_field import NumberField
from gui.widgets.old import mark_old
from magscope_app.devices.errors import LimitError
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
        self.go.setToolTip("Move the magnet to where the force is that at the left")
        self.rate = NumberField(lambda value: None if value > 0 else "give a loading rate above 0 pN/s")
        self.rate.setObjectName("force.rate")
        self.rate.setToolTip("Loading rate in pN/s: how fast the force changes in a ramp")
        self.rate.show_number(1.0)
        self.ramp = QPushButton("Ramp")
        self.ramp.setObjectName("force.ramp")
        self.ramp.setToolTip("Go to the force above at this loading rate; STOP ALL MOTORS ends it")
        self._refused = MessageLabel("force.refused", "refused")
        self._refused.hide()
        self._lay_out()
        self.target.returnPressed.connect(self._move)
        self.target.refused.connect(self._tell)
        self.go.clicked.connect(self._move)
        self.rate.refused.connect(self._tell)
        self.ramp.clicked.connect(self._ramp)

    def _lay_out(self) -> None:
        goal = QHBoxLayout()
        goal.addWidget(self.target, 1)
        goal.addWidget(QLabel("pN"))
        goal.addWidget(self.go)
        loading = QHBoxLayout()
        loading.addWidget(self.rate, 1)
        loading.addWidget(QLabel("pN/s"))
        loading.addWidget(self.ramp)
        form = QFormLayout()
        form.addRow("Magnet height", self._height)
        form.addRow("Can be reached", self._range)
        column = QVBoxLayout(self)
        column.addWidget(self._force)
        column.addLayout(form)
        column.addLayout(goal)
        column.addLayout(loading)
        column.addWidget(self._refused)
        why = QLabel(self._why_none())
        why.setWordWrap(True)
        column.addWidget(why)
        column.addStretch()
        self._controls = (self.target, self.go, self.rate, self.ramp)
        for widget in self._controls:
            widget.setEnabled(False)

    def _why_none(self) -> str:
        if self._magnet is None:
            return "The config has no motor with the role magnet_height, so there is no force."
        if self.session.config.force is None:
            return "The config has no [force] model, so the height of the magnet is no force."
        return "Beads on their own tethers feel this force; per bead it may differ by some per cent."

    def settings(self) -> list[tuple[str, QWidget]]:
        """Return the field that goes to a force."""
        return [("go to a force", self.target), ("loading rate, ramp", self.rate)]

    def _limits_pn(self) -> tuple[float, float] | None:
        """Return the weakest and the strongest force within the limits of the magnet, None if not known."""
        if self._info is None or self.session.force is None:
            return None
        try:
            return self.session.force.forces_pn(*self._info.limits)
        except LimitError:
            return None

    def _why_not(self, value: float) -> str | None:
        limits_pn = self._limits_pn()
        if limits_pn is None:
            return "the magnet is not open, or the force is not known within its limits"
        low, high = limits_pn
        if low <= value <= high:
            return None
        return f"the limits of the magnet allow {low:.3g} to {high:.3g} pN, not {value:g} pN"

    def _move(self) -> None:
        force_pn = self.target.number()
        if force_pn is not None:
            self.session.set_force(force_pn)

    def _ramp(self) -> None:
        force_pn, rate_pn_s = self.target.number(), self.rate.number()
        if force_pn is not None and rate_pn_s is not None:
            self.session.ramp_force(force_pn, rate_pn_s)

    def _tell(self, why_not: str) -> None:
        self._refused.setText(why_not)
        self._refused.setVisible(bool(why_not))

    def refresh(self, snapshot: Snapshot) -> None:
        """Show force and height."""
        force_pn = force_at(self.session.force, self.session.config, snapshot.motors)
        self._force.setText(f"{MISSING} pN" if force_pn is None else f"{force_pn:.3g} pN")
        if self._magnet is None or self.session.config.force is None:
            return
        name = self._magnet.name
        self._info = next((info for info in snapshot.state.motors if info.name == name), None)
        reading = snapshot.motors.get(name)
        age_s = 0.0 if reading is None else snapshot.motor_age_s(name)
        age = f", {age_text(age_s)} old" if age_s > MOTOR_STALE_S else ""
        self._height.setText(MISSING if reading is None else f"{reading.position:.3f} mm{age}")
        for label in (self._force, self._height):
            mark_old(label, old=bool(age))
        limits_pn = self._limits_pn()
        for widget in self._controls:
            widget.setEnabled(limits_pn is not None)
        if limits_pn is not None:
            self._range.setText(f"{limits_pn[0]:.3g} to {limits_pn[1]:.3g} pN")
