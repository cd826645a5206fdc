"""The GUI process. Qt is imported only when it starts, so that what is missing can be named."""

from __future__ import annotations

from gui.feeds import BufferHandles
from gui.libraries import missing_packages, sentence
from magscope_app.errors import MagscopeError
from magscope_app.processes.link import Link


def run(link: Link, handles: BufferHandles) -> int:
    """Show the window; returns when the supervisor says so or is gone.

    Parameters
    ----------
    link : Link
        To the supervisor.
    handles : BufferHandles
        To the shared memory.

    Returns
    -------
    int
        0.

    Raises
    ------
    MagscopeError
        Qt cannot start; the text names what to install.
    """
    packages = missing_packages()
    if packages:
        raise MagscopeError(sentence(packages))
    try:
        from gui.application import run_window
    except ImportError as error:
        raise MagscopeError(sentence((), str(error))) from error
    return run_window(link, handles)
