"""Z-LUT files: .npz with everything, text matrices, and QTrk's .radialzlut. Nothing is ever unpickled."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np
import numpy.typing as npt

from magscope_app.tracking import zlut_npz
from magscope_app.tracking.requests import is_finite, whole
from magscope_app.tracking.zlut import BINNED, ZLUT
from magscope_app.tracking.zlut_set import ZLUTSet

#: What may be wrong inside a file of the right kind.
_BROKEN = (ValueError, KeyError, TypeError, EOFError, json.JSONDecodeError, zlut_npz.BadZipFile)
#: Comment in text files whose profiles are circles of interpolated pixels, as this program's own.
_INTERPOLATED = "means over circles, interpolated between pixels"
#: Begins the comment in text files that says in JSON how the Z-LUT was made.
_FACTS = "magscope-app Z-LUT: "
_TYPES: dict[str, tuple[type, ...]] = {
    "roi_px": (int, NoneType),
    "nm_per_px": (int, float, NoneType),
    "focal_shift_factor": (int, float, NoneType),
    "created": (str,),
}
_PLAIN = (str, int, float, bool, NoneType)


def load_zlut(path: str | PathLike[str], plane_nm: float | None = None, bead: int | None = None) -> ZLUT:
    """Read one Z-LUT; see `ZLUT.load`."""
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix == ".radialzlut":
        return _from_radialzlut(file, plane_nm, bead)
    if plane_nm is not None or bead is not None:
        raise ValueError(f"{file} holds its own z and one bead; leave out plane_nm and bead")
    if suffix == ".npz":
        try:
            return zlut_npz.read_one(file)
        except _BROKEN as error:
            raise ValueError(
                f"{file} is not a Z-LUT of this program ({_said(error)}); save it again or sweep again"
            ) from error
    return _from_text(file)


def load_set(path: str | PathLike[str], plane_nm: float | None = None) -> ZLUTSet:
    """Read several Z-LUTs; see `ZLUTSet.load`."""
    file = Path(path)
    if file.suffix.lower() == ".radialzlut":
        tables, z_nm = _read_radialzlut(file, plane_nm)
        return ZLUTSet({bead: _radial(file, table, z_nm, bead) for bead, table in enumerate(tables)})
    if plane_nm is not None:
        raise ValueError(f"{file} holds its own z; leave out plane_nm")
    try:
        return zlut_npz.read_set(file)
    except _BROKEN as error:
        raise ValueError(
            f"{file} is not a Z-LUT set of this program ({_said(error)}); save it again"
        ) from error


def save_zlut(zlut: ZLUT, path: str | PathLike[str]) -> None:
    """Write one Z-LUT; see `ZLUT.save`."""
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix == ".npz":
        zlut_npz.write_one(zlut, file)
    elif suffix == ".radialzlut":
        raise ValueError(f"{file}: .radialzlut is read, not written; choose .npz or .txt")
    else:
        radii = np.arange(int((zlut.n_radii - 1) * zlut.r_step_px + 1e-9) + 1, dtype=np.float64)
        if len(radii) < 2:
            raise ValueError(f"{file}: the Z-LUT ends below r = 1 px, and text has whole px; choose .npz")
        how = [] if zlut.metadata.get(BINNED) else [_INTERPOLATED]
        header = "\n".join([*how, _fact_line(zlut)])
        # savetxt compresses into a name that ends in .gz: a file object is taken as it is.
        with file.open("w", encoding="utf-8") as stream:
            np.savetxt(stream, np.vstack([zlut.z_nm, zlut.profiles_at(radii).T]), header=header)


def save_set(zluts: ZLUTSet, path: str | PathLike[str]) -> None:
    """Write several Z-LUTs; see `ZLUTSet.save`."""
    file = Path(path)
    if file.suffix.lower() != ".npz":
        raise ValueError(f"{file}: a Z-LUT set is saved as .npz; choose that ending")
    zlut_npz.write_set(zluts, file)


def _from_text(file: Path) -> ZLUT:
    """Read a matrix whose row 0 is z in nm and whose row r + 1 is the profiles at r px."""
    try:
        text = file.read_text(encoding="utf-8")
        rows = [
            line
            for line in text.replace(",", " ").splitlines()
            if line.strip() and not line.lstrip().startswith("#")
        ]
        matrix = np.array([[float(word) for word in row.split()] for row in rows], np.float64)
        if matrix.ndim != 2:
            raise ValueError("it holds no matrix")
        order = np.argsort(matrix[0], kind="stable")
        # magtrack, whose format this is, takes the nearest pixels.
        binned = _INTERPOLATED not in text
        facts = _facts(text)
        facts["metadata"] |= {BINNED: binned}
        return ZLUT(matrix[0, order], matrix[1:, order].T, **facts)
    except ValueError as error:
        raise ValueError(
            f"{file} is not a Z-LUT in text form ({_said(error)}); "
            "it must be a matrix of numbers: z in nm in the first row, then the profiles at r = 0, 1, 2 … px"
        ) from error


def _fact_line(zlut: ZLUT) -> str:
    """Return what is known of a Z-LUT as a comment, which other programs pass over."""
    metadata = {name: value for name, value in zlut.metadata.items() if name != BINNED}
    return f"{_FACTS}{json.dumps({name: getattr(zlut, name) for name in _TYPES} | {'metadata': metadata})}"


def _facts(text: str) -> dict[str, Any]:
    """Return what `_fact_line` wrote, nothing where it is missing. Raises ValueError where it is damaged."""
    lines = [line for line in text.splitlines() if line.startswith(f"# {_FACTS}")]
    if not lines:
        return {"metadata": {}}
    facts = json.loads(lines[0].partition(_FACTS)[2])
    sound = (
        isinstance(facts, dict)
        and facts.keys() == {*_TYPES, "metadata"}
        and isinstance(facts["metadata"], dict)
        and all(isinstance(value, _PLAIN) for value in facts["metadata"].values())
        and all(type(facts[name]) in types for name, types in _TYPES.items())
    )
    if not sound:
        raise ValueError("its comment about optics and ROI is damaged")
    return dict(facts)


def _from_radialzlut(file: Path, plane_nm: float | None, bead: int | None) -> ZLUT:
    tables, z_nm = _read_radialzlut(file, plane_nm)
    if bead is None and len(tables) > 1:
        raise ValueError(f"{file} holds {len(tables)} beads; say which with bead = 0..{len(tables) - 1}")
    number = whole(bead or 0)
    if number is None or not 0 <= number < len(tables):
        raise ValueError(f"{file} has no bead {bead}; choose 0..{len(tables) - 1}")
    return _radial(file, tables[number], z_nm, number)


def _read_radialzlut(
    file: Path, plane_nm: float | None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Return tables (n_beads, n_planes, n_radii) and z from 0."""
    if not is_finite(plane_nm) or not plane_nm > 0:
        raise ValueError(f"{file} does not say how far apart its planes are; give plane_nm > 0")
    data = file.read_bytes()
    sizes = [int(size) for size in np.frombuffer(data[:12], "<i4")] if len(data) >= 12 else []
    if not sizes or min(sizes) < 1 or len(data) != 12 + 4 * sizes[0] * sizes[1] * sizes[2]:
        raise ValueError(f"{file} is not a complete .radialzlut ({len(data)} bytes); copy it again from QTrk")
    tables = np.frombuffer(data, "<f4", offset=12).reshape(sizes).astype(np.float32)
    return tables, np.arange(sizes[1], dtype=np.float64) * plane_nm


def _radial(file: Path, table: npt.NDArray[np.float32], z_nm: npt.NDArray[np.float64], bead: int) -> ZLUT:
    try:
        return ZLUT.from_profiles(table, z_nm, metadata={"source": file.name, "source_bead": bead})
    except ValueError as error:
        raise ValueError(f"{file}, bead {bead}: {_said(error)}; choose another bead") from error


def _said(error: Exception) -> str:
    """Return the first line of an error's text without its full stop."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
