"""Image metadata as JSON text: exactly what was put, or a refusal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

#: Our own entry in the metadata of an image: its coordinates, from which a lost index can be rebuilt.
OWN_KEY = "magscope_app"


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(
        f"metadata hold text, numbers, lists and dicts, not {type(value).__name__} ({value!r:.80})"
    )


_ENCODER = json.JSONEncoder(default=_plain, check_circular=False, separators=(",", ":"))


def _check_names(metadata: Mapping[Any, Any]) -> None:
    for name, value in metadata.items():
        if type(name) is not str:
            raise TypeError(f"metadata names are text, not {name!r}")
        if isinstance(value, dict):
            _check_names(value)
        elif isinstance(value, (list, tuple)):
            for entry in value:
                if isinstance(entry, dict):
                    _check_names(entry)


def encode(metadata: Mapping[str, Any], axes: Mapping[str, int | str] | None = None) -> bytes:
    """Write metadata as JSON.

    Parameters
    ----------
    metadata : mapping
        Text, numbers, None, lists and dicts; numpy scalars and arrays become plain numbers and lists.
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
    _check_names(metadata)
    if axes is None:
        return _ENCODER.encode(dict(metadata)).encode()
    if OWN_KEY in metadata:
        raise ValueError(f"the metadata name {OWN_KEY!r} is taken; choose another")
    return _ENCODER.encode({**metadata, OWN_KEY: {"axes": dict(axes)}}).encode()


def without_own(metadata: dict[str, Any]) -> dict[str, Any]:
    """Take our own entry out of metadata that were written by `encode` with coordinates."""
    metadata.pop(OWN_KEY, None)
    return metadata
