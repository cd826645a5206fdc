"""TIFF files, of which the numbers of pixels are made the brightness they mean.

TIFF 6.0: PhotometricInterpretation says whether 0 is black, white, or an entry of a palette.
https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from hardware.replay.source import Pixels, grey
from magscope_app.devices import DeviceError

TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf8")
#: PhotometricInterpretation.
_WHITE_IS_0, _BLACK_IS_0, _RGB, _PALETTE = range(4)
_YCBCR = 6
#: Compression whose reader gives RGB for YCbCr.
_JPEG = 7
#: ExtraSamples that are the opacity; others are channels of their own.
_OPACITY = (1, 2)


def tiff_head(path: Path) -> tuple[Pixels, bool]:
    """Return the first frame, and whether the file holds no other.

    Raises
    ------
    DeviceError
        The pixels cannot be played, or the file is cut off.
    """
    with _opened(path) as tiff:
        _check_whole(path, tiff)
        alone = len(tiff.pages) == 1 and _n_contiguous(tiff) == 1
        return _brightness(tiff.pages[0], tiff.pages[0].asarray(), str(path)), alone


def tiff_pixels(path: Path) -> Iterator[Pixels]:
    """Yield the frames of a file, one by one. Raises DeviceError where one cannot be played."""
    with _opened(path) as tiff:
        _check_whole(path, tiff)
        if _n_contiguous(tiff) > 1:
            yield from _mapped(path, tiff)
            return
        for index, page in enumerate(tiff.pages):
            yield _brightness(page, page.asarray(), f"frame {index} of {path}")


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import tifffile

    # Other files of a set, and indices beside it, are not looked at: this file is what was given.
    with tifffile.TiffFile(path, is_ome=False, is_mmstack=False, is_ndtiff=False) as tiff:
        yield tiff


def _brightness(page: Any, pixels: Pixels, name: str) -> Pixels:
    """Return the pixels of a page as (height, width), larger numbers for more light."""
    kind = int(page.photometric)
    coloured = kind == _RGB or (kind == _YCBCR and int(page.compression) == _JPEG)
    if not coloured and kind not in (_WHITE_IS_0, _BLACK_IS_0, _PALETTE):
        raise DeviceError(f"{name} has colours of the kind {page.photometric.name}; save it as grey or RGB")
    n_channels = int(page.samplesperpixel) - sum(int(extra) in _OPACITY for extra in page.extrasamples)
    if page.axes not in ("YX", "YXS", "SYX") or (not coloured and n_channels > 1):
        raise DeviceError(
            f"{name} has {n_channels} channels that are no colours (axes {page.axes}); "
            "save one of them as grey"
        )
    if page.axes == "SYX":
        pixels = np.moveaxis(pixels, 0, 2)
    if coloured:
        return grey(pixels, name)
    # What is beside the grey is its opacity.
    pixels = pixels[..., 0] if pixels.ndim == 3 else pixels
    if kind == _PALETTE:
        return _looked_up(page, pixels, name)
    if pixels.dtype.kind != "b":
        pixels = grey(pixels, name)
    most = (1 << int(page.bitspersample)) - 1
    if kind == _WHITE_IS_0:
        pixels = ~pixels if pixels.dtype.kind == "b" else most - pixels
    if most < 255:
        # Black and white, or a few greys: white is white, as in other images.
        pixels = pixels.astype(np.uint8) * np.uint8(255 // most)
    return pixels


def _looked_up(page: Any, pixels: Pixels, name: str) -> Pixels:
    """Return the greys that the numbers of a palette stand for, 8 bits."""
    palette = np.asarray(page.colormap)
    if (palette != palette[0]).any() or pixels.dtype.itemsize > 1:
        raise DeviceError(colour_palette(name))
    # A palette has 16 bits, but some programs write 8.
    shift = 8 if palette.max() > np.iinfo(np.uint8).max else 0
    greys: Pixels = (palette[0] >> shift).astype(np.uint8)[pixels]
    return greys


def colour_palette(name: str) -> str:
    """Say that numbers of pixels that stand for colours are not brightness, and what to do."""
    return (
        f"{name} has a palette of colours, so that its numbers are not brightness; save it as grey "
        "(ImageJ: Image > Lookup Tables > Grays)"
    )


def _check_whole(path: Path, tiff: Any) -> None:
    """Raise DeviceError where a file ends before the last frame that it announces.

    The reader takes the frames before the end for all there are.
    """
    n_pages = len(tiff.pages)
    last, form, file = tiff.pages[-1], tiff.tiff, tiff.filehandle
    file.seek(last.offset)
    n_tags = int.from_bytes(file.read(form.tagnosize), _order(tiff))
    file.seek(last.offset + form.tagnosize + n_tags * form.tagsize)
    follows = int.from_bytes(file.read(form.offsetsize), _order(tiff))
    announced = int((tiff.imagej_metadata or {}).get("images", 1)) if n_pages == 1 else 1
    if follows >= file.size or announced > max(n_pages, _n_contiguous(tiff)):
        raise DeviceError(
            f"{path} is cut off in or after frame {n_pages - 1}; copy it again, or save it anew"
        )


def _order(tiff: Any) -> Any:
    return "big" if tiff.byteorder == ">" else "little"


def _n_contiguous(tiff: Any) -> int:
    """Return the number of frames behind a single page, as ImageJ writes files beyond 4 GB; 1 otherwise."""
    series = tiff.series[0]
    if len(tiff.pages) > 1 or series.dataoffset is None or series.dtype.kind != "u":
        return 1
    page_shape = tiff.pages[0].shape
    return int(np.prod(series.shape)) // int(np.prod(page_shape))


def _mapped(path: Path, tiff: Any) -> Iterator[Pixels]:
    series, page = tiff.series[0], tiff.pages[0]
    dtype = np.dtype(tiff.byteorder + series.dtype.char)
    shape = (_n_contiguous(tiff), *page.shape)
    frames = np.memmap(path, dtype, mode="r", offset=series.dataoffset, shape=shape)
    for index, pixels in enumerate(frames):
        yield _brightness(page, pixels, f"frame {index} of {path}")
