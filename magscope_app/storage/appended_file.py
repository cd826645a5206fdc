"""A file that grows by whole pieces, or not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from magscope_app.data.storage import Pixels

#: Below this many bytes one write of a joined copy is faster than several writes.
_JOIN_BYTES = 1 << 17


class AppendedFile:
    """Writes reach the operating system at `flush`, all of them or with an error, and can be taken back.

    Python's own buffered files keep what a full disk refused and write it later, after the error was
    reported; unbuffered ones may take a part of it without an error.

    Parameters
    ----------
    path : Path
        An existing file is continued at its end.
    """

    def __init__(self, path: Path) -> None:
        # Not mode "ab", which would write at the end wherever `seek` went.
        path.touch()
        self._file = path.open("r+b", buffering=0)
        self._position = self._file.seek(0, os.SEEK_END)
        self._pending: list[bytes | bytearray | memoryview] = []
        self._pending_bytes = 0

    def tell(self) -> int:
        """Return where the next write goes."""
        return self._position

    def seek(self, offset: int) -> None:
        """Let the next write go to `offset` bytes from the start."""
        self.flush()
        self._position = self._file.seek(offset)

    def write(self, content: bytes | bytearray | Pixels) -> None:
        """Keep a reference to `content`, C-contiguous, until `flush`."""
        piece = content.data if isinstance(content, np.ndarray) else content
        n_bytes = content.nbytes if isinstance(content, np.ndarray) else len(content)
        self._pending.append(piece)
        self._pending_bytes += n_bytes
        self._position += n_bytes

    def flush(self) -> None:
        """Hand over what was written; after an OSError, `truncate` to where the file ended before."""
        if not self._pending:
            return
        if self._pending_bytes < _JOIN_BYTES:
            self._write_whole(memoryview(b"".join(self._pending)))
        else:
            for piece in self._pending:
                self._write_whole(memoryview(piece).cast("B"))
        self._forget()

    def truncate(self, size: int | None = None) -> None:
        """Forget what was not flushed and let the file end at `size`, or where the next write goes."""
        self._forget()
        self._position = self._file.seek(self._position if size is None else size)
        self._file.truncate()

    def close(self) -> None:
        """Flush and close the file."""
        try:
            self.flush()
        finally:
            self._file.close()

    def _forget(self) -> None:
        self._pending.clear()
        self._pending_bytes = 0

    def _write_whole(self, view: memoryview) -> None:
        # A raw file may take less than it is given: on a disk that fills up, for one.
        while view:
            view = view[self._file.write(view) :]
