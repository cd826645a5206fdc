"""The supervisor's view of the window: what it must know when it opens, and that it is opened again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from magscope_app.messages import Message
from magscope_app.processes.children import Children

WINDOW = "gui"
#: A window that ends unasked is opened again so often.
_MOST_WINDOWS = 3


class WindowDesk:
    """Opens the window again when it was lost, and tells it the state of everything.

    Parameters
    ----------
    children : Children
        The processes.
    log : callable
        Takes level and text for the user.
    fail : callable
        Ends the run because of an error.
    """

    def __init__(
        self, children: Children, log: Callable[[int, str], None], fail: Callable[[str], None]
    ) -> None:
        self._children = children
        self._log, self._fail = log, fail
        self._opened = False
        self._lost = 0

    def on_open(self, state: Iterable[Message]) -> None:
        """Give a window that opens, late or again, the whole state."""
        self._opened = True
        self._log(logging.INFO, "the window is open")
        for message in state:
            self._children.send(WINDOW, message)

    def on_lost(self, text: str) -> None:
        """Open the window again; acquisition and recording do not notice."""
        self._lost += 1
        if not self._opened:
            self._fail(f"{text}; --headless runs without a window")
        elif self._lost > _MOST_WINDOWS:
            self._log(logging.ERROR, f"{text} again; the run goes on without a window, Ctrl-C ends it")
        else:
            self._log(logging.ERROR, f"{text}; it is opened again, acquisition and recording go on")
            self._children.start([WINDOW])
