"""What is right in a config that is partly wrong, so that everything can be said at once."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

_Model = TypeVar("_Model", bound=BaseModel)


def without_errors(model: type[_Model], data: dict[str, Any], error: ValidationError) -> _Model | None:
    """Read a config without the keys that are wrong.

    Parameters
    ----------
    model : type
        Of the whole config.
    data : dict
        What was refused.
    error : ValidationError
        Why.

    Returns
    -------
    model or None
        None where a key that is needed is among the wrong ones.
    """
    rest = copy.deepcopy(data)
    for entry in sorted(error.errors(), key=lambda entry: str(entry["loc"]), reverse=True):
        _drop(rest, entry["loc"])
    try:
        return model.model_validate(rest)
    except ValidationError:
        return None


def _drop(data: Any, loc: tuple[int | str, ...]) -> None:
    """Remove an entry, as far as it is there."""
    for part in loc[:-1]:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(data, dict):
        data.pop(loc[-1], None)
    elif isinstance(data, list) and isinstance(loc[-1], int) and loc[-1] < len(data):
        del data[loc[-1]]
