"""Qt's part of the process: application, colours, window, end."""

from __future__ import annotations

import logging
import sys
import traceback
from types import TracebackType

from PyQt6.QtCore import QTimer
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QApplication

from gui.feeds import BufferHandles
from gui.session import Session
from gui.theme import put_on, resolve
from gui.window import MainWindow
from magscope_app.errors import described
from magscope_app.processes.link import Link

_log = logging.getLogger("magscope_app.gui")
#: After the window is closed, the supervisor has this long to end the process.
_END_TIMEOUT_MS = 10_000
_SIZE = 1920, 1080


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
        window.hide()
        return code
    finally:
        session.close()
        sys.excepthook = hook


def open_window(application: QApplication, session: Session) -> MainWindow:
    """Show the window and tell the supervisor."""
    name = session.config.gui.theme
    theme = resolve(name)
    put_on(application, theme)
    window = MainWindow(session, theme)
    screen = QGuiApplication.primaryScreen()
    if screen is not None:
        free = screen.availableGeometry()
        window.resize(min(_SIZE[0], free.width()), min(_SIZE[1], free.height()))
        window.move(free.topLeft())
    window.arrange()
    window.show()
    window.start()
    # The window has its real size only now; shares of a wrong width would stay wrong.
    QTimer.singleShot(0, window.arrange)
    QTimer.singleShot(0, session.announce)
    hints = QGuiApplication.styleHints()
    if name == "system" and hints is not None:
        hints.colorSchemeChanged.connect(lambda: _follow_desktop(application, window))
    return window


def _follow_desktop(application: QApplication, window: MainWindow) -> None:
    theme = resolve("system")
    put_on(application, theme)
    window.set_theme(theme)


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
