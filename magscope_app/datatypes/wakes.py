"""Semaphores by which a writer wakes its readers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from multiprocessing.context import BaseContext
from multiprocessing.synchronize import Semaphore

from magscope_app.datatypes.checks import names_in_order
from magscope_app.datatypes.session import Session, resolve

Wakes = Mapping[str, Semaphore]


def wake_key(buffer_name: str, reader_name: str) -> str:
    """Return the key of a reader's semaphore in the `wakes` mapping."""
    return f"{buffer_name}.{reader_name}"


def checked_wakes(wakes: Wakes | None) -> Wakes:
    """Return the semaphores, none for None; ValueError for what is none."""
    found = {} if wakes is None else wakes
    if not isinstance(found, Mapping):
        raise ValueError(f"wakes maps names to semaphores, which {found!r:.60} does not")
    for key, wake in found.items():
        if not callable(getattr(wake, "acquire", None)) or not callable(getattr(wake, "release", None)):
            raise ValueError(
                f"wakes[{key!r}] must be a semaphore, such as make_wakes() makes, not {wake!r:.60}"
            )
    return found


def make_wakes(
    context: BaseContext, readers: Mapping[str, Iterable[str]], session: Session | None = None
) -> dict[str, Semaphore]:
    """Make one semaphore per reader, to be passed as `wakes` to every handle of the buffers in every process.

    Parameters
    ----------
    context : multiprocessing context
        The one that spawns the children.
    readers : mapping
        Buffer name to the names of its readers.
    session : Session, optional
        Lists the semaphores in its file, so that they are removed after everything was killed. Default: the
        current.

    Returns
    -------
    dict
        ``"<buffer>.<reader>"`` to semaphore.
    """
    wakes = {
        wake_key(buffer, name): context.Semaphore(0)
        for buffer, names in readers.items()
        for name in names_in_order(f"readers[{buffer!r}]", names)
    }
    owner = resolve(session)
    if owner is not None:
        owner.note_semaphores(wakes.values())
    return wakes
