"""`magscope-app check`: what is wrong with a config, without moving anything."""

from __future__ import annotations

from collections.abc import Sequence

from magscope_app.processes.preflight import load_ready


def check(config: str, overrides: Sequence[str]) -> int:
    """Print that a config is fine; every problem is raised at once.

    Raises
    ------
    MagscopeError
        With one line per problem: file, key, what would be right.
    """
    loaded = load_ready(config, overrides, None, None)
    print(f"{loaded.path}: no problems found (devices were not opened)")
    return 0
