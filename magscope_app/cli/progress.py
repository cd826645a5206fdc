"""How far a long command has come: one line that is rewritten."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self, TextIO

_EVERY_S = 0.2


class ProgressLine:
    """Shows progress on a terminal, and nothing elsewhere; the line is gone at the end.

    Parameters
    ----------
    stream : text stream, optional
        Standard error if not given, so that output can be redirected.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        chosen = stream if stream is not None else sys.stderr
        # A program without a terminal, such as one started by a click on Windows, has no output.
        self._stream = chosen if chosen is not None and chosen.isatty() else None
        self._due = 0.0
        self._width = 0

    def show(self, what: str, done: float) -> None:
        """Show what is done and which share of it, from 0 to 1."""
        if self._stream is None or time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _EVERY_S
        self._write(f"{what}: {100 * done:.0f} %")

    def clear(self) -> None:
        """Take the line away, so that others can print; the next `show` brings it back."""
        if self._width:
            self._write("")
            self._write("\r", bare=True)

    @property
    def is_shown(self) -> bool:
        """Whether there is a terminal to show it on."""
        return self._stream is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def _write(self, text: str, *, bare: bool = False) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text if bare else "\r" + text.ljust(self._width))
            self._stream.flush()
        except OSError:
            # The terminal is gone; the work goes on.
            self._stream = None
        self._width = len(text)
