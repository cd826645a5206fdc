"""The thread that talks to the drivers of one controller, so that a stop never waits for a move."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence

from magscope_app.processes.axis import Axis

Job = Callable[[], None]
#: A call to a driver that is short is waited for before the axes are stopped beside it.
_SHORT_CALL_S = 0.01
#: Closing the devices may take so long.
_END_S = 0.7
#: Without an axis that is due, the thread looks at itself this often.
_IDLE_S = 0.2


class MotorWorker:
    """Carries out jobs in order and polls the axes in between.

    Parameters
    ----------
    axes : sequence of Axis
        Of one controller.
    """

    def __init__(self, axes: Sequence[Axis]) -> None:
        self._axes = axes
        self._jobs: queue.SimpleQueue[tuple[int, Job, Job | None]] = queue.SimpleQueue()
        self._calls = threading.Lock()
        self._stops = 0
        self._ending = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="motors", daemon=True)
        self._thread.start()

    def submit(self, job: Job, stopped: Job | None = None) -> None:
        """Have a job done; if the axes are told to stop before it begins, `stopped` is done instead."""
        self._jobs.put((self._stops, job, stopped))

    def stop_all(self) -> None:
        """Stop every axis at once, from the calling thread, whatever the drivers are busy with."""
        self._stops += 1
        free = self._calls.acquire(timeout=_SHORT_CALL_S)
        try:
            for axis in self._axes:
                axis.halt()
        finally:
            if free:
                self._calls.release()

    def watch(self) -> None:
        """Look whether the drivers answer. Raises what ended the thread."""
        for axis in self._axes:
            axis.overdue()
        if self._failure is not None:
            raise self._failure

    def end(self) -> bool:
        """Close every axis and end the thread; False when a driver does not come back from a call."""
        self._ending = True
        self.submit(lambda: None)
        self._thread.join(_END_S)
        return not self._thread.is_alive()

    def _work(self) -> None:
        try:
            while not self._ending:
                self._wait_and_do()
                self._poll()
            for axis in self._axes:
                axis.close()
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that watches
            self._failure = error

    def _wait_and_do(self) -> None:
        now_ns = time.perf_counter_ns()
        due_ns = min((axis.due_ns for axis in self._axes), default=now_ns + int(_IDLE_S * 1e9))
        try:
            stops, job, stopped = self._jobs.get(timeout=max(0.0, (due_ns - now_ns) * 1e-9))
        except queue.Empty:
            return
        if stopped is not None and stops != self._stops:
            stopped()
            return
        with self._calls:
            job()

    def _poll(self) -> None:
        for axis in self._axes:
            now_ns = time.perf_counter_ns()
            if axis.due_ns <= now_ns:
                axis.due_ns = max(axis.due_ns + axis.period_ns, now_ns)
                with self._calls:
                    axis.poll()
