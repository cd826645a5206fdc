"""The strip along the bottom: the state of everything, and stop-all."""

from __future__ import annotations

import math

import numpy as np
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QMouseEvent, QResizeEvent
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from gui.models.age import stale_after_s
from gui.models.room import shares
from gui.models.status_fields import KEYS, StatusFacts, StatusField, status_fields
from gui.snapshot import Snapshot
from gui.theme import Pair, Theme, grown
from gui.widgets.elided import ElidedLabel
from magscope_app.config import Config
from magscope_app.datatypes import TRACKS_COLUMNS

_X = TRACKS_COLUMNS.index("x_nm")
#: Height of the large text in pixels, at least; in a window so wide it grows with the other text.
LARGE_PX, _GROWS_FROM_PX = 24, 2400
#: A field is never narrower: the colour and the first letters must be seen.
_LEAST_PX = 56


class FieldBox(QFrame):
    """A caption over a large text on the colour of its tone."""

    clicked = pyqtSignal()

    def __init__(self, key: str, theme: Theme) -> None:
        super().__init__()
        self.setObjectName(f"status.{key}")
        # Its width is shared out by the strip: no text may widen the window.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(_LEAST_PX)
        self.caption = ElidedLabel()
        self.value = ElidedLabel()
        self.value.setObjectName(f"status.{key}.value")
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 3, 6, 3)
        column.setSpacing(0)
        column.addWidget(self.caption)
        column.addWidget(self.value)
        self._theme = theme
        self._shown: StatusField | None = None

    def show_field(self, field: StatusField, theme: Theme) -> None:
        """Show a field; costs nothing when it is the same as before."""
        if field == self._shown and theme is self._theme:
            return
        if self._shown is None or field.tone != self._shown.tone or theme is not self._theme:
            self._colour(field, theme)
        self._shown, self._theme = field, theme
        self.caption.setText(field.caption)
        self.value.setText(field.text)
        self.setToolTip(field.help)

    def forget(self) -> None:
        """Show the next field anew whatever was shown."""
        self._shown = None

    def needed(self, *, short: bool) -> int:
        """Return the width of all that it says; with the short text where there is one."""
        if self._shown is not None:
            self.value.setText(self._shown.short or self._shown.text if short else self._shown.text)
        beside = self.width() - self.contentsRect().width() + 14
        return max(_LEAST_PX, *(part.sizeHint().width() + beside for part in (self.caption, self.value)))

    def _colour(self, field: StatusField, theme: Theme) -> None:
        pairs = {"warn": theme.warn, "alarm": theme.alarm, "record": theme.record}
        pairs["dim"] = Pair(theme.calm.background, theme.dim)
        pair = pairs.get(field.tone, theme.calm)
        caption = theme.dim if field.tone in ("calm", "dim") else pair.text
        self.setStyleSheet(
            f"FieldBox {{ background: {pair.background}; border: 1px solid {theme.line};"
            " border-radius: 4px; }"
            f"QLabel {{ color: {pair.text}; background: transparent;"
            f" font-size: {self._large_px()}px; font-weight: 600; }}"
        )
        size_px = grown(12, self.fontInfo().pixelSize())
        self.caption.setStyleSheet(f"color: {caption}; font-size: {size_px}px; font-weight: 400;")

    def _large_px(self) -> int:
        window = self.window()
        wide = window is not None and window.width() >= _GROWS_FROM_PX
        return max(LARGE_PX, round(1.6 * self.fontInfo().pixelSize())) if wide else LARGE_PX

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: ARG002 - Qt's signature
        """Tell that somebody wants to know more."""
        self.clicked.emit()


class StatusStrip(QWidget):
    """Fields of at least 24 px text, and a button that stops every axis at once."""

    #: Key of the field that was clicked.
    field_clicked = pyqtSignal(str)
    stop_all = pyqtSignal()

    def __init__(self, config: Config, theme: Theme) -> None:
        super().__init__()
        self._config = config
        self._theme = theme
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._needed: list[int] = []
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(4, 3, 4, 3)
        row.setSpacing(4)
        self.boxes = {key: FieldBox(key, theme) for key in KEYS}
        for key, box in self.boxes.items():
            box.clicked.connect(lambda key=key: self.field_clicked.emit(key))
            row.addWidget(box, 1)
        self.stop_button = QPushButton("STOP\nALL MOTORS")
        self.stop_button.setObjectName("status.stop_all")
        self.stop_button.setProperty("role", "stop")
        self.stop_button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.stop_button.pressed.connect(self.stop_all)
        row.addWidget(self.stop_button)

    def refresh(self, snapshot: Snapshot) -> None:
        """Show the newest state."""
        for field in status_fields(self._facts(snapshot)):
            self.boxes[field.key].show_field(field, self._theme)
        self._share_out()

    def _share_out(self) -> None:
        """Give every field the width of what it says; where there is none, short texts, then the ends go."""
        boxes = list(self.boxes.values())
        room = sum(box.width() for box in boxes)
        needed = [box.needed(short=False) for box in boxes]
        if sum(needed) > room:
            needed = [box.needed(short=True) for box in boxes]
        if needed != self._needed:
            self._needed = needed
            for box, width in zip(boxes, shares(needed, room), strict=True):
                self._row.setStretchFactor(box, width)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Share out the new width with the next look."""
        super().resizeEvent(event)
        self._needed = []
        for box in self.boxes.values():
            box.forget()

    def _facts(self, snapshot: Snapshot) -> StatusFacts:
        state = snapshot.state
        latest = snapshot.history.latest()
        configured = self._config.camera
        return StatusFacts(
            status=state.status,
            age_s=state.status_age_s,
            expected_fps=state.asked_fps(configured),
            beads_seen=int(np.isfinite(latest[:, _X]).sum()),
            rows_age_s=snapshot.rows_age_s,
            stale_after_s=stale_after_s(state.fps(configured)),
            motors_age_s=max((snapshot.motor_age_s(name) for name in snapshot.motors), default=0.0),
            loss_age_s=state.rates.loss_age_s,
            silent_s=state.silent_s,
            motors_moving=sum(reading.moving for reading in snapshot.motors.values()),
            motors=len(state.motors),
            finishing=state.stopping,
            motor_states=tuple(state.motor_states.values()),
            disk_minutes=math.inf if state.progress is None else state.progress.disk_minutes,
        )

    def set_theme(self, theme: Theme) -> None:
        """Take other colours, and text of another size, with the next refresh."""
        self._theme = theme
        for box in self.boxes.values():
            box.forget()
