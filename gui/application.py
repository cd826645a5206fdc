"""Qt's part of the process: application, colours, window, end."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import cast

from PyQt6.QtCore import QByteArray, QTimer
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QApplication

from gui.feeds import BufferHandles
from gui.models.preferences import PREFERENCES, Preferences, load_preferences, user_folder
from gui.session import Session
from gui.theme import Theme, ThemeName, put_on, resolve
from gui.window import MainWindow
from magscope_app.errors import described
from magscope_app.processes.link import Link

_log = logging.getLogger("magscope_app.gui")
#: After the window is closed, the supervisor has this long to end the process.
_END_TIMEOUT_MS = 10_000
#: Size of the first window, or this share of a screen that is larger.
_SIZE, _SHARE = (1920, 1080), 0.8


def run_window(link: Link, handles: BufferHandles) -> int:
    """Show the window until the user closes it or the supervisor ends."""
    application = QApplication(["magscope-app"])
    application.setApplicationName("MagScope App")
    application.setQuitOnLastWindowClosed(False)
    hook = sys.excepthook
    sys.excepthook = ErrorReport().take
    session = Session(link, handles)
    try:
        window = open_window(application, session)
        session.ended.connect(application.quit)
        window.left.connect(lambda: QTimer.singleShot(_END_TIMEOUT_MS, application.quit))
        code = application.exec()
        window.timer.stop()
        window.keep()
        window.hide()
        return code
    finally:
        session.close()
        sys.excepthook = hook


def open_window(application: QApplication, session: Session, folder: Path | None = None) -> MainWindow:
    """Show the window as it was left and tell the supervisor.

    Parameters
    ----------
    application : QApplication
        Gets the colours.
    session : Session
        To the engine.
    folder : Path, optional
        Where the user's choices are kept; the user's own if not given.
    """
    folder = user_folder() if folder is None else folder
    preferences, said = load_preferences(folder / PREFERENCES)
    if said:
        session.state.warn(said)
    looks = Looks(application, preferences, session.config.gui.theme)
    window = MainWindow(session, looks.put_on(), preferences, folder)
    looks.follow(window)
    if keys := window.desk.settle_keys():
        session.state.warn(keys)
    _place(window)
    window.show()
    window.start()
    # The window has its real size only now; shares of a wrong width would stay wrong.
    QTimer.singleShot(0, window.restore_or_arrange)
    QTimer.singleShot(0, session.announce)
    return window


def _place(window: MainWindow) -> None:
    """Give the window the size and place that it had, or the whole screen; of a large one most of it."""
    saved = window.desk.preferences.geometry
    if saved and window.restoreGeometry(QByteArray.fromHex(saved.encode())):
        return
    screen = QGuiApplication.primaryScreen()
    if screen is not None:
        free = screen.availableGeometry()
        wanted = [
            min(room, max(least, round(_SHARE * room)))
            for least, room in zip(_SIZE, (free.width(), free.height()), strict=True)
        ]
        window.resize(*wanted)
        window.move(free.topLeft())
    window.arrange()


class Looks:
    """Colours and size of the text: those of the preferences, else of the config, else of the desktop.

    Parameters
    ----------
    application : QApplication
        Gets them.
    preferences : Preferences
        What the user has chosen.
    configured : ThemeName
        What the config says.
    """

    def __init__(self, application: QApplication, preferences: Preferences, configured: ThemeName) -> None:
        self._application = application
        self._preferences = preferences
        self._configured = configured

    def put_on(self) -> Theme:
        """Give them to the application."""
        name = cast("ThemeName", self._preferences.theme or self._configured)
        theme = resolve(name)
        put_on(self._application, theme, self._preferences.font_px)
        return theme

    def follow(self, window: MainWindow) -> None:
        """Put on what the user, or the desktop, chooses from now on."""
        window.desk.looks_changed.connect(lambda: window.set_theme(self.put_on()))
        hints = QGuiApplication.styleHints()
        if hints is not None:
            hints.colorSchemeChanged.connect(lambda: window.set_theme(self.put_on()))


class ErrorReport:
    """Sends an error nobody caught to the log, once, instead of letting Qt end the process."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def take(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Replace `sys.excepthook`."""
        text = "".join(traceback.format_exception(kind, error, trace))
        if text not in self._told:
            self._told.add(text)
            _log.error("an error in the window, please report it: %s", described(error))
            # For the run's log, which a report takes along; nobody reads it in a terminal.
            _log.debug(text)
