"""The three packages of the application must be ours, not another distribution's."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import magscope_app
from magscope_app.errors import MagscopeError

_SIBLINGS = ("gui", "hardware")


def require_own_packages() -> None:
    """Make sure that `gui` and `hardware` lie beside `magscope_app`.

    Both names are common: a folder of that name where the program is started, or another package, could
    stand in their way.

    Raises
    ------
    MagscopeError
        One of them is not ours; the text names the intruder.
    """
    home = Path(magscope_app.__file__).resolve().parent.parent
    _prefer(home)
    for name in _SIBLINGS:
        spec = find_spec(name)
        origin = Path(spec.origin).resolve().parent if spec is not None and spec.origin else None
        if origin != home / name:
            found = origin or (list(spec.submodule_search_locations or []) if spec else "nothing")
            raise MagscopeError(
                f"the package {name!r} should be {home / name}, but Python finds {found}; "
                "install MagScope App into an environment of its own"
            )


def _prefer(home: Path) -> None:
    """Let the folder we live in go before the folder the program was started from."""
    path = str(home)
    first = sys.path[0] if sys.path else ""
    if first in ("", str(Path.cwd())) and Path(first or ".").resolve() != home:
        sys.path.remove(first)
        sys.path.append(first)
    if path not in sys.path:
        sys.path.insert(0, path)
