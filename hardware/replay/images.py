"""Image files, TIFF stacks, and folders of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hardware.replay.source import FrameSource, Pixels, RecordedFrame, format_of, grey
from magscope_app.devices import DeviceError, FrameFormat

if TYPE_CHECKING:
    import tifffile

TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf8")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", *TIFF_SUFFIXES)


def in_natural_order(paths: Sequence[Path]) -> list[Path]:
    """Sort by name, numbers by value: frame2 before frame10."""

    def key(path: Path) -> list[tuple[int, str]]:
        parts = re.split(r"(\d+)", path.name)
        return [(int(part), "") if part.isdigit() else (-1, part.lower()) for part in parts]

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
    except (OSError, ValueError, KeyError, IndexError, SyntaxError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DeviceError(
            f"{path} cannot be read as an image ({reason}); give a whole PNG, JPEG, BMP or TIFF file"
        ) from error


def _head(path: Path) -> tuple[FrameFormat, bool]:
    """Return the format and whether the file holds a single frame; of a stack no pixels are read."""
    if path.suffix.lower() not in TIFF_SUFFIXES:
        return format_of(_image(path)), True
    with _open_tiff(path) as tiff:
        page = tiff.pages[0]
        # One pixel tells whether type and colours can be played.
        one = grey(np.empty((1, 1, *page.shape[2:]), page.dtype), str(path))
        alone = len(tiff.pages) == 1 and _n_contiguous(tiff) == 1
        return FrameFormat(page.shape[1], page.shape[0], 8 * one.dtype.itemsize), alone


def _pixels(path: Path) -> Iterator[Pixels]:
    if path.suffix.lower() not in TIFF_SUFFIXES:
        yield _image(path)
        return
    with _open_tiff(path) as tiff:
        if _n_contiguous(tiff) > 1:
            yield from _mapped(path, tiff)
            return
        for page in tiff.pages:
            yield grey(page.asarray(), str(path))


def _image(path: Path) -> Pixels:
    from PIL import Image

    with Image.open(path) as image:
        if image.mode in ("1", "P", "LA", "PA", "RGBA", "CMYK", "YCbCr"):
            return grey(np.asarray(image.convert("RGB")), str(path))
        pixels = np.asarray(image)
    if pixels.dtype == np.int32 and pixels.min() >= 0 and pixels.max() <= np.iinfo(np.uint16).max:
        # Some versions of Pillow read grey PNG of 16 bits as 32 bits.
        pixels = pixels.astype(np.uint16)
    return grey(pixels, str(path))


def _open_tiff(path: Path) -> tifffile.TiffFile:
    import tifffile

    # Other files of a set, and indices beside it, are not looked at: this file is what was given.
    return tifffile.TiffFile(path, is_ome=False, is_mmstack=False, is_ndtiff=False)


def _n_contiguous(tiff: Any) -> int:
    """Return the number of frames behind a single page, as ImageJ writes files beyond 4 GB; 1 otherwise."""
    series = tiff.series[0]
    if len(tiff.pages) > 1 or series.dataoffset is None or series.dtype.kind != "u":
        return 1
    page_shape = tiff.pages[0].shape
    return int(np.prod(series.shape)) // int(np.prod(page_shape))


def _mapped(path: Path, tiff: Any) -> Iterator[Pixels]:
    series, page_shape = tiff.series[0], tiff.pages[0].shape
    dtype = np.dtype(tiff.byteorder + series.dtype.char)
    shape = (_n_contiguous(tiff), *page_shape)
    for pixels in np.memmap(path, dtype, mode="r", offset=series.dataoffset, shape=shape):
        yield grey(pixels, str(path))
