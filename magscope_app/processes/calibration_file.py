"""The Z-LUT that a config names: one for all beads or a set."""

from __future__ import annotations

from pathlib import Path

from magscope_app.errors import MagscopeError
from magscope_app.tracking.zlut import ZLUT
from magscope_app.tracking.zlut_files import load_set, load_zlut
from magscope_app.tracking.zlut_set import ZLUTSet


def load_calibration(path: Path) -> ZLUT | ZLUTSet:
    """Read a Z-LUT or a set of them.

    Raises
    ------
    MagscopeError
        The file is neither; the text says what is wrong with it.
    """
    try:
        return load_zlut(path)
    except (ValueError, OSError) as error:
        try:
            return load_set(path)
        except (ValueError, OSError):
            raise MagscopeError(str(error)) from error


def why_not_calibration(
    path: Path, *, roi_px: int, nm_per_px: float, focal_shift_factor: float
) -> str | None:
    """Say in one sentence why a Z-LUT file cannot be used with this ROI and optics, or return None."""
    if not path.is_file():
        return f"{path} does not exist; give a Z-LUT file, or leave the key out to track without z"
    try:
        loaded = load_calibration(path)
    except MagscopeError as error:
        return str(error)
    zluts = [loaded] if isinstance(loaded, ZLUT) else [*loaded.values()]
    for zlut in zluts:
        reasons = zlut.why_not(roi_px=roi_px, nm_per_px=nm_per_px, focal_shift_factor=focal_shift_factor)
        if reasons:
            return f"{path}: {'; '.join(reasons)}"
    return None
