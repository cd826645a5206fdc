"""Images of every kind are played with the brightness they mean, or refused in one sentence."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from hardware.replay.camera import ReplayCamera
from hardware.replay.source import grey
from magscope_app.devices import DeviceError
from tests.hardware.replay.test_replay import FRAMES_8, FRAMES_16, Frames, context, play, tiff

COLOURS = np.stack(list(FRAMES_8[:3]), axis=-1)
LUMA = grey(COLOURS, "test")
RAMP = np.tile(np.arange(256, dtype=np.uint16) * 257, (3, 1))
MASK = FRAMES_8[0] > 127


def first(path: Path) -> Frames:
    """Return the first frame; a still one is played for ever."""
    given = context(path, settings={"every_frame": True})
    assert ReplayCamera.problems(given) == ()
    replay = ReplayCamera(given)
    replay.open()
    try:
        replay.start()
        form = replay.format
        frame = np.empty((form.height_px, form.width_px), form.dtype)
        assert replay.read_into(frame, 1.0) is not None
    finally:
        replay.close()
    return frame


def refusal(path: Path) -> str:
    """Return why `check` and a run refuse a file: one sentence that names it and the remedy."""
    (found,) = ReplayCamera.problems(context(path))
    assert path.name in found.what
    assert found.remedy
    assert "\n" not in str(found)
    return str(found)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize(
    "options", [{}, {"imagej": True}, {"imagej": True, "truncate": True}, {"pages": True}]
)
@pytest.mark.parametrize("frames", [FRAMES_8, FRAMES_16], ids=["8 bit", "16 bit"])
def test_white_is_0(tmp_path: Path, frames: Frames, options: dict[str, Any], byteorder: Any) -> None:
    path = tmp_path / "white.tif"
    stored = np.iinfo(frames.dtype).max - frames
    if options.pop("pages", False):
        tiff(path, stored, photometric="miniswhite")
    else:
        tifffile.imwrite(path, stored, photometric="miniswhite", byteorder=byteorder, **options)
    np.testing.assert_array_equal(play(path)[1], frames)


@pytest.mark.parametrize(
    ("pixels", "options", "expected"),
    [
        (np.moveaxis(COLOURS, 2, 0), {"photometric": "rgb", "planarconfig": "separate"}, LUMA),
        (COLOURS, {"photometric": "rgb"}, LUMA),
        (np.dstack([COLOURS, FRAMES_8[3]]), {"photometric": "rgb", "extrasamples": ["unassalpha"]}, LUMA),
        (np.dstack([FRAMES_8[0], FRAMES_8[1]]), {"extrasamples": ["unassalpha"]}, FRAMES_8[0]),
        (MASK, {"photometric": "minisblack"}, MASK * np.uint8(255)),
        (~MASK, {"photometric": "miniswhite"}, MASK * np.uint8(255)),
        (FRAMES_8[0], {"photometric": "palette", "colormap": RAMP}, FRAMES_8[0]),
        (FRAMES_8[0], {"photometric": "palette", "colormap": RAMP >> 8}, FRAMES_8[0]),
        (255 - FRAMES_8[0], {"photometric": "palette", "colormap": RAMP[:, ::-1]}, FRAMES_8[0]),
    ],
    ids=["planar", "rgb", "rgba", "la", "black", "white", "ramp", "ramp of 8 bits", "falling ramp"],
)
def test_tiff_of_other_kinds(
    tmp_path: Path, pixels: Frames, options: dict[str, Any], expected: Frames
) -> None:
    options = {"photometric": "minisblack", "planarconfig": None} | options
    if pixels.ndim == 3 and options["planarconfig"] is None:
        options["planarconfig"] = "contig"
    tifffile.imwrite(tmp_path / "image.tif", pixels, **options)
    np.testing.assert_array_equal(first(tmp_path / "image.tif"), expected)


@pytest.mark.parametrize(
    ("pixels", "options", "said"),
    [
        (FRAMES_8[0], {"photometric": "palette", "colormap": RAMP * [[1], [0], [0]]}, "palette of colours"),
        (FRAMES_8[0].astype(np.float32), {}, "type float32; save it with 8 or 16 bits"),
        (FRAMES_8[0].astype(np.int16), {}, "type int16; save it with 8 or 16 bits"),
        (FRAMES_8[0].astype(np.uint32), {}, "type uint32"),
        (COLOURS, {"photometric": "minisblack", "planarconfig": "contig"}, "3 channels that are no colours"),
        (np.dstack([COLOURS, FRAMES_8[3]]), {"photometric": "separated"}, "kind SEPARATED; save it as grey"),
    ],
    ids=["palette", "float", "signed", "32 bit", "channels", "cmyk"],
)
def test_tiff_that_is_not_brightness(
    tmp_path: Path, pixels: Frames, options: dict[str, Any], said: str
) -> None:
    tifffile.imwrite(tmp_path / "image.tif", pixels.astype(pixels.dtype), **options)
    assert said in refusal(tmp_path / "image.tif")


def with_palette(colours: Frames) -> Image.Image:
    image = Image.fromarray(FRAMES_8[0]).convert("P")
    image.putpalette(colours.astype(np.uint8).tobytes())
    return image


def test_png_of_other_kinds(tmp_path: Path) -> None:
    grey_8, path = Image.fromarray(FRAMES_8[0]), tmp_path / "image.png"
    ramp = np.repeat(np.arange(256), 3)
    for image, expected in (
        (Image.fromarray(MASK), MASK * np.uint8(255)),
        (Image.merge("LA", [grey_8, Image.fromarray(FRAMES_8[1])]), FRAMES_8[0]),
        (Image.fromarray(np.dstack([COLOURS, FRAMES_8[3]])), LUMA),
        (Image.fromarray(FRAMES_16[0]), FRAMES_16[0]),
        (with_palette(ramp), FRAMES_8[0]),
        (with_palette(ramp[::-1]), 255 - FRAMES_8[0]),
    ):
        image.save(path)
        np.testing.assert_array_equal(first(path), expected)
    with_palette(ramp * np.tile([1, 0, 0], 256)).save(path)
    assert "palette of colours" in refusal(path)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def test_png_whose_16_bits_would_become_8(tmp_path: Path) -> None:
    head = struct.pack(">IIBBBBB", 3, 2, 16, 2, 0, 0, 0)
    body = zlib.compress(2 * (b"\0" + bytes(range(18))))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    (tmp_path / "deep.png").write_bytes(data)
    assert "16 bits in each of several channels" in refusal(tmp_path / "deep.png")


@pytest.mark.parametrize(
    "options", [{}, {"imagej": True}, {"imagej": True, "truncate": True}, {"pages": True}]
)
def test_a_file_that_is_cut_off_is_not_played_as_a_short_one(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "cut.tif"
    if options.pop("pages", False):
        tiff(path, FRAMES_8)
    else:
        tifffile.imwrite(path, FRAMES_8, **options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "is cut off in or after frame" in refusal(path)


def test_damaged_pixels_end_the_run_with_a_sentence(tmp_path: Path) -> None:
    path = tiff(tmp_path / "torn.tif", FRAMES_8, compression="zlib")
    with tifffile.TiffFile(path) as file:
        at = file.pages[3].dataoffsets[0]
    data = bytearray(path.read_bytes())
    data[at : at + 200] = bytes(200)
    path.write_bytes(data)
    with pytest.raises(DeviceError, match=r"torn\.tif cannot be read as an image"):
        play(path)


def test_hidden_files_are_no_images(tmp_path: Path) -> None:
    tiff(tmp_path / "a.tif", FRAMES_8)
    (tmp_path / "._a.tif").write_bytes(b"\0\5\x16\7")
    np.testing.assert_array_equal(play(tmp_path)[1], FRAMES_8)


def test_files_of_several_depths_end_the_run_with_a_sentence(tmp_path: Path) -> None:
    tiff(tmp_path / "a.tif", FRAMES_8)
    tiff(tmp_path / "b.tif", FRAMES_16)
    with pytest.raises(DeviceError, match=r"frame 0 of .*b\.tif has 50 × 34 px of 16 bits"):
        play(tmp_path)
