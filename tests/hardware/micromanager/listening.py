"""A camera of Micro-Manager that notes every ImageNumber it is given, past the driver's own count."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hardware.micromanager.camera import MicroManagerCamera

if TYPE_CHECKING:
    from pymmcore_plus import CMMCorePlus

#: Names the file into which the count goes.
VARIABLE = "MAGSCOPE_TEST_IMAGE_NUMBERS"


class _Listener:
    """A core that looks at the tags of the images on their way."""

    def __init__(self, core: CMMCorePlus) -> None:
        self._core = core
        self.images = self.missing = self.sequences = 0
        self._next = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)

    def popNextImageAndMD(self, *, fix: bool) -> Any:  # noqa: N802 - the core's own name
        image, tags = self._core.popNextImageAndMD(fix=fix)
        number = int(tags["ImageNumber"])
        if number < self._next:
            self._next = 0
        self.sequences += self._next == 0
        self.missing += number - self._next
        self._next = number + 1
        self.images += 1
        return image, tags


class ListeningCamera(MicroManagerCamera):
    """Writes what it has noted when it is closed."""

    def open(self) -> None:
        super().open()
        if self._core is not None:
            self._listener = _Listener(self._core)
            self._core = cast("CMMCorePlus", self._listener)

    def close(self) -> None:
        if self._core is not None:
            noted = {name: getattr(self._listener, name) for name in ("images", "missing", "sequences")}
            Path(os.environ[VARIABLE]).write_text(json.dumps(noted))
        super().close()
