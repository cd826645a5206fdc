"""Image files, TIFF stacks, and folders of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from hardware.replay.source import FrameSource, Pixels, RecordedFrame, format_of, grey
from hardware.replay.tiff import TIFF_SUFFIXES, colour_palette, tiff_head, tiff_pixels
from magscope_app.devices import DeviceError, FrameFormat

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", *TIFF_SUFFIXES)


def in_natural_order(paths: Sequence[Path]) -> list[Path]:
    """Sort by name, numbers by value: frame2 before frame10, and frame before frame(1)."""

    def key(path: Path) -> tuple[list[tuple[int, str]], str]:
        # ASCII digits only: ² is one for Python, too, but no number.
        parts = re.split(r"([0-9]+)", path.stem)
        return [
            (-1, part.lower()) if at % 2 == 0 else (int(part), "") for at, part in enumerate(parts)
        ], path.name

    return sorted(paths, key=key)


class ImageFiles(FrameSource):
    """One or more image files, played in the order given; TIFF files may hold many frames.

    Parameters
    ----------
    paths : sequence of Path
        At least one file.

    Raises
    ------
    DeviceError
        The first file cannot be read.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)
        with _readable(self._paths[0]):
            self._format, alone = _head(self._paths[0])
        self.is_still = len(self._paths) == 1 and alone

    @property
    def format(self) -> FrameFormat:
        """Size and depth of the first frame; others must be alike."""
        return self._format

    def frames(self) -> Iterator[RecordedFrame]:
        """Yield the frames file by file; at most one file is open."""
        for path in self._paths:
            with _readable(path):
                for index, pixels in enumerate(_pixels(path)):
                    self._check(path, index, pixels)
                    yield RecordedFrame(pixels, {"file": path.name, "frame": str(index)})

    def close(self) -> None:
        """Do nothing: files are closed when their frames have been read."""

    def _check(self, path: Path, index: int, pixels: Pixels) -> None:
        found = format_of(pixels)
        if found != self._format:
            first = self._format
            raise DeviceError(
                f"frame {index} of {path} has {found.width_px} × {found.height_px} px of {found.bits} bits, "
                f"the first {first.width_px} × {first.height_px} px of {first.bits}; give frames of one kind"
            )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what the readers of images raise into one sentence."""
    try:
        yield
    except DeviceError:
        raise
    except Exception as error:
        # Of a damaged file, each of the readers and the libraries below them raises errors of its own.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DeviceError(
            f"{path} cannot be read as an image ({reason}); give a whole PNG, JPEG, BMP or TIFF file"
        ) from error


def _head(path: Path) -> tuple[FrameFormat, bool]:
    """Return the format and whether the file holds a single frame; of a stack one frame is read."""
    if path.suffix.lower() not in TIFF_SUFFIXES:
        return format_of(_image(path)), True
    first, alone = tiff_head(path)
    return format_of(first), alone


def _pixels(path: Path) -> Iterator[Pixels]:
    if path.suffix.lower() in TIFF_SUFFIXES:
        yield from tiff_pixels(path)
    else:
        yield _image(path)


def _image(path: Path) -> Pixels:
    from PIL import Image

    _check_depth(path)
    with Image.open(path) as image:
        if image.mode in ("P", "PA"):
            return _looked_up(np.asarray(image.convert("RGBA")), path)
        if image.mode in ("1", "LA"):
            return grey(np.asarray(image.convert("L")), str(path))
        if image.mode in ("RGBA", "CMYK", "YCbCr"):
            return grey(np.asarray(image.convert("RGB")), str(path))
        pixels = np.asarray(image)
    if pixels.dtype == np.int32 and pixels.min() >= 0 and pixels.max() <= np.iinfo(np.uint16).max:
        # Some versions of Pillow read grey PNG of 16 bits as 32 bits.
        pixels = pixels.astype(np.uint16)
    return grey(pixels, str(path))


def _looked_up(colours: Pixels, path: Path) -> Pixels:
    """Return the greys that a palette was looked up for, (height, width, 4)."""
    red = colours[..., 0]
    if (red != colours[..., 1]).any() or (red != colours[..., 2]).any():
        raise DeviceError(colour_palette(str(path)))
    return red


def _check_depth(path: Path) -> None:
    """Raise DeviceError for a PNG of which Pillow would give the upper half of 16 bits only."""
    with path.open("rb") as file:
        head = file.read(26)
    # Depth and kind of its pixels: 0 is grey. https://www.w3.org/TR/png-3/#11IHDR
    if head.startswith(b"\x89PNG") and len(head) == 26 and head[24] == 16 and head[25] != 0:
        raise DeviceError(
            f"{path} has 16 bits in each of several channels, of which 8 could be read; save it as grey PNG "
            "or as TIFF"
        )
