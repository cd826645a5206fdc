"""What the disk takes, in the files that recordings are made of."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from magscope_app.data import DataHandler
from magscope_app.devices import FrameFormat
from magscope_app.errors import MagscopeError
from magscope_app.storage import NDTiffStorage

#: Enough to leave the disk's cache behind on most computers.
_MOST_BYTES = 4_000_000_000


def disk_bytes_per_s(folder: Path, form: FrameFormat, seconds: float = 8.0) -> float:
    """Write images as a recording does, until they are on the disk, and return the bytes per second.

    Parameters
    ----------
    folder : Path
        Where recordings go; what is written is removed again.
    form : FrameFormat
        Of an image.
    seconds : float
        How long is written; bringing it from the system's cache to the disk is added.

    Raises
    ------
    MagscopeError
        The folder cannot be written.
    """
    rng = np.random.default_rng(1)
    shape = form.height_px, form.width_px
    images = [rng.integers(0, 1 << form.bits, shape).astype(form.dtype) for _ in range(8)]
    try:
        with TemporaryDirectory(dir=folder, prefix=".magscope-bench-") as place:
            return _write(Path(place), images, seconds)
    except OSError as error:
        raise MagscopeError(
            f"{folder} cannot be written ({error}); choose another recording.folder"
        ) from error


def _write(place: Path, images: list[npt.NDArray[Any]], seconds: float) -> float:
    written = number = 0
    storage = NDTiffStorage(place / "video", summary_metadata={"axes": ["time"]})
    with closing(storage), DataHandler(storage) as handler:
        started = time.perf_counter()
        while time.perf_counter() - started < seconds and written < _MOST_BYTES:
            image = images[number % len(images)]
            handler.put({"time": number}, image, {})
            number += 1
            written += image.nbytes
    for path in place.rglob("*"):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
    return written / (time.perf_counter() - started)
