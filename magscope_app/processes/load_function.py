"""A function or a storage of the user's own, by its name in the config."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from magscope_app.data import DataStorage
from magscope_app.devices.lookup import append_driver_folders
from magscope_app.errors import FOREIGN, MagscopeError


def load_function(name: str, folders: Sequence[Path]) -> Callable[..., Any]:
    """Return the function ``"module:function"``.

    Parameters
    ----------
    name : str
        As in the config.
    folders : sequence of Path
        ``drivers.path`` of the config.

    Raises
    ------
    MagscopeError
        There is no such function, or its module cannot be imported.
    """
    found = _find(name, folders, "function")
    if not callable(found):
        raise MagscopeError(f"{name!r} is not a function; name one that takes (coordinates, data, metadata)")
    loaded: Callable[..., Any] = found
    return loaded


def load_storage(name: str, folders: Sequence[Path]) -> type[DataStorage]:
    """Return the storage ``"module:Class"``; parameters and errors as for `load_function`."""
    found = _find(name, folders, "class")
    if not (isinstance(found, type) and issubclass(found, DataStorage)):
        raise MagscopeError(f"{name!r} is no storage; derive the class from magscope_app.data.DataStorage")
    if missing := sorted(found.__abstractmethods__):
        raise MagscopeError(f"{name!r} is no whole storage; write its methods {', '.join(missing)}")
    return found


def _find(name: str, folders: Sequence[Path], kind: str) -> object:
    append_driver_folders(folders)
    module, _, attribute = name.partition(":")
    try:
        imported = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MagscopeError(
            f"{name!r}: there is no module {error.name}; put its folder into drivers.path or install it"
        ) from error
    except FOREIGN as error:
        raise MagscopeError(
            f"{name!r}: its module cannot be imported ({type(error).__name__}: {error}); mend the module"
        ) from error
    try:
        found: object = getattr(imported, attribute)
    except AttributeError as error:
        raise MagscopeError(
            f"{name!r}: the module {module} has no {kind} {attribute}; check the name"
        ) from error
    return found
