"""Semaphores by which a writer wakes its readers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from multiprocessing.context import BaseContext
from multiprocessing.synchronize import Semaphore

from magscope_app.datatypes.session import Session, resolve

Wakes = Mapping[str, Semaphore]


def wake_key(buffer_name: str, reader_name: str) -> str:
    """Return the key of a reader's semaphore in the `wakes` mapping."""
    return f"{buffer_name}.{reader_name}"


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
        wake_key(buffer, name): context.Semaphore(0) for buffer, names in readers.items() for name in names
    }
    owner = resolve(session)
    if owner is not None:
        owner.note_semaphores(wakes.values())
    return wakes
