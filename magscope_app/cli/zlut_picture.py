"""The tables of Z-LUTs as a picture: radius to the right, z upwards, with axes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from magscope_app.errors import MagscopeError
from magscope_app.tracking import ZLUT

#: Pixels per radius, and height of a table; room to its left, above, below and to its right; tables in a row.
_SCALE_X, _HEIGHT, _LEFT, _TOP, _BELOW, _RIGHT, _COLUMNS = 6, 240, 60, 24, 40, 20, 5
#: Ticks of z; pixels between ticks of the radius; length of a tick.
_Z_TICKS, _R_TICK_PX, _TICK = 5, 10, 4
#: Greys reach from the first to the last of these percentiles of a radius, but over this share of the widest.
_PERCENTILES, _LEAST_SHARE = (1.0, 99.0), 0.05


def draw(zluts: Mapping[int, ZLUT], path: Path) -> None:
    """Draw each table into a PNG; MagscopeError if it cannot be written."""
    width = _LEFT + _SCALE_X * max(zlut.n_radii for zlut in zluts.values()) + _RIGHT
    height = _TOP + _HEIGHT + _BELOW
    columns = min(_COLUMNS, len(zluts))
    image = Image.new("L", (columns * width, -(-len(zluts) // columns) * height), 255)
    pen = ImageDraw.Draw(image)
    for place, (bead_id, zlut) in enumerate(zluts.items()):
        x, y = place % columns * width + _LEFT, place // columns * height + _TOP
        image.paste(Image.fromarray(picture(zlut)), (x, y))
        pen.text((x, y - 16), f"bead {bead_id}" if bead_id >= 0 else "all beads", fill=0)
        _draw_axes(pen, zlut, x, y)
    try:
        image.save(path)
    except OSError as error:
        raise MagscopeError(f"{path} could not be written ({error}); choose another folder") from error


def picture(zlut: ZLUT) -> npt.NDArray[np.uint8]:
    """Return a table as greys (height, width), radius by radius, so that faint outer rings are seen, too."""
    low, high = np.percentile(zlut.profiles, _PERCENTILES, axis=0)
    span = np.maximum(high - low, max(_LEAST_SHARE * float((high - low).max()), 1e-9))
    grey = np.clip(127.5 + 255 * (zlut.profiles - (low + high) / 2) / span, 0, 255).astype(np.uint8)
    z_nm = np.linspace(zlut.z_nm[-1], zlut.z_nm[0], _HEIGHT)
    planes = np.abs(zlut.z_nm[np.newaxis] - z_nm[:, np.newaxis]).argmin(axis=1)
    table: npt.NDArray[np.uint8] = np.repeat(grey[planes], _SCALE_X, axis=1)
    return table


def _draw_axes(pen: ImageDraw.ImageDraw, zlut: ZLUT, x: int, y: int) -> None:
    """Draw z in nm to the left of a table, and the radius in px below it."""
    bottom, width = y + _HEIGHT, _SCALE_X * zlut.n_radii
    pen.text((x - 52, y - 16), "z (nm)", fill=0)
    for share in np.linspace(0.0, 1.0, _Z_TICKS):
        at = y + round(share * (_HEIGHT - 1))
        z_nm = float(zlut.z_nm[-1] + share * (zlut.z_nm[0] - zlut.z_nm[-1]))
        pen.line((x - _TICK, at, x - 1, at), fill=0)
        pen.text((x - _TICK - 2, at), f"{z_nm:+.0f}", fill=0, anchor="rm")
    last_px = (zlut.n_radii - 1) * zlut.r_step_px
    for radius_px in np.arange(0.0, last_px + 1e-9, _R_TICK_PX):
        at = x + round(_SCALE_X * (radius_px / zlut.r_step_px + 0.5))
        pen.line((at, bottom, at, bottom + _TICK), fill=0)
        pen.text((at, bottom + _TICK + 2), f"{radius_px:.0f}", fill=0, anchor="ma")
    pen.text((x + width / 2, bottom + 22), "r (px)", fill=0, anchor="ma")
