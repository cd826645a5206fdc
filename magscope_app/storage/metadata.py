"""Image metadata as JSON text: exactly what was put, or a refusal."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import numpy as np

#: Our own entry in the metadata of an image: its coordinates, from which a lost index can be rebuilt.
OWN_KEY = "magscope_app"


_ENCODER = json.JSONEncoder(check_circular=False, allow_nan=False, separators=(",", ":"))
#: Where JSON holds something else than what was put: where it stands, and what it was.
_Exact: TypeAlias = list[tuple[list[int | str], str]]
_SIMPLE: Final = frozenset({str, int, bool, type(None)})


def _plain(value: object, path: tuple[int | str, ...], exact: _Exact) -> object:
    """Return `value` as JSON holds it, and note in `exact` what JSON has no words for."""
    if type(value) in _SIMPLE:
        return value
    if isinstance(value, (np.generic, np.ndarray)) and value.dtype.kind in "mM":
        # Some of them would become numbers without a unit.
        raise _refusal(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        is_plain = value.dtype.kind in "iub" or (value.dtype.kind == "f" and np.isfinite(value).all())
        value = value.tolist()
        if is_plain:
            return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        exact.append(([*path], repr(float(value))))
        return None
    if isinstance(value, dict):
        return _plain_dict(value, path, exact)
    if isinstance(value, (list, tuple)):
        listed = [
            entry if type(entry) in _SIMPLE else _plain(entry, (*path, at), exact)
            for at, entry in enumerate(value)
        ]
        if isinstance(value, tuple):
            # Behind what is in it: inner values are put back first.
            exact.append(([*path], "tuple"))
        return listed
    if isinstance(value, (str, int)):
        return value
    raise _refusal(value)


def _refusal(value: object) -> TypeError:
    return TypeError(
        f"metadata hold text, numbers, lists and dicts, not {type(value).__name__} ({value!r:.80})"
    )


def _plain_dict(metadata: Mapping[Any, Any], path: tuple[int | str, ...], exact: _Exact) -> dict[str, object]:
    for name in metadata:
        if type(name) is not str:
            raise TypeError(f"metadata names are text, not {name!r}")
    return {name: _plain(value, (*path, name), exact) for name, value in metadata.items()}


def encode(metadata: Mapping[str, Any], axes: Mapping[str, int | str] | None = None) -> bytes:
    """Write metadata as JSON.

    Parameters
    ----------
    metadata : mapping
        Text, numbers, None, lists, tuples and dicts; numpy scalars and arrays become plain numbers and lists.
        JSON has no tuples and no NaN or infinity: other readers find lists and null in their places, and
        `without_own` what was put.
    axes : mapping, optional
        Coordinates to be written with them.

    Returns
    -------
    bytes
        UTF-8.

    Raises
    ------
    TypeError
        If a name is no text or a value cannot be written.
    ValueError
        If `metadata` hold the name under which the coordinates are written.
    """
    exact: _Exact = []
    content = _plain_dict(metadata, (), exact)
    if axes is None:
        return _ENCODER.encode(content).encode()
    if OWN_KEY in metadata:
        raise ValueError(f"the metadata name {OWN_KEY!r} is taken; choose another")
    own = {"axes": dict(axes), "exact": exact} if exact else {"axes": dict(axes)}
    return _ENCODER.encode({**content, OWN_KEY: own}).encode()


def without_own(metadata: dict[str, Any]) -> dict[str, Any]:
    """Turn what `encode` wrote with coordinates back into what was put.

    Raises
    ------
    ValueError, TypeError, LookupError
        If it is damaged.
    """
    own = metadata.pop(OWN_KEY, None)
    for path, what in own.get("exact", ()) if isinstance(own, dict) else ():
        *outer, last = path
        target: Any = metadata
        for step in outer:
            target = target[step]
        target[last] = tuple(target[last]) if what == "tuple" else float(what)
    return metadata
