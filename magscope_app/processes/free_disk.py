"""Free space where recordings go, asked beside the loop: a disk that is far away may not answer."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path

#: The disk is asked this often, and waited for this long.
_EVERY_S, _WAIT_S = 1.0, 0.05
#: A disk that has not answered for so long does not.
_PATIENCE_S = 5.0


def nearest_folder(folder: Path) -> Path:
    """Return `folder`, or the nearest folder above it that exists."""
    # Asked so, what may not be looked at is as if it were not there.
    return next((parent for parent in (folder, *folder.parents) if os.path.isdir(parent)), Path.cwd())


class FreeDisk:
    """Looks once a second; a disk that does not answer holds nobody up."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._asked = -1e9
        #: The folder that was last looked for, and since when.
        self._wanted: tuple[Path | None, float] = (None, 0.0)
        self._thread: threading.Thread | None = None
        #: What a folder's disk has said.
        self._answer: tuple[Path | None, int] = (None, 0)

    def look(self, folder: Path) -> int | None:
        """Return the bytes that are free on the disk of `folder`, which need not exist yet.

        That is what the disk has said last: None for one that may answer yet, 0 for one that has not answered
        in time, or cannot be asked.
        """
        now = time.monotonic()
        if folder != self._wanted[0]:
            self._wanted = folder, now
        due = now - self._asked > _EVERY_S or folder != self._folder
        if due and (self._thread is None or not self._thread.is_alive()):
            self._folder, self._asked = folder, now
            self._thread = threading.Thread(target=self._ask, args=(folder,), name="free-disk", daemon=True)
            self._thread.start()
            self._thread.join(_WAIT_S)
        known, free = self._answer
        if known == folder:
            return free
        return None if now - self._wanted[1] < _PATIENCE_S else 0

    def _ask(self, folder: Path) -> None:
        try:
            free = shutil.disk_usage(nearest_folder(folder.absolute())).free
        except OSError:
            free = 0
        self._answer = folder, free
