"""Panel: the live image with its beads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtGui import QAction, QKeySequence, QShortcut
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from gui.models.bead_table import n_saturated
from gui.models.picture import saturated_share
from gui.models.quantities import age_text
from gui.models.selection import Selection
from gui.panels.panel import Panel, PanelContext
from gui.snapshot import Snapshot
from gui.theme import Theme
from gui.widgets.bead_menu import open_bead_menu
from gui.widgets.elided import ElidedLabel
from gui.widgets.find_bar import FindBar
from gui.widgets.image_tools import ImageTools
from gui.widgets.image_view import ImageView
from gui.widgets.levels_bar import LevelsBar
from gui.widgets.saturation import SaturationLabel
from magscope_app.datatypes import TRACKS_COLUMNS
from magscope_app.messages import Bead

_HINT = (
    "Click: select · Ctrl: several · drag or arrows: move selected · Shift+click: add · "
    "right click: remove, roles · wheel: zoom"
)
_ADD_HINT = "Click a bead to add it · click a box to select it · Esc: done"
#: Refreshes between two looks at contrast and saturation.
_LEVELS_EVERY = 30
#: Refreshes after which a bead that was asked for and did not come is no longer drawn.
_PENDING_FOR = 120
_CENTRE = [TRACKS_COLUMNS.index(name) for name in ("bead_id", "x_nm", "y_nm")]


class ImagePanel(Panel):
    """The newest frame, ROI boxes with ids, tracked centres; beads are added, moved and selected here."""

    period_s: ClassVar[float] = 0.0
    needs_picture: ClassVar[bool] = True

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.setObjectName("image")
        self.view = ImageView()
        self.tools = ImageTools(self.session, context.theme)
        self.add_action = self.tools.add
        self.finder = FindBar(self.session)
        self.levels = LevelsBar(self.view.display, context.theme)
        self._hint = ElidedLabel(_HINT)
        self._hint.setProperty("role", "dim")
        self._hint.setToolTip(_HINT)
        # It gives way to whatever else is to be said.
        self._hint.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.saturation = SaturationLabel(context.theme)
        #: Place and grey level under the mouse.
        self.under = QLabel()
        self.under.setObjectName("image.under")
        self._refreshes = self._pending_since = 0
        self._drawn: tuple[object, ...] = ()
        self._beads: Mapping[int, Bead] = {}
        self._lay_out()
        self._connect()
        self.set_theme(context.theme)

    @property
    def actions_of_image(self) -> tuple[QAction, ...]:
        """What can be done here, for the menu."""
        return self.tools.actions_of_image

    def settings(self) -> list[tuple[str, QWidget]]:
        """Return what can be set above and below the image."""
        return [
            ("ROI size", self.tools.roi),
            ("least score of beads that are found", self.finder.score),
            *self.levels.settings(),
        ]

    def show_setting(self, widget: QWidget) -> None:
        """Show the bar that a setting is in."""
        if self.levels.isAncestorOf(widget):
            self.tools.levels.setChecked(True)
        elif self.finder.isAncestorOf(widget):
            self.finder.look()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.tools)
        column.addWidget(self.view, 1)
        column.addWidget(self.finder)
        column.addWidget(self.levels)
        foot = QHBoxLayout()
        foot.setContentsMargins(6, 0, 6, 0)
        foot.addWidget(self.saturation)
        foot.addWidget(self._hint, 1)
        foot.addWidget(self.under)
        column.addLayout(foot)

    def _connect(self) -> None:
        self.view.bead_chosen.connect(self.session.select)
        self.view.bead_toggled.connect(lambda bead: self.session.choose(self.session.selection.toggled(bead)))
        self.view.beads_banded.connect(self._choose_besides)
        self.view.beads_moved.connect(self.session.beads.move)
        self.view.bead_added.connect(self._add)
        self.view.hovered.connect(self._show_under)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._open_menu)
        self.add_action.toggled.connect(self._set_adding)
        self.escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        self.escape.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.escape.activated.connect(self.leave)
        self.tools.look.triggered.connect(self.finder.look)
        self.tools.zoom_in.triggered.connect(lambda: self.view.zoom(1))
        self.tools.zoom_out.triggered.connect(lambda: self.view.zoom(-1))
        self.tools.fit.triggered.connect(self.view.fit)
        self.tools.levels.toggled.connect(self._show_levels)
        self.levels.changed.connect(self.view.update_levels)

    def _show_levels(self, on: bool) -> None:
        self.levels.setVisible(on)
        # The next refresh looks at the levels.
        self._refreshes = 0

    def _show_under(self, under: tuple[float, float, int] | None) -> None:
        self.under.setText("" if under is None else f"x {under[0]:.1f}  y {under[1]:.1f} px   {under[2]} DN")

    def leave(self) -> None:
        """Forget a drag, and put tools and bars away; the keyboard is the image's."""
        self.view.cancel_gesture()
        self.view.setFocus()
        self.add_action.setChecked(False)
        self.finder.leave()

    def _choose_besides(self, bead_ids: tuple[int, ...]) -> None:
        selection = self.session.selection
        self.session.choose(Selection.of(selection.chosen | set(bead_ids), selection.shown))

    def _open_menu(self, at: QPoint) -> None:
        under = self.view.bead_at(at)
        if under is not None and under not in self.session.selection.chosen:
            self.session.select(under)
        if under is not None:
            open_bead_menu(self, self.session, self.view.mapToGlobal(at))

    def _add(self, x_px: float, y_px: float) -> None:
        self._pending_since = self._refreshes
        self.session.beads.add(x_px, y_px)

    def _set_adding(self, on: bool) -> None:
        self.view.set_adding(on)
        self._hint.setText(_ADD_HINT if on else _HINT)
        if on:
            self.view.setFocus()

    def refresh(self, snapshot: Snapshot) -> None:
        """Show the newest frame."""
        self._refreshes += 1
        overlay = self.view.overlay
        self.view.set_boxes(snapshot.boxes)
        overlay.selection = snapshot.selection
        if snapshot.state.beads is not self._beads:
            self._beads = snapshot.state.beads
            overlay.roles = {bead_id: bead.role for bead_id, bead in self._beads.items()}
        stamp = (str(snapshot.history.newest_t_s), snapshot.state.beads_version)
        if stamp != overlay.stamp:
            overlay.stamp = stamp
            overlay.centres = self._centres(snapshot)
        overlay.roi_px = snapshot.state.roi_px
        overlay.is_old = bool(self.age_of_rows(snapshot))
        self.finder.refresh(snapshot)
        overlay.candidates = self.finder.candidates
        if overlay.pending and abs(self._refreshes - self._pending_since) > _PENDING_FOR:
            overlay.pending = ()
        self._show_age(snapshot)
        if snapshot.picture is not None:
            self.view.show_image(snapshot.picture.image, snapshot.state.bits)
            if self._refreshes % _LEVELS_EVERY == 1:
                self._look_at_levels(snapshot)
        self._repaint_if_changed(snapshot)

    def _repaint_if_changed(self, snapshot: Snapshot) -> None:
        """Paint only what is new: a slow camera costs nothing between two frames."""
        overlay = self.view.overlay
        drawn = (
            None if snapshot.picture is None else snapshot.picture.frame_id,
            snapshot.boxes.version,
            snapshot.selection,
            overlay.roles,
            snapshot.history.newest_t_s,
            overlay.is_old,
            self.view.stale_text,
            overlay.candidates,
            overlay.pending,
        )
        if drawn != self._drawn:
            self._drawn = drawn
            self.view.update()

    def _look_at_levels(self, snapshot: Snapshot) -> None:
        self.view.update_levels()
        if snapshot.picture is not None:
            share = saturated_share(snapshot.picture.image, snapshot.state.bits)
            self.saturation.show_share(share, n_saturated(snapshot.history.latest()))
        if self.levels.isVisible():
            self.levels.refresh(snapshot)

    def _centres(self, snapshot: Snapshot) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        centres = snapshot.history.latest()[:, _CENTRE]
        centres[:, 1:] /= self.session.config.optics.nm_per_px
        return centres

    def _show_age(self, snapshot: Snapshot) -> None:
        age_s = snapshot.picture_age_s
        old = age_s is not None and age_s > self.session.stale_after_s
        self.tools.refresh(snapshot, old=old)
        if age_s is None:
            self.view.stale_text = "Waiting for the first image"
        else:
            self.view.stale_text = f"No new image for {age_text(age_s)}" if old else ""

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        super().set_theme(theme)
        self.tools.set_theme(theme)
        self.levels.set_theme(theme)
        self.saturation.theme = theme
