"""The Z-LUT that a config names: one for all beads or a set."""

from __future__ import annotations

from pathlib import Path

from magscope_app.config import Config
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


def why_not_calibration(path: Path, config: Config) -> str | None:
    """Say in one sentence why a Z-LUT file does not fit camera, ROI and optics, or return None."""
    if not path.is_file():
        return f"{path} does not exist; give a Z-LUT file, or leave the key out to track without z"
    try:
        loaded = load_calibration(path)
    except MagscopeError as error:
        return str(error)
    optics = config.optics
    for zlut in [loaded] if isinstance(loaded, ZLUT) else [*loaded.values()]:
        reasons = zlut.why_not(
            roi_px=config.beads.roi_px,
            nm_per_px=optics.nm_per_px,
            focal_shift_factor=optics.focal_shift_factor,
        )
        reasons += _why_not_camera(zlut, config)
        if reasons:
            return f"{path}: {'; '.join(reasons)}"
    return None


class ZRanges:
    """From where to where a bead's Z-LUT goes.

    Parameters
    ----------
    path : Path or None
        As in ``tracking.zlut``. Raises MagscopeError if it cannot be read.
    """

    def __init__(self, path: Path | None) -> None:
        self._loaded = load_calibration(path) if path is not None else None

    def __call__(self, bead_id: int) -> tuple[float, float] | None:
        """Return lowest and highest z of a bead's Z-LUT in nm, None where it has none."""
        zlut = self._loaded.get(bead_id) if isinstance(self._loaded, ZLUTSet) else self._loaded
        return None if zlut is None else (float(zlut.z_nm[0]), float(zlut.z_nm[-1]))


def _why_not_camera(zlut: ZLUT, config: Config) -> list[str]:
    """Say if the sweep was made with another camera; a recording may be of any camera."""
    swept_with, driver = zlut.metadata.get("camera"), config.camera.driver
    if swept_with is None or swept_with == driver or config.camera.path is not None:
        return []
    return [
        f"the Z-LUT was made with the camera {swept_with}, but camera.driver is {driver}; sweep again with "
        "this camera"
    ]
