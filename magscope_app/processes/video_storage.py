"""The storage that a recording's images go into: NDTiff, or one of the user's own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from magscope_app.config import Config
from magscope_app.data import DataStorage
from magscope_app.devices import FrameFormat
from magscope_app.errors import FOREIGN, MagscopeError
from magscope_app.processes.load_function import load_storage
from magscope_app.storage import NDTiffStorage

#: Makes the storage of a part in its folder.
MakeStorage = Callable[[Path], DataStorage]


def storage_maker(config: Config) -> MakeStorage:
    """Return what makes the storage of each part.

    Raises
    ------
    MagscopeError
        There is no such storage; or, from what is returned, it cannot be made.
    """
    name = config.recording.storage
    if name is None:
        return _make_ndtiff
    made_by = load_storage(name, config.drivers.path)
    return lambda folder: _make(made_by, name, folder)


def why_not_stored(
    storage: DataStorage, shape: Sequence[int], dtype: np.dtype[Any], name: str | None
) -> str | None:
    """Return why a storage cannot take such images, as a sentence for the user; None if it can."""
    try:
        reason = storage.why_not(tuple(shape), dtype, {"time": 0})
    except FOREIGN as error:
        reason = f"its why_not raised {type(error).__name__}: {error}"
    if reason is None:
        return None
    return (
        f"the storage {name or 'NDTiff'} cannot take the images: {reason}; choose another recording.storage"
    )


def storage_problem(config: Config, form: FrameFormat | None) -> str | None:
    """Say before a run what is wrong with the storage of the config; None if nothing is, as far as is known.

    A storage of the user's own is made once in a folder that is removed again, and asked for the images that
    the camera will give. What a processor makes of them is not known before.
    """
    name = config.recording.storage
    if name is None:
        return None
    try:
        make = storage_maker(config)
        with tempfile.TemporaryDirectory(prefix="magscope-", ignore_cleanup_errors=True) as folder:
            storage = make(Path(folder) / "0001")
            try:
                return _problem_with(storage, config, form)
            finally:
                storage.close()
    except MagscopeError as error:
        return str(error)
    except FOREIGN as error:
        return f"the storage {name} cannot be closed ({type(error).__name__}: {error}); mend it"


def _problem_with(storage: DataStorage, config: Config, form: FrameFormat | None) -> str | None:
    recording = config.recording
    if form is None or recording.process_fn is not None or "Video" not in recording.mode:
        return None
    roi = config.beads.roi_px
    shape = (roi, roi) if "ROIs" in recording.mode else (form.height_px, form.width_px)
    return why_not_stored(storage, shape, form.dtype, recording.storage)


def _make(made_by: Callable[[Path], DataStorage], name: str, folder: Path) -> DataStorage:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return made_by(folder)
    except FOREIGN as error:
        raise MagscopeError(
            f"the storage {name} cannot be made in {folder} ({type(error).__name__}: {error}); "
            "it is called with the folder alone"
        ) from error


def _make_ndtiff(folder: Path) -> DataStorage:
    try:
        return NDTiffStorage(folder, summary_metadata={"axes": ["time"]})
    except OSError as error:
        raise MagscopeError(f"images cannot be stored in {folder} ({error}); check the disk") from error
