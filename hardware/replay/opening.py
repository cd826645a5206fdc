"""Recognise what a path holds."""

from __future__ import annotations

import json
from pathlib import Path

from hardware.replay.images import IMAGE_SUFFIXES, ImageFiles, in_natural_order
from hardware.replay.ndtiff import INDEX_NAME, NDTiffFrames
from hardware.replay.source import FrameSource
from magscope_app.devices import DeviceError

_KINDS = "an image, a TIFF stack, an NDTiff folder, a dataset of MagScope App, or a folder of images"


def open_source(path: Path) -> FrameSource:
    """Open a recording; of files only heads and the first frame are read.

    Parameters
    ----------
    path : Path
        An image (PNG, JPEG, BMP, TIFF), a TIFF or BigTIFF stack, a folder of such files, an NDTiff folder,
        or a dataset of MagScope App with video.

    Raises
    ------
    DeviceError
        There is nothing to play; one sentence.
    """
    if not path.exists():
        raise DeviceError(f"{path} does not exist; give {_KINDS}")
    return _open_folder(path) if path.is_dir() else _open_file(path)


def _open_file(path: Path) -> FrameSource:
    if path.name == INDEX_NAME:
        return NDTiffFrames([path.parent])
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise DeviceError(f"{path} is not of a kind that can be played; give {_KINDS}")
    return ImageFiles([path])


def _bits(description: Path) -> int | None:
    """Return the significant bits of a pixel that a dataset knows of, or None."""
    try:
        bits = json.loads(description.read_text(encoding="utf-8"))["camera"]["format"]["bits"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return bits if isinstance(bits, int) and 8 <= bits <= 16 else None


def _open_folder(path: Path) -> FrameSource:
    if (path / INDEX_NAME).is_file():
        return NDTiffFrames([path])
    if (path / "dataset.json").is_file():
        parts = sorted(index.parent for index in (path / "video").rglob(INDEX_NAME))
        if not parts:
            raise DeviceError(
                f"{path} is a dataset without video; give one that was recorded in a mode with video"
            )
        return NDTiffFrames(parts, _bits(path / "dataset.json"))
    try:
        # Hidden ones are not images: macOS puts a ._name beside each name.
        names = [file for file in path.iterdir() if not file.name.startswith(".")]
        files = [file for file in names if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file()]
    except OSError as error:
        raise DeviceError(
            f"{path} cannot be read ({error.strerror}); check the rights of the folder"
        ) from error
    if not files:
        raise DeviceError(f"{path} holds no images; give {_KINDS}")
    return ImageFiles(in_natural_order(files))
