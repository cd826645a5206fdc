"""A function of the user's own, by its name in the config."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from magscope_app.devices.lookup import append_driver_folders
from magscope_app.errors import MagscopeError


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
    append_driver_folders(folders)
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        raise MagscopeError(
            f"{name!r}: there is no module {error.name}; put its folder into drivers.path or install it"
        ) from error
    except AttributeError as error:
        raise MagscopeError(
            f"{name!r}: the module {module} has no function {function}; check the name"
        ) from error
    except (Exception, SystemExit) as error:
        raise MagscopeError(
            f"{name!r}: its module cannot be imported ({type(error).__name__}: {error}); mend the module"
        ) from error
    if not callable(found):
        raise MagscopeError(f"{name!r} is not a function; name one that takes (coordinates, data, metadata)")
    loaded: Callable[..., Any] = found
    return loaded
