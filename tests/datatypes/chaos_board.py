"""What the processes of one chaotic life note down for the one that kills them: a file mapped by all."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np

STOP, READY, TICKS, PRODUCED, TRACKED, SHOWN, RUNS, LAST_ID = range(8)
#: Where the supervisor writes the process ids of its children.
PIDS = {"producer": 16, "tracking": 17, "gui": 18}
_PAGE = 4096
_MOST_IDS = 1 << 23


class Board:
    """Words with one writer each, and one byte per frame id: how often it was delivered."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        path = folder / "board"
        if not path.exists():
            with path.open("wb") as file:
                file.truncate(_PAGE + _MOST_IDS)
        with path.open("r+b") as file:
            self._mapped = mmap.mmap(file.fileno(), 0)
        self.words = memoryview(self._mapped)[:_PAGE].cast("Q")
        self.delivered = np.frombuffer(self._mapped, np.uint8)[_PAGE:]

    def mistake(self, text: str) -> None:
        """Note that a promise was broken."""
        with (self._folder / "mistakes").open("a", encoding="utf-8") as file:
            file.write(text + "\n")

    def mistakes(self) -> str:
        path = self._folder / "mistakes"
        return path.read_text(encoding="utf-8") if path.exists() else ""


def value_of(tick: int) -> int:
    """Return what every pixel of the frame with this device tick is."""
    return tick % 65521
