"""Panel: the live image with its beads."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QAction, QKeySequence, QShortcut
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QVBoxLayout

from gui.icons import icon
from gui.models.quantities import age_text, count_text
from gui.panels.panel import Panel, PanelContext
from gui.snapshot import Snapshot
from gui.theme import Theme
from gui.widgets.image_view import ImageView
from magscope_app.datatypes import TRACKS_COLUMNS

_HINT = "Click: select · drag selected box: move · Shift+click: add · Del: remove · wheel: zoom · drag: pan"
_ADD_HINT = "Click a bead to add it · click a box to select it · A or Esc: done"
_STALE_S = 1.0
#: Refreshes between two looks at the contrast.
_LEVELS_EVERY = 12
#: Refreshes after which a bead that was asked for and did not come is no longer drawn.
_PENDING_FOR = 50
_CENTRE = [TRACKS_COLUMNS.index(name) for name in ("bead_id", "x_nm", "y_nm")]


class ImagePanel(Panel):
    """The newest frame, ROI boxes with ids, tracked centres; beads are added, moved and selected here."""

    period_s: ClassVar[float] = 0.04
    needs_picture: ClassVar[bool] = True

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.setObjectName("image")
        self.view = ImageView()
        self.view.overlay.roi_px = self.session.config.beads.roi_px
        self._icons: list[tuple[QAction, str]] = []
        self.add_action = self._action("add", "Add beads", "A", "image.add", checkable=True)
        self.zoom_in_action = self._action("zoom_in", "Zoom in", "+", "image.zoom_in")
        self.zoom_in_action.setShortcuts(["+", "=", "Ctrl++"])
        self.zoom_out_action = self._action("zoom_out", "Zoom out", "-", "image.zoom_out")
        self.fit_action = self._action("fit", "Whole image", "F", "image.fit")
        self.contrast_action = self._action(
            "contrast", "Automatic contrast", "C", "image.contrast", checkable=True
        )
        self.contrast_action.setChecked(True)
        self._under = QLabel()
        self._under.setProperty("role", "dim")
        self._age = QLabel()
        self._age.setObjectName("image.age")
        self._hint = QLabel(_HINT)
        self._hint.setProperty("role", "dim")
        self._hint.setMinimumWidth(10)
        self._hint.setIndent(6)
        self._refreshes = self._pending_since = 0
        self._lay_out()
        self._connect()
        self.set_theme(context.theme)

    @property
    def actions_of_image(self) -> tuple[QAction, ...]:
        """What can be done here, for the menu."""
        return tuple(action for action, _ in self._icons)

    def _action(self, glyph: str, text: str, key: str, name: str, *, checkable: bool = False) -> QAction:
        action = QAction(text, self)
        action.setObjectName(name)
        action.setShortcut(key)
        action.setCheckable(checkable)
        action.setToolTip(f"{text} ({key})")
        self._icons.append((action, glyph))
        return action

    def _lay_out(self) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(4, 2, 4, 0)
        for action in self.actions_of_image:
            button = QToolButton()
            button.setDefaultAction(action)
            button.setAutoRaise(True)
            button.setIconSize(QSize(18, 18))
            button.setObjectName(f"{action.objectName()}.button")
            bar.addWidget(button)
        bar.addSpacing(8)
        bar.addWidget(self._under)
        bar.addStretch()
        bar.addWidget(self._age)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(bar)
        column.addWidget(self.view, 1)
        column.addWidget(self._hint)

    def _connect(self) -> None:
        self.view.bead_chosen.connect(self.session.select)
        self.view.bead_added.connect(self._add)
        self.view.bead_moved.connect(self.session.move_bead)
        self.view.hovered.connect(self._show_under)
        self.add_action.toggled.connect(self._set_adding)
        leave = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        leave.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        leave.activated.connect(lambda: self.add_action.setChecked(False))
        self.zoom_in_action.triggered.connect(lambda: self.view.zoom(1))
        self.zoom_out_action.triggered.connect(lambda: self.view.zoom(-1))
        self.fit_action.triggered.connect(self.view.fit)
        self.contrast_action.toggled.connect(self.view.set_auto_levels)

    def _add(self, x_px: float, y_px: float) -> None:
        self._pending_since = self._refreshes
        self.session.add_bead(x_px, y_px)

    def _set_adding(self, on: bool) -> None:
        self.view.set_adding(on)
        self._hint.setText(_ADD_HINT if on else _HINT)
        if on:
            self.view.setFocus()

    def _show_under(self, under: tuple[float, float, int] | None) -> None:
        self._under.setText("" if under is None else f"x {under[0]:.1f}  y {under[1]:.1f} px   {under[2]} DN")

    def refresh(self, snapshot: Snapshot) -> None:
        """Show the newest frame."""
        self._refreshes += 1
        overlay = self.view.overlay
        self.view.set_boxes(snapshot.boxes)
        overlay.selected = snapshot.selected
        overlay.roles = {bead_id: bead.role for bead_id, bead in snapshot.state.beads.items()}
        overlay.centres = self._centres(snapshot)
        if overlay.pending and self._refreshes - self._pending_since > _PENDING_FOR:
            overlay.pending = ()
        self._show_age(snapshot)
        if snapshot.picture is not None:
            self.view.show_image(snapshot.picture.image, snapshot.state.bits)
        if self._refreshes % _LEVELS_EVERY == 0:
            self.view.update_levels()
        self.view.update()

    def _centres(self, snapshot: Snapshot) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        centres = snapshot.history.latest()[:, _CENTRE]
        centres[:, 1:] /= self.session.config.optics.nm_per_px
        return centres

    def _show_age(self, snapshot: Snapshot) -> None:
        age_s = snapshot.picture_age_s
        limit_s = max(_STALE_S, 2.5 / self.session.config.camera.fps)
        if age_s is None or snapshot.picture is None:
            self.view.stale_text = "Waiting for the first image"
            self._age.setText("")
            return
        old = age_s > limit_s
        self.view.stale_text = f"No new image for {age_text(age_s)}" if old else ""
        age = f"{age_text(age_s)} old" if old else "live"
        self._age.setText(f"frame {count_text(snapshot.picture.frame_id)} · {age}")

    def set_theme(self, theme: Theme) -> None:
        """Draw the icons in the new colour."""
        super().set_theme(theme)
        for action, glyph in self._icons:
            action.setIcon(icon(glyph, theme.text))
