"""A window that counts how often it draws the image, for ``magscope-app bench``."""

from __future__ import annotations

import os

from gui.feeds import BufferHandles
from gui.libraries import missing_packages, sentence
from magscope_app.bench.window import WindowRate
from magscope_app.cli.display import why_no_window
from magscope_app.errors import MagscopeError
from magscope_app.processes.link import Link


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
        from gui.drawing_rate import count_drawing
    except ImportError as error:
        raise MagscopeError(sentence((), str(error))) from error
    updates_per_s, processor = count_drawing(link, handles, quiet=not on_screen)
    link.send(WindowRate(updates_per_s, processor, on_screen))
    link.flush(1.0)
