"""How often the real window draws the image."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from PyQt6.QtCore import QEvent, QObject, QTimer, qInstallMessageHandler
from PyQt6.QtWidgets import QApplication

from gui.application import open_window
from gui.feeds import BufferHandles
from gui.session import Session
from magscope_app.errors import MagscopeError
from magscope_app.processes.link import Link

#: Everything is drawn for the first time; then it is counted.
_SETTLE_S, _COUNT_S = 2.5, 4.0
_SIZE_PX = 1920, 1080


def count_drawing(link: Link, handles: BufferHandles, *, quiet: bool) -> tuple[float, float]:
    """Open the window and count.

    Parameters
    ----------
    link : Link
        To whoever plays the supervisor.
    handles : BufferHandles
        To the shared memory.
    quiet : bool
        Without a screen, Qt says of every widget what it cannot do; that is left out.

    Returns
    -------
    updates_per_s, processor : float
        Images drawn in a second, and processors taken, 1 for a whole one.

    Raises
    ------
    MagscopeError
        The window was closed.
    """
    if quiet:
        qInstallMessageHandler(lambda *_said: None)
    application = QApplication(["magscope-app"])
    session = Session(link, handles)
    meter = _Meter(application)
    with TemporaryDirectory(prefix="magscope-bench-") as folder:
        try:
            window = open_window(application, session, Path(folder))
            window.resize(*_SIZE_PX)
            window.image.view.installEventFilter(meter)
            session.ended.connect(application.quit)
            meter.begin()
            application.exec()
            window.timer.stop()
            window.hide()
        finally:
            session.close()
    return meter.result()


class _Meter(QObject):
    """Counts the paintings of the widgets it filters, between two moments, and ends the application."""

    def __init__(self, application: QApplication) -> None:
        super().__init__()
        self._application = application
        self._n_paints = 0
        self._marks: list[tuple[float, float, int]] = []

    def begin(self) -> None:
        """Count from soon on."""
        QTimer.singleShot(round(1e3 * _SETTLE_S), self._mark)
        QTimer.singleShot(round(1e3 * (_SETTLE_S + _COUNT_S)), self._end)

    def result(self) -> tuple[float, float]:
        """Return updates per second and processors. Raises MagscopeError if it was ended too early."""
        if len(self._marks) < 2:
            raise MagscopeError("the window was closed before it was measured")
        (began, took_before, first), (ended, took, last) = self._marks
        return (last - first) / (ended - began), (took - took_before) / (ended - began)

    def eventFilter(self, _widget: QObject | None, event: QEvent | None) -> bool:
        self._n_paints += event is not None and event.type() == QEvent.Type.Paint
        return False

    def _mark(self) -> None:
        self._marks.append((time.perf_counter(), time.process_time(), self._n_paints))

    def _end(self) -> None:
        self._mark()
        self._application.quit()
