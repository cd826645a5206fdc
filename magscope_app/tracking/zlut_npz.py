"""Z-LUTs in .npz: arrays, and one text in JSON for the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.lut_shape import BeadShape
from magscope_app.tracking.zlut import ZLUT
from magscope_app.tracking.zlut_set import ZLUTSet

__all__ = ["BadZipFile", "read_one", "read_set", "write_one", "write_set"]

_ONE, _SET = "magscope-app Z-LUT 1", "magscope-app Z-LUT set 1"
_SHAPE_ARRAYS = ("radial", "template", "reach_px", "centres_px", "noise_dn2")
_Number = TypeVar("_Number", np.int64, np.float32, np.float64)
Arrays = dict[str, npt.NDArray[np.generic]]


def write_one(zlut: ZLUT, file: Path) -> None:
    """Write one Z-LUT."""
    _write(file, {"format": np.array(_ONE), **_arrays(zlut, "")})


def read_one(file: Path) -> ZLUT:
    """Read what `write_one` wrote."""
    return _zlut(_read(file, _ONE), "")


def write_set(zluts: ZLUTSet, file: Path) -> None:
    """Write a set; a Z-LUT that serves several beads is written once."""
    distinct: dict[int, ZLUT] = {id(zlut): zlut for zlut in zluts.values()}
    if zluts.default is not None:
        distinct[id(zluts.default)] = zluts.default
    number = {key: i for i, key in enumerate(distinct)}
    arrays: Arrays = {
        "format": np.array(_SET),
        "bead_ids": np.array(list(zluts), np.int64),
        "zlut_of_bead": np.array([number[id(zlut)] for zlut in zluts.values()], np.int64),
        "default": np.array(-1 if zluts.default is None else number[id(zluts.default)], np.int64),
    }
    for i, zlut in enumerate(distinct.values()):
        arrays |= _arrays(zlut, f"zlut{i}_")
    _write(file, arrays)


def read_set(file: Path) -> ZLUTSet:
    """Read what `write_set` wrote."""
    arrays = _read(file, _SET)
    numbers = [int(n) for n in arrays["zlut_of_bead"]]
    default = int(arrays["default"])
    distinct = {n: _zlut(arrays, f"zlut{n}_") for n in {*numbers, default} if n >= 0}
    ids = [int(bead_id) for bead_id in arrays["bead_ids"]]
    return ZLUTSet(
        {bead_id: distinct[n] for bead_id, n in zip(ids, numbers, strict=True)}, distinct.get(default)
    )


def _arrays(zlut: ZLUT, prefix: str) -> Arrays:
    facts = {
        "r_step_px": zlut.r_step_px,
        "roi_px": zlut.roi_px,
        "nm_per_px": zlut.nm_per_px,
        "focal_shift_factor": zlut.focal_shift_factor,
        "created": zlut.created,
        "metadata": dict(zlut.metadata),
    }
    arrays: Arrays = {
        f"{prefix}z_nm": zlut.z_nm,
        f"{prefix}profiles": zlut.profiles,
        f"{prefix}counts": zlut.counts,
        f"{prefix}facts": np.array(json.dumps(facts)),
    }
    if zlut.shape is not None:
        arrays |= {f"{prefix}shape_{name}": getattr(zlut.shape, name) for name in _SHAPE_ARRAYS}
        arrays[f"{prefix}shape_ceiling_dn"] = np.array(zlut.shape.ceiling_dn)
    return arrays


def _zlut(arrays: Arrays, prefix: str) -> ZLUT:
    facts = json.loads(str(arrays[f"{prefix}facts"]))
    return ZLUT(
        _numbers(arrays[f"{prefix}z_nm"], np.float64),
        _numbers(arrays[f"{prefix}profiles"], np.float64),
        counts=_numbers(arrays[f"{prefix}counts"], np.int64),
        shape=_shape(arrays, prefix),
        **facts,
    )


def _numbers(array: npt.NDArray[np.generic], dtype: type[_Number]) -> npt.NDArray[_Number]:
    if array.dtype.kind not in "fiu":
        raise ValueError(f"it holds {array.dtype} where numbers are expected")
    try:
        with np.errstate(invalid="raise", over="raise"):
            return array.astype(dtype)
    except FloatingPointError:
        raise ValueError(f"it holds numbers beyond {np.dtype(dtype)}") from None


def _shape(arrays: Arrays, prefix: str) -> BeadShape | None:
    """Return the 2-D part; files of before it existed, and tables of profiles, have none."""
    if f"{prefix}shape_radial" not in arrays:
        return None
    radial, template, reach, centres, noise = (arrays[f"{prefix}shape_{name}"] for name in _SHAPE_ARRAYS)
    return BeadShape(
        _numbers(radial, np.float64),
        _numbers(template, np.float32),
        _numbers(reach, np.float64),
        _numbers(centres, np.float64),
        _numbers(noise, np.float64),
        float(arrays[f"{prefix}shape_ceiling_dn"]),
    )


def _write(file: Path, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
    # savez appends .npz to a name that ends otherwise (.NPZ): a file object is taken as it is.
    with file.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def _read(file: Path, kind: str) -> Arrays:
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        if not isinstance(archive, np.lib.npyio.NpzFile) or str(archive.get("format", "")) != kind:
            raise ValueError(f"it is not marked as {kind!r}")
        return {name: archive[name] for name in archive.files}
