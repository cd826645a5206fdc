"""The thread that talks to the drivers of one controller, so that a stop never waits for a move."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence

from magscope_app.processes.axis import Axis
from magscope_app.processes.stopper import Stopper

Job = Callable[[], None]
#: A call to a driver that ends so soon after it began is waited for before the axes are stopped beside it.
_SHORT_CALL_S = 0.01
#: So long, all together, are stops waited for before that of the next axis, as their line may take one caller
#: at a time. A stop that takes longer is no order but a wait: the others are told beside it.
_STOPS_S = 0.02
#: Closing the devices may take so long.
_END_S = 0.5
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
        self._stoppers = {axis.name: Stopper(axis.name, axis.halt) for axis in axes}
        self._jobs: queue.SimpleQueue[tuple[int, Job, Job | None]] = queue.SimpleQueue()
        self._calls = threading.Lock()
        self._call_began = 0.0
        self._stops = 0
        self._ending = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="motors", daemon=True)
        self._thread.start()

    def submit(self, job: Job, stopped: Job | None = None) -> None:
        """Have a job done; if the axes are told to stop before it begins, `stopped` is done instead."""
        self._jobs.put((self._stops, job, stopped))

    def stop_all(self) -> None:
        """Stop every axis at once, whatever the drivers do: stops that wait hold up no other for long."""
        self._stops += 1
        for axis in self._axes:
            axis.note_halt()
        called_s = time.monotonic() - self._call_began
        free = self._calls.acquire(timeout=max(0.0, _SHORT_CALL_S - called_s))
        until = time.monotonic() + _STOPS_S
        try:
            # The axis whose call blocks moves; so may any that is not known to stand.
            for axis in sorted(self._axes, key=lambda axis: (not axis.is_called, axis.state == "ready")):
                self._stoppers[axis.name].ask()
                self._stoppers[axis.name].wait(max(0.0, until - time.monotonic()))
        finally:
            if free:
                self._calls.release()

    def watch(self) -> None:
        """Look whether the drivers answer. Raises what ended the thread."""
        for axis in self._axes:
            if axis.overdue():
                self._stoppers[axis.name].ask()
        if self._failure is not None:
            raise self._failure

    def end(self) -> tuple[Axis, ...]:
        """Close every axis and end the threads; return those that are not closed, as a driver hangs."""
        self._ending = True
        for stopper in self._stoppers.values():
            stopper.end()
        self.submit(lambda: None)
        self._thread.join(_END_S)
        if not self._thread.is_alive():
            return ()
        return tuple(axis for axis in self._axes if axis.state != "closed")

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
        # First: a stop that is not seen in the next line is seen by the axis.
        for axis in self._axes:
            axis.heed_stops()
        if stopped is not None and stops != self._stops:
            stopped()
            return
        self._call(job)

    def _poll(self) -> None:
        for axis in self._axes:
            now_ns = time.perf_counter_ns()
            if axis.due_ns <= now_ns:
                axis.plan_poll(now_ns)
                self._call(axis.poll)

    def _call(self, job: Job) -> None:
        with self._calls:
            self._call_began = time.monotonic()
            job()
