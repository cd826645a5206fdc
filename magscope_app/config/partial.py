"""What is right in a config that is partly wrong, so that everything can be said at once."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

_Model = TypeVar("_Model", bound=BaseModel)
#: Dropping a wrong key may lay open another.
_ROUNDS = 10
#: Stand-ins for keys that are needed, so that the rest can be looked at.
_STAND_INS: dict[tuple[int | str, ...], Any] = {
    ("optics",): {"pixel_pitch_um": 5.0, "magnification": 50.0},
    ("optics", "pixel_pitch_um"): 5.0,
    ("optics", "magnification"): 50.0,
}
#: What is dropped where a section as a whole makes no sense.
_CULPRITS: dict[tuple[int | str, ...], tuple[str, ...]] = {
    (): ("motors",),
    ("camera",): ("exposure_ms", "roi_px"),
    ("beads",): ("list",),
}


def without_errors(model: type[_Model], data: dict[str, Any]) -> _Model | None:
    """Read a config without the keys that are wrong.

    Parameters
    ----------
    model : type
        Of the whole config.
    data : dict
        What was refused.

    Returns
    -------
    model or None
        None where too little is left.
    """
    rest = copy.deepcopy(data)
    for _ in range(_ROUNDS):
        try:
            return model.model_validate(rest)
        except ValidationError as error:
            for entry in sorted(error.errors(), key=lambda entry: str(entry["loc"]), reverse=True):
                _mend(rest, entry["type"], entry["loc"])
    return None


def _mend(data: dict[str, Any], kind: str, loc: tuple[int | str, ...]) -> None:
    """Drop what is wrong, or put a stand-in where something is missing."""
    if loc in _STAND_INS:
        _put(data, loc, _STAND_INS[loc])
    elif kind == "value_error" and loc in _CULPRITS:
        for key in _CULPRITS[loc]:
            _drop(data, (*loc, key))
    elif kind == "missing":
        _drop(data, loc[:-1])
    else:
        _drop(data, loc)


def _put(data: Any, loc: tuple[int | str, ...], value: Any) -> None:
    for part in loc[:-1]:
        if not isinstance(data.get(part), dict):
            data[part] = {}
        data = data[part]
    data[loc[-1]] = copy.deepcopy(value)


def _drop(data: Any, loc: tuple[int | str, ...]) -> None:
    """Remove an entry, as far as it is there."""
    for part in loc[:-1]:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return
    if loc and isinstance(data, dict):
        data.pop(loc[-1], None)
    elif loc and isinstance(data, list) and isinstance(loc[-1], int) and loc[-1] < len(data):
        del data[loc[-1]]
