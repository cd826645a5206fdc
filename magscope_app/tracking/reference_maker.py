"""A thread that makes references beside the line."""

from __future__ import annotations

import queue
import threading

from magscope_app.tracking.references import References

#: How long the thread sleeps at most before it looks whether it should end.
_WAIT_S = 1.0


class ReferenceMaker:
    """Makes what is asked for, in order; the tracker goes on meanwhile.

    Parameters
    ----------
    references : References
        Where the references go.
    """

    def __init__(self, references: References) -> None:
        self._references = references
        self._asked: queue.SimpleQueue[tuple[int, int] | None] = queue.SimpleQueue()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="magscope-references", daemon=True)
        self._thread.start()

    def ask(self, lut: int, at: int) -> None:
        """Ask for the reference of a cell, numbered in its Z-LUT."""
        self._asked.put((lut, at))

    @property
    def n_waiting(self) -> int:
        """How many are asked for and not begun."""
        return self._asked.qsize()

    def close(self) -> None:
        """End the thread after the reference it is making."""
        self._ending = True
        self._asked.put(None)
        self._thread.join(10.0)

    def _run(self) -> None:
        while not self._ending:
            try:
                wanted = self._asked.get(timeout=_WAIT_S)
            except queue.Empty:
                continue
            if wanted is not None and not self._ending:
                self._references.make(*wanted)
