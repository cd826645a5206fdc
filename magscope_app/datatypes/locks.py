"""The locks that callers pass in."""

from __future__ import annotations

from collections.abc import Mapping

from magscope_app.datatypes.guard import LockLike


def lock_of(locks: Mapping[str, LockLike], name: str) -> LockLike:
    """Return the lock of the buffer `name`.

    Raises
    ------
    KeyError
        That names it, when it is missing.
    ValueError
        When it is no lock, or the name no text, or `locks` no mapping.
    """
    if not isinstance(name, str):
        raise ValueError(f"the name of a buffer is a text, not {name!r:.60}")
    if not isinstance(locks, Mapping):
        raise ValueError(f"locks maps the names of buffers to their locks, which {locks!r:.60} does not")
    try:
        lock = locks[name]
    except KeyError:
        raise KeyError(f"locks has no entry {name!r}, it has {sorted(map(str, locks))}") from None
    if not callable(getattr(lock, "acquire", None)) or not callable(getattr(lock, "release", None)):
        raise ValueError(
            f"locks[{name!r}] must be a lock, with acquire and release, such as multiprocessing.Lock(),"
            f" not {lock!r}"
        )
    return lock
