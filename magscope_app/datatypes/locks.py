"""The locks that callers pass in."""

from __future__ import annotations

from collections.abc import Mapping

from magscope_app.datatypes.guard import LockLike


def lock_of(locks: Mapping[str, LockLike], name: str) -> LockLike:
    """Return the lock of the buffer `name`; KeyError that names it when it is missing."""
    try:
        return locks[name]
    except KeyError:
        raise KeyError(f"locks has no entry {name!r}, it has {sorted(locks)}") from None
