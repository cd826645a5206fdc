"""The Z-LUTs that tracking uses, for panels that show them; read beside the window."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

from gui.background import Background
from magscope_app.processes.calibration_file import load_calibration
from magscope_app.tracking import ZLUT, ZLUTSet


class ZLuts:
    """Reads the Z-LUT file that beads are tracked with, once.

    Parameters
    ----------
    background : Background
        Reads it.
    path : Path or None
        That of the config; None: tracking has no Z-LUT.
    """

    def __init__(self, background: Background, path: Path | None) -> None:
        self.path = path
        self._background = background
        self._loaded: ZLUT | ZLUTSet | None = None
        if path is not None:
            self.use(path)

    @property
    def is_reading(self) -> bool:
        """True where a file is named and not read yet."""
        return self.path is not None and self._loaded is None

    @property
    def own_ids(self) -> Set[int]:
        """The numbers of the beads that have Z-LUTs of their own, as far as they are read."""
        return self._loaded.keys() if isinstance(self._loaded, ZLUTSet) else frozenset()

    def use(self, path: Path) -> None:
        """Take another file: beads are tracked with it now."""
        self.path, self._loaded = path, None
        self._background.run(lambda: load_calibration(path), lambda loaded: self._take(path, loaded))

    def _take(self, path: Path, loaded: ZLUT | ZLUTSet) -> None:
        if path == self.path:
            self._loaded = loaded

    def of(self, bead_id: int | None) -> ZLUT | None:
        """Return the Z-LUT that serves a bead, None where there is none, or none yet."""
        if isinstance(self._loaded, ZLUT):
            return self._loaded
        if self._loaded is None or bead_id is None:
            return None
        return self._loaded.get(bead_id, self._loaded.default)
