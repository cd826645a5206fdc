"""The Z-LUT that a config names: one for all beads or a set."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from magscope_app.calibration.report import BeadReport
from magscope_app.config import Config
from magscope_app.datatypes import Session
from magscope_app.errors import MagscopeError
from magscope_app.processes.camera_noise import CORRECTIONS
from magscope_app.storage.atomic import write_atomically
from magscope_app.tracking.zlut import ZLUT
from magscope_app.tracking.zlut_files import load_set, load_zlut
from magscope_app.tracking.zlut_set import ZLUTSet

_log = logging.getLogger(__name__)
#: Settings of drivers that say which of many cameras it is.
_WHICH_CAMERA = ("adapter", "device", "label")
#: Magnifications that differ by a smaller share are the same.
_SAME_MAGNIFICATION = 1e-3


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


def copy_of(path: Path, session: str) -> Path:
    """Copy a Z-LUT file into the folder of a session, so that what is tracked with stays as it is.

    Parameters
    ----------
    path : Path
        The file; somebody may write another one in its place at any time.
    session : str
        Prefix of the session, with which the copy goes.

    Returns
    -------
    Path
        The copy, of the same name; the file itself where there is no room for one.
    """
    try:
        content = path.read_bytes()
        folder = Session(session).folder / hashlib.sha256(content).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        copy = folder / path.name
        if not copy.exists():
            write_atomically(copy, content)
    except OSError as error:
        _log.warning("%s could not be copied (%s); leave the file as it is", path, error)
        return path
    return copy


def why_not_calibration(path: Path, config: Config, roi_px: int | None = None) -> str | None:
    """Say in one sentence why a Z-LUT file does not fit camera, ROI and optics, or return None.

    What is not known of a Z-LUT is taken to fit; see `magscope_app.processes.calibration_doubts`.

    Parameters
    ----------
    path : Path
        As in ``tracking.zlut``.
    config : Config
        Says what camera and optics are.
    roi_px : int, optional
        Edge of the ROIs, where it is no more that of the config.
    """
    if not path.is_file():
        return f"{path} does not exist; give a Z-LUT file, or leave the key out to track without z"
    try:
        loaded = load_calibration(path)
    except MagscopeError as error:
        return str(error)
    optics = config.optics
    now_px = config.beads.roi_px if roi_px is None else roi_px
    for zlut in all_zluts(loaded):
        reasons = [too_large] if (too_large := why_not_roi(zlut, now_px)) else []
        reasons += zlut.why_not(nm_per_px=optics.nm_per_px, focal_shift_factor=optics.focal_shift_factor)
        reasons += _why_not_magnification(zlut, optics.magnification)
        reasons += _why_not_camera(zlut, config) + _why_not_corrections(zlut, config)
        if reasons:
            return f"{path}: {'; '.join(reasons)}"
    return None


def all_zluts(loaded: ZLUT | ZLUTSet) -> list[ZLUT]:
    """Return every Z-LUT, the one for all other beads last."""
    if isinstance(loaded, ZLUT):
        return [loaded]
    return [*loaded.values(), *([] if loaded.default is None else [loaded.default])]


class ZRanges:
    """From where to where a bead's Z-LUT can be relied on.

    Parameters
    ----------
    path : Path or None
        As in ``tracking.zlut``. Raises MagscopeError if it cannot be read.
    """

    def __init__(self, path: Path | None) -> None:
        self._loaded = load_calibration(path) if path is not None else None

    def __call__(self, bead_id: int) -> tuple[float, float] | None:
        """Return lowest and highest z in nm that are usable of a bead's Z-LUT, None where there are none.

        That is what the sweep found out; of a table that is not of a sweep, all of it.
        """
        loaded = self._loaded
        zlut = loaded.get(bead_id, loaded.default) if isinstance(loaded, ZLUTSet) else loaded
        if zlut is None:
            return None
        report = BeadReport.of_metadata(bead_id, zlut.metadata)
        low, high = (float(zlut.z_nm[0]), float(zlut.z_nm[-1])) if report is None else report.usable_nm
        return (low, high) if low < high else None


def why_not_roi(loaded: ZLUT | ZLUTSet, roi_px: int) -> str | None:
    """Say if a ROI has pixels that the sweep never saw; from a smaller one nothing is missing."""
    swept_px = min((zlut.roi_px for zlut in all_zluts(loaded) if zlut.roi_px is not None), default=roi_px)
    if swept_px >= roi_px:
        return None
    return (
        f"the Z-LUT was swept in a ROI of {swept_px} px, but a ROI has {roi_px} px now: sweep again, or take "
        f"a ROI of {swept_px} px or less"
    )


def _why_not_magnification(zlut: ZLUT, magnification: float) -> list[str]:
    """Say if it was made at another magnification; other optics give other rings at the same pixel size."""
    made_at = zlut.metadata.get("magnification")
    if not isinstance(made_at, int | float):
        return []
    if abs(made_at - magnification) <= _SAME_MAGNIFICATION * magnification:
        return []
    return [
        f"the Z-LUT was made at a magnification of {made_at:g}, but optics.magnification is "
        f"{magnification:g}: other optics give other rings; sweep again"
    ]


def _why_not_corrections(zlut: ZLUT, config: Config) -> list[str]:
    """Say if images of the sweep were corrected where those of now are not, or the other way round."""
    noise = config.camera.noise
    named = {} if noise is None else {"dark_frame": noise.dark_frame, "flat_field": noise.flat_field}
    said = []
    for kind in CORRECTIONS:
        # A Z-LUT of before this was noted says nothing.
        if kind not in zlut.metadata or (zlut.metadata[kind] is None) == (named.get(kind) is None):
            continue
        had, has = ("no", "names one") if zlut.metadata[kind] is None else ("a", "names none")
        said.append(
            f"the Z-LUT was made with {had} {kind.replace('_', ' ')}, but camera.noise {has}: z would be "
            "wrong where the image is uneven; sweep again"
        )
    return said


def _why_not_camera(zlut: ZLUT, config: Config) -> list[str]:
    """Say if the sweep was made with another camera; a recording may be of any camera."""
    swept_with, camera = zlut.metadata.get("camera"), camera_name(config)
    if swept_with in (None, camera, config.camera.driver) or config.camera.path is not None:
        return []
    return [f"the Z-LUT was made with the camera {swept_with}, but this is {camera}; sweep again with it"]


def camera_name(config: Config) -> str:
    """Return what tells a camera from others: its driver and, where one driver has many, the device."""
    settings = config.camera.settings
    device = [str(settings[key]) for key in _WHICH_CAMERA if settings.get(key)]
    return " ".join([config.camera.driver, *device])


def stated_surface_nm(config: Config) -> float | None:
    """Return where heights begin; None where the config does not say, and its default means nothing."""
    optics = config.optics
    return optics.surface_nm if "surface_nm" in optics.model_fields_set else None
