"""Which lines of the log are shown."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from gui.models.state import LogLine

#: What can be chosen, least first.
LEVELS = {
    "everything": 0,
    "from info": logging.INFO,
    "from warning": logging.WARNING,
    "errors": logging.ERROR,
}


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Least level, and words that a line must have."""

    level: int = logging.INFO
    words: str = ""

    def passes(self, line: LogLine) -> bool:
        """Return whether a line is shown."""
        text = f"{line.process} {line.text}".casefold()
        return line.level >= self.level and all(word in text for word in self.words.casefold().split())
