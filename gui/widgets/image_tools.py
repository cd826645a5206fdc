"""The tools above the live image: actions with icons, the side of the ROIs, number and age of the frame."""

from __future__ import annotations

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from gui.desk import Desk
from gui.icons import icon
from gui.models.quantities import age_text, count_text
from gui.session import Session
from gui.snapshot import Snapshot
from gui.theme import Theme
from gui.widgets.elided import ElidedLabel
from gui.widgets.number_field import NumberField
from magscope_app.processes.bead_owner import MAX_ROI_PX, MIN_ROI_PX

#: Number and age of the frame are told so often.
_AGE_EVERY_NS = 150_000_000


class ImageTools(QWidget):
    """A line above the image.

    Parameters
    ----------
    session : Session
        Resizes ROIs.
    theme : Theme
        Colours.
    """

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._theme = theme
        self._icons: list[tuple[QAction, str]] = []
        self._was_old, self._told_ns = False, -_AGE_EVERY_NS
        self.add = self._action("add", "Add beads", "A", "image.add", checkable=True)
        self.look = self._action("find", "Find beads", "B", "image.find")
        self.zoom_in = self._action("zoom_in", "Zoom in", "+", "image.zoom_in")
        self.zoom_in.setShortcuts(["+", "=", "Ctrl++"])
        self.zoom_out = self._action("zoom_out", "Zoom out", "-", "image.zoom_out")
        self.fit = self._action("fit", "Whole image", "F", "image.fit")
        self.levels = self._action("contrast", "Levels and colours", "H", "image.levels", checkable=True)
        self.roi = NumberField(_why_no_roi)
        self.roi.setObjectName("image.roi")
        self.roi.setToolTip(f"Side of every ROI in pixels, {MIN_ROI_PX} to {MAX_ROI_PX}; Return resizes all")
        self.roi.setFixedWidth(52)
        self._age = ElidedLabel()
        self._age.setObjectName("image.age")
        self._age.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._lay_out()
        self.roi.committed.connect(lambda value: session.beads.resize(int(value)))

    @property
    def actions_of_image(self) -> tuple[QAction, ...]:
        """Every action, for the menu."""
        return tuple(action for action, _ in self._icons)

    def _action(self, glyph: str, text: str, key: str, name: str, *, checkable: bool = False) -> QAction:
        action = QAction(text, self)
        action.setObjectName(name)
        action.setShortcut(key)
        action.setCheckable(checkable)
        self._icons.append((action, glyph))
        return action

    def tell_keys(self, desk: Desk) -> None:
        """Say with which key each tool is used, too."""
        for action in self.actions_of_image:
            action.setToolTip(desk.with_key(action.text(), action.objectName()))

    def _lay_out(self) -> None:
        bar = QHBoxLayout(self)
        bar.setContentsMargins(4, 2, 4, 0)
        for action in self.actions_of_image:
            button = QToolButton()
            button.setDefaultAction(action)
            button.setAutoRaise(True)
            button.setIconSize(QSize(18, 18))
            button.setObjectName(f"{action.objectName()}.button")
            bar.addWidget(button)
        bar.addSpacing(6)
        for widget in (QLabel("ROI"), self.roi, QLabel("px")):
            bar.addWidget(widget)
        bar.addSpacing(6)
        bar.addWidget(self._age, 1)

    def refresh(self, snapshot: Snapshot, *, old: bool) -> None:
        """Show number and age of the newest frame."""
        self.roi.show_number(snapshot.state.roi_px)
        age_s = snapshot.picture_age_s
        # A text that changes with every frame cannot be read, and costs a layout each time.
        if old == self._was_old and snapshot.now_ns < self._told_ns + _AGE_EVERY_NS:
            return
        self._was_old, self._told_ns = old, snapshot.now_ns
        if snapshot.picture is None or age_s is None:
            self._age.setText("")
            return
        age = f"{age_text(age_s)} old" if old else "live"
        # Where there is no room for both, the age is read rather than the number.
        self._age.setText(f"{age} · frame {count_text(snapshot.picture.frame_id)}")
        self._age.setToolTip(self._age.text())

    def set_theme(self, theme: Theme) -> None:
        """Draw the icons in the new colour."""
        self._theme = theme
        for action, glyph in self._icons:
            action.setIcon(icon(glyph, theme.text))


def _why_no_roi(value: float) -> str | None:
    if value == int(value) and MIN_ROI_PX <= value <= MAX_ROI_PX:
        return None
    return f"a ROI has {MIN_ROI_PX} to {MAX_ROI_PX} whole pixels, not {value:g}"
