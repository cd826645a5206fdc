"""`magscope-app zlut show`: what the Z-LUTs of a file are, in words and as a picture."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from magscope_app.calibration import BeadReport
from magscope_app.cli.zlut_picture import draw
from magscope_app.errors import MagscopeError
from magscope_app.processes.calibration_file import load_calibration
from magscope_app.tracking import ZLUT, CameraNoise, ZLUTSet

#: σz is said at so many places of the range.
_PLACES = 5


def show(path: Path, plot: Path | None) -> int:
    """Print what each Z-LUT is; draw all of them into `plot` if given. Raises MagscopeError."""
    if plot is not None and plot.suffix.lower() != ".png":
        raise MagscopeError(f"{plot} does not end in .png; choose another name")
    path = _file_of(path)
    loaded = load_calibration(path)
    zluts = {_bead_of(path): loaded} if isinstance(loaded, ZLUT) else _all(loaded)
    if not zluts:
        raise MagscopeError(f"{path} holds no Z-LUT; sweep again")
    print(_head(path, zluts))
    for bead_id, zlut in zluts.items():
        report = BeadReport.of_metadata(bead_id, zlut.metadata)
        print(report.describe() if report is not None else _plain(bead_id, zlut))
        print(_sigma_line(zlut))
    if plot is not None:
        draw(zluts, plot)
        print(f"picture: {plot}")
    return 0


def _file_of(path: Path) -> Path:
    """Return the file itself, or that in the dataset of a sweep; MagscopeError if there is none."""
    if not path.exists():
        raise MagscopeError(f"{path} does not exist; give a file of Z-LUTs, or the dataset of a sweep")
    if not path.is_dir():
        return path
    kept = path / "zluts" / "zluts.npz"
    if kept.is_file():
        return kept
    raise MagscopeError(
        f"{path} is a folder without Z-LUTs of a sweep; give a file, or the dataset of a sweep"
    )


def _bead_of(path: Path) -> int:
    """Return the bead that the name of a text file says, else that it is for all beads."""
    named = re.fullmatch(r"bead-(\d+)", path.stem)
    return int(named[1]) if named else -1


def _all(zluts: ZLUTSet) -> dict[int, ZLUT]:
    return dict(zluts) | ({-1: zluts.default} if zluts.default is not None else {})


def _head(path: Path, zluts: dict[int, ZLUT]) -> str:
    first = next(iter(zluts.values()))
    facts = [f"{path}: {len(zluts)} Z-LUT{'s' if len(zluts) > 1 else ''}"]
    if first.created:
        facts.append(f"made {first.created[:19]}")
    if first.nm_per_px is not None:
        facts.append(f"{first.nm_per_px:g} nm per px")
    if first.focal_shift_factor is not None:
        facts.append(f"focal shift factor {first.focal_shift_factor:g}")
    if first.roi_px is not None:
        facts.append(f"ROI {first.roi_px} px")
    if first.metadata.get("camera"):
        facts.append(f"camera {first.metadata['camera']}")
    return ", ".join(facts)


def _plain(bead_id: int, zlut: ZLUT) -> str:
    name = "all beads" if bead_id < 0 else f"bead {bead_id:4d}"
    return f"{name}  {zlut.n_planes} planes, {zlut.z_nm[0]:+.0f} to {zlut.z_nm[-1]:+.0f} nm; not of a sweep"


def _sigma_line(zlut: ZLUT) -> str:
    """Return σz along z where the camera's noise is known."""
    gain = zlut.metadata.get("gain_dn_per_e")
    if not isinstance(gain, int | float):
        return f"           {zlut.n_planes} planes, {zlut.n_radii} radii"
    offset, read = zlut.metadata.get("offset_dn"), zlut.metadata.get("read_noise_e")
    noise = CameraNoise(float(gain), float(offset or 0.0), float(read or 0.0))
    try:
        quality = zlut.quality(noise)
    except ValueError as error:
        return f"           {error}"
    places = np.linspace(1, zlut.n_planes - 2, _PLACES).round().astype(int)
    parts = [f"{quality.sigma_z_nm[at]:.1f} at {round(zlut.z_nm[at]):+d}" for at in places]
    return f"           {zlut.n_planes} planes; σz in nm: {', '.join(parts)} nm"
