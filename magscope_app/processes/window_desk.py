"""The supervisor's view of the window: what it must know when it opens, and that it is opened again."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace

from magscope_app.messages import (
    LogEntry,
    LogHistory,
    Message,
    NextRecording,
    RenameRecording,
    SelectBead,
    StartRecording,
)
from magscope_app.processes.children import Children

WINDOW = "gui"
#: A window that ends unasked is opened again so often.
_MOST_WINDOWS = 3
#: Lines of the log that such a window is given.
_MOST_LINES = 2000


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
        self._said: deque[LogEntry] = deque(maxlen=_MOST_LINES)
        self._order: StartRecording | None = None
        #: The bead that is looked at, and those chosen.
        self.selected: SelectBead | None = None

    def on_log(self, entry: LogEntry) -> None:
        """Show a line of the log, and keep it for a window that is opened again."""
        self._said.append(entry)
        self._children.send(WINDOW, entry)

    def heed(self, command: Message) -> None:
        """Note the chosen beads, and folder, name and mode of the next recording."""
        if isinstance(command, SelectBead):
            self.selected = command
        elif isinstance(command, StartRecording):
            self._order = command
        elif isinstance(command, NextRecording):
            self._order = StartRecording(command.folder, command.name, command.mode)
        elif isinstance(command, RenameRecording):
            self._order = replace(self._order or StartRecording(), name=command.name)

    def on_open(self, state: Iterable[Message]) -> None:
        """Give a window that opens, late or again, the whole state."""
        self._opened = True
        self._log(logging.INFO, "the window is open")
        of_the_last_one = (self._order, self.selected) if self._lost else ()
        for message in (*state, *of_the_last_one):
            if message is not None:
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
            why = f"this window was opened again: {text}; the motors were stopped"
            went_on = "acquisition and recording went on"
            self._children.send(WINDOW, LogHistory(tuple(self._said), f"{why}, {went_on}"))
