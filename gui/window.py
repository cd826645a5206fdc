"""The main window: docks, strip, bars, and the one timer."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

from PyQt6.QtCore import QByteArray, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QKeyEvent, QResizeEvent
from PyQt6.QtWidgets import (
    QAbstractButton,
    QDockWidget,
    QLayout,
    QMainWindow,
    QMenuBar,
    QTabWidget,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from gui.closing_bar import ClosingBar
from gui.columns import Columns
from gui.desk import Desk
from gui.finding import entries_of
from gui.guard import Guard
from gui.hints import HINTS
from gui.icon_bar import IconBar
from gui.icons import icon
from gui.layout import arrange, is_wide
from gui.menus import Menus
from gui.models.preferences import PREFERENCES, Preferences
from gui.notice_bar import HintBar
from gui.panels.image import ImagePanel
from gui.panels.panel import Panel, PanelContext
from gui.panels.registry import PANELS, PanelEntry
from gui.said_row import SaidRow
from gui.session import Session
from gui.session_files import SessionFiles
from gui.snapshot import Snapshot
from gui.status_strip import StatusStrip
from gui.theme import Theme
from gui.widgets.found import Found
from gui.widgets.page import Page
from gui.widgets.palette import Palette

#: Time between two looks at the microscope, in ms: with the window open, with a slow camera, and minimised.
TICK_MS, TICK_SLOW_MS, TICK_MINIMISED_MS = 16, 40, 250
#: A camera that needs no more than the slow tick.
_SLOW_FPS = 25.0
#: Beads and settings are kept so often, for the case that the computer fails.
_KEEP_EVERY_MS = 30_000
#: The layout is kept so long after the last change of it.
_KEEP_LAYOUT_AFTER_MS = 2_000
_STRIP_PERIOD_S = 0.25
#: The window is never smaller: the fields along the bottom still fit.
_LEAST_PX = 800, 480
#: Panel that tells more about a field of the strip.
_PANEL_OF_FIELD = {
    "fps": "camera",
    "beads": "beads",
    "buffer": "losses",
    "lost": "losses",
    "recording": "recording",
    "disk": "recording",
    "motors": "motors",
    "locks": "z_lock",
    "processes": "system",
}


class MainWindow(QMainWindow):
    """Shows the panels of the registry. A timer pulls one snapshot and hands it to what is visible.

    Parameters
    ----------
    session : Session
        To the engine.
    theme : Theme
        Colours.
    preferences : Preferences, optional
        What the user has chosen; as at first if not given.
    folder : Path, optional
        Where they and the last session are kept; nowhere if not given.
    """

    #: The window is closed for good.
    left = pyqtSignal()

    def __init__(
        self,
        session: Session,
        theme: Theme,
        preferences: Preferences | None = None,
        folder: Path | None = None,
    ) -> None:
        super().__init__()
        self.session = session
        kept = None if folder is None else folder / PREFERENCES
        self.desk = Desk(preferences or Preferences(), session.background, kept)
        self._theme = theme
        self.guard = Guard()
        self.panels: dict[str, Panel] = {}
        self.docks: dict[str, QDockWidget] = {}
        self.columns = Columns(self, self.docks)
        self._visible: set[str] = set()
        self._due_s: dict[str, float] = {}
        self._snapshot: Snapshot | None = None
        for entry in PANELS:
            self._add_dock(entry, entry.factory(PanelContext(session, theme, self.desk)))
        self.image = cast("ImagePanel", self.panels["image"])
        self.strip = StatusStrip(session.config, theme)
        self._menu_bar = QMenuBar()
        self.hints = HintBar(HINTS, self.desk.preferences.hints_seen, self.desk.save, self.desk.key_of)
        self.said, self.closing = SaidRow(self._menu_bar, self.hints), ClosingBar()
        self.notice, self.done = self.said.notice, self.said.done
        self.palette_bar = Palette(self, lambda: entries_of(self))
        self.found = Found(self)
        self.files = SessionFiles(session, self, folder)
        self._leaving = False
        self._build_frame()
        self._connect()
        self.set_theme(theme)
        self._make_timers()

    # --- building ----------------------------------------------------------------------------

    def _add_dock(self, entry: PanelEntry, panel: Panel) -> None:
        key, dock = entry.key, QDockWidget(entry.title, self)
        dock.setObjectName(f"dock.{key}")
        dock.setWidget(Page(panel, keeps_width=entry.place == "controls"))
        dock.topLevelChanged.connect(lambda _: self._colour_buttons())
        dock.dockLocationChanged.connect(lambda _: self._keep_layout_soon())
        dock.visibilityChanged.connect(lambda visible, key=key: self._note_visible(key, visible))
        self.panels[key] = panel
        self.docks[key] = dock
        self._due_s[key] = 0.0

    def _make_timers(self) -> None:
        self.timer = QTimer(self)
        self.timer.setTimerType(Qt.TimerType.PreciseTimer)
        self.timer.timeout.connect(self.tick)
        self._keeping = QTimer(self)
        self._keeping.timeout.connect(self.files.remember)
        self._keeping.timeout.connect(self.remember)
        # A window that is killed has no time to keep anything.
        self._keeping_layout = QTimer(self)
        self._keeping_layout.setSingleShot(True)
        self._keeping_layout.timeout.connect(self.remember)

    def _build_frame(self) -> None:
        self.setObjectName("window")
        self.setWindowTitle(f"MagScope App – {self.session.config.session.name}")
        self.setDockNestingEnabled(True)
        self.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        self.setTabPosition(Qt.DockWidgetArea.RightDockWidgetArea, QTabWidget.TabPosition.East)
        self.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        head = QWidget()
        column = QVBoxLayout(head)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.menus = Menus(self, self._menu_bar)
        for part in (self.said, self.closing):
            column.addWidget(part)
        self.setMenuWidget(head)
        foot = QToolBar("Status")
        foot.setObjectName("status")
        foot.setMovable(False)
        foot.addWidget(self.strip)
        hide = foot.toggleViewAction()
        if hide is not None:
            hide.setVisible(False)
        self.addToolBar(Qt.ToolBarArea.BottomToolBarArea, foot)
        self.icon_bar = IconBar(self.docks, self.show_panel)
        fold = self.icon_bar.toggleViewAction()
        if fold is not None:
            fold.setVisible(False)
        self.addToolBar(Qt.ToolBarArea.RightToolBarArea, self.icon_bar)
        layout = self.layout()
        assert layout is not None
        # Where a screen is smaller than all minima, panels are cut, not the button that stops the motors.
        layout.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self.setMinimumSize(*_LEAST_PX)

    def _connect(self) -> None:
        self.strip.stop_all.connect(self.session.stop_motors)
        self.strip.field_clicked.connect(lambda field: self.show_panel(_PANEL_OF_FIELD[field]))
        self.closing.stop_and_close.connect(self.session.stop_recording)
        self.closing.asks.connect(lambda asks: self.image.escape.setEnabled(not asks))
        self.session.selection_changed.connect(self.refresh_soon)
        self.desk.hints_wanted.connect(self.hints.restart)
        self.desk.keys_changed.connect(self._tell_keys)
        self._tell_keys()

    def _tell_keys(self) -> None:
        """Name the keys of now wherever one is named."""
        self.strip.stop_button.setToolTip(self.desk.with_key("Stop every motor at once", "stop_all"))
        self.icon_bar.tell_keys(self.desk)
        self.image.tools.tell_keys(self.desk)
        self.hints.restart()

    def arrange(self) -> None:
        """Put the panels where they stand at first."""
        arrange(self, self.docks, self.width(), self.height())
        self.columns.choose_anew()
        self._colour_buttons()

    def restore(self) -> bool:
        """Put the panels where they were left in a window of this kind; False where that is not known."""
        saved = self.desk.preferences.layout.get(self._kind())
        restored = saved is not None and self.restoreState(QByteArray.fromHex(saved.encode()))
        self.columns.choose_anew()
        self._colour_buttons()
        return restored

    def restore_or_arrange(self) -> None:
        """Put the panels where they were left, or where they stand at first."""
        if self.restore():
            return
        if self._kind() in self.desk.preferences.layout:
            self.session.state.warn("the layout that was kept cannot be used; the panels stand as at first")
        self.arrange()

    def _kind(self) -> str:
        return "wide" if is_wide(self.width()) else "narrow"

    def remember(self) -> None:
        """Keep the place of window and panels for the next session."""
        preferences = self.desk.preferences
        layout, geometry = (bytes(data.data()).hex() for data in (self.saveState(), self.saveGeometry()))
        if (layout, geometry) != (preferences.layout.get(self._kind()), preferences.geometry):
            preferences.layout[self._kind()], preferences.geometry = layout, geometry
            self.desk.save()

    def keep(self) -> None:
        """Keep what the next session may want: layout, beads and settings."""
        self._keeping.stop()
        self._keeping_layout.stop()
        self.remember()
        self.files.remember()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Escape that nobody else wanted puts the tools of the image away."""
        if event is not None and event.key() == Qt.Key.Key_Escape:
            self.image.leave()
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Fold the controls to icons where there is no room for them."""
        super().resizeEvent(event)
        self.icon_bar.setVisible(not is_wide(self.width()))
        self.columns.follow()

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        for panel in self.panels.values():
            panel.set_theme(theme)
        self._theme = theme
        self._colour_buttons()
        self.strip.set_theme(theme)
        self.said.set_theme(theme)
        self.closing.set_colours(theme.warn)
        self.menus.set_colour(theme.text)
        self.icon_bar.set_colour(theme.text)
        self.refresh_soon()

    def _colour_buttons(self) -> None:
        """Draw the buttons on the titles of panels in the colour of the text.

        Qt gives them its own icons anew whenever a panel is moved, and those are black in every theme.
        """
        for name in ("float", "close"):
            drawn = icon(name, self._theme.text)
            for dock in self.docks.values():
                button = dock.findChild(QAbstractButton, f"qt_dockwidget_{name}button")
                if button is not None:
                    button.setIcon(drawn)

    # --- showing -----------------------------------------------------------------------------

    def show_panel(self, key: str) -> None:
        """Bring a panel to the front."""
        dock = self.docks[key]
        dock.show()
        dock.raise_()
        self._leave_field(lambda panel: panel is not self.panels[key])

    def _leave_field(self, left: Callable[[Panel], bool]) -> None:
        """Take the keyboard out of a field whose panel is left: keys are commands again."""
        focus = self.focusWidget()
        if focus is not None and any(
            left(panel) and panel.isAncestorOf(focus) for panel in self.panels.values()
        ):
            self.setFocus()

    def _note_visible(self, key: str, visible: bool) -> None:
        (self._visible.add if visible else self._visible.discard)(key)
        if not visible:
            self._leave_field(lambda panel: panel is self.panels[key])
        self._due_s[key] = 0.0
        self._keep_layout_soon()

    def _keep_layout_soon(self) -> None:
        """Keep the place of window and panels when they have stood still for a moment."""
        if self._keeping.isActive():
            self._keeping_layout.start(_KEEP_LAYOUT_AFTER_MS)

    def refresh_soon(self) -> None:
        """Let the next tick refresh everything that is visible."""
        self.session.rows_soon()
        for key in self._due_s:
            self._due_s[key] = 0.0

    def start(self) -> None:
        """Begin to look at the microscope."""
        self.timer.start(TICK_MS)
        self._keeping.start(_KEEP_EVERY_MS)

    def tick(self) -> None:
        """Pull a snapshot and hand it to every panel that is visible and due."""
        minimised = self.isMinimized()
        slow = self.session.fps <= _SLOW_FPS
        self._set_interval(TICK_MINIMISED_MS if minimised else TICK_SLOW_MS if slow else TICK_MS)
        visible = set() if minimised else self._visible
        snapshot = self.session.pull(picture=any(self.panels[key].needs_picture for key in visible))
        self._snapshot = snapshot
        now_s = time.monotonic()
        for key in visible:
            # Half a tick of tolerance, so that a timer that is early does not halve the rate.
            if now_s >= self._due_s[key] - TICK_MS / 2000:
                self._due_s[key] = now_s + self.panels[key].period_s
                self.refresh_panel(key)
        self._refresh_frame(snapshot, now_s)

    def refresh_panel(self, key: str) -> None:
        """Let a panel show the newest snapshot, if there is one."""
        if self._snapshot is not None:
            refresh = partial(self.panels[key].refresh, self._snapshot)
            self.guard.run(f"the panel {self.docks[key].windowTitle()}", refresh)

    def _set_interval(self, interval_ms: int) -> None:
        if self.timer.isActive() and self.timer.interval() != interval_ms:
            self.timer.setInterval(interval_ms)

    def _refresh_frame(self, snapshot: Snapshot, now_s: float) -> None:
        state = snapshot.state
        if state.done:
            self.done.tell("; ".join(state.done))
            state.done.clear()
        while state.notices:
            self.notice.tell(state.notices.popleft())
        while state.settled:
            self.notice.withdraw(state.settled.popleft())
        if now_s >= self._due_s.setdefault("strip", 0.0):
            self._due_s["strip"] = now_s + _STRIP_PERIOD_S
            if self.columns.look():
                self._keep_layout_soon()
            self.guard.run("the strip", partial(self.strip.refresh, snapshot))
        self.menus.refresh(self.session)
        if self.closing.waiting and not (state.starting or state.stopping):
            self.closing.waiting = False
            self.close()
        elif not (self.closing.waiting or self.session.is_recording):
            # Somebody stopped it otherwise: there is nothing left to ask.
            self.closing.hide()

    # --- doing -------------------------------------------------------------------------------

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Close, or ask in a bar while a recording runs or starts."""
        if event is None:
            return
        if self.session.is_recording and not self._leaving:
            self.closing.ask()
            event.ignore()
            return
        self.leave()
        event.accept()

    def leave(self) -> None:
        """Ask the supervisor to end everything; the window goes at once."""
        if not self._leaving:
            self._leaving = True
            self.keep()
            self.session.quit()
            self.left.emit()
