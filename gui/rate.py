"""A window that counts how often it draws the image, for ``magscope-app bench``."""

from __future__ import annotations

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from gui.feeds import BufferHandles
from gui.libraries import missing_packages, sentence
from magscope_app.bench.window import WindowRate
from magscope_app.cli.display import why_no_window
from magscope_app.errors import MagscopeError
from magscope_app.processes.link import Link

#: Everything is drawn for the first time; then it is counted.
_SETTLE_S, _COUNT_S = 2.5, 4.0
_SIZE_PX = 1920, 1080


def run(link: Link, handles: BufferHandles) -> None:
    """Open the window, count, and send a `WindowRate`; returns when that is sent.

    Parameters
    ----------
    link : Link
        To whoever wants to know.
    handles : BufferHandles
        To the shared memory.

    Raises
    ------
    MagscopeError
        Qt cannot start; the text names what to install.
    """
    packages = missing_packages()
    if packages:
        raise MagscopeError(sentence(packages))
    on_screen = why_no_window() is None
    if not on_screen:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    try:
        updates_per_s, processor = _count(link, handles, quiet=not on_screen)
    except ImportError as error:
        raise MagscopeError(sentence((), str(error))) from error
    link.send(WindowRate(updates_per_s, processor, on_screen))
    link.flush(1.0)


def _count(link: Link, handles: BufferHandles, *, quiet: bool) -> tuple[float, float]:
    """Return the images drawn in a second, and the processors taken for it."""
    from PyQt6.QtCore import QEvent, QObject, QTimer, qInstallMessageHandler
    from PyQt6.QtWidgets import QApplication

    from gui.application import open_window
    from gui.session import Session

    class Counter(QObject):
        """Counts what a widget draws."""

        n_paints = 0

        def eventFilter(self, _widget: QObject | None, event: QEvent | None) -> bool:
            self.n_paints += event is not None and event.type() == QEvent.Type.Paint
            return False

    if quiet:
        # Without a screen Qt says of every widget what it cannot do.
        qInstallMessageHandler(lambda *_said: None)
    application = QApplication(["magscope-app"])
    session = Session(link, handles)
    marks: list[tuple[float, float, int]] = []
    with TemporaryDirectory(prefix="magscope-bench-") as folder:
        try:
            window = open_window(application, session, Path(folder))
            window.resize(*_SIZE_PX)
            counter = Counter()
            window.image.view.installEventFilter(counter)

            def mark() -> None:
                marks.append((time.perf_counter(), time.process_time(), counter.n_paints))

            QTimer.singleShot(round(1e3 * _SETTLE_S), mark)
            QTimer.singleShot(round(1e3 * (_SETTLE_S + _COUNT_S)), mark)
            QTimer.singleShot(round(1e3 * (_SETTLE_S + _COUNT_S)), application.quit)
            session.ended.connect(application.quit)
            application.exec()
            window.timer.stop()
            window.hide()
        finally:
            session.close()
    if len(marks) < 2:
        raise MagscopeError("the window was closed before it was measured")
    (began, took_before, first), (ended, took, last) = marks
    return (last - first) / (ended - began), (took - took_before) / (ended - began)
