"""The real loop of the locks in a thread, on real buffers and a real pipe; the test is all the others."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable
from multiprocessing.context import SpawnContext
from typing import TypeVar, cast

import numpy as np

from magscope_app.config import load_config
from magscope_app.datatypes import TRACKS_COLUMNS, Session
from magscope_app.feedback.state import LockName, LockState
from magscope_app.messages import Bead, BeadsChanged, Message, Shutdown
from magscope_app.messages.locks import CorrectFocus, LockChanged, SwitchZLock
from magscope_app.processes import feedback
from magscope_app.processes.handles import make_handles, telemetry_name
from magscope_app.processes.link import Link
from magscope_app.processes.segments import LOCK_SHAPES, Segments
from tests.feedback.rows import tracks

_Sent = TypeVar("_Sent", bound=Message)
_PATIENCE_S = 10.0
BEADS = (Bead(0, 100.5, 80.5, "reference"), Bead(1, 300.5, 80.5, "tethered"))


class Rig:
    """Feeds rows as they would come from tracking and focus, and hears what the locks want."""

    def __init__(self) -> None:
        config = load_config("demo.toml").config
        self._start_ns = time.perf_counter_ns()
        self._session = Session.create()
        kind = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
        context = cast("SpawnContext", multiprocessing.get_context(kind))
        shapes = {telemetry_name(motor.name): (500, 5) for motor in config.motors}
        shapes |= {"tracks": (20_000, len(TRACKS_COLUMNS)), **LOCK_SHAPES}
        self._handles = make_handles(context, config, self._session, self._start_ns, shapes)
        self._segments = Segments(self._handles, shapes)
        near, far = context.Pipe()
        self._link, self._far = Link(near, "rig"), Link(far, "feedback")
        self._tracks, self._telemetry = self._handles.tracks(), self._handles.telemetry("focus")
        self._thread = threading.Thread(target=feedback.run, args=(self._far, self._handles), name="feedback")
        self._thread.start()
        self._frame_id = 0
        self.heard: list[Message] = []
        self.z_nm = 500.0
        self.focus_nm = 0.0
        self.send(BeadsChanged(BEADS, 1, 64))

    def close(self) -> None:
        self._link.send(Shutdown())
        self._thread.join(_PATIENCE_S)
        assert not self._thread.is_alive()
        for part in (self._tracks, self._telemetry, self._link, self._far, self._segments, self._session):
            part.close()

    def send(self, *messages: Message) -> None:
        for message in messages:
            self._link.send(message)

    def feed(self) -> None:
        """Let a frame go by, with the focus at rest."""
        now_ns = time.perf_counter_ns() - self._start_ns
        self._telemetry.write(np.array([[now_ns, self.focus_nm, self.focus_nm, 0.0, 1.0]]))
        rows = tracks({0: (100.0, 80.0), 1: (300.0, 80.0)}, self._frame_id, z_nm=self.z_nm)
        rows[:, 1] = now_ns
        self._tracks.write(rows)
        self._frame_id += 1
        time.sleep(0.005)
        while (message := self._link.receive()) is not None:
            self.heard.append(message)

    def until(self, condition: Callable[[], bool]) -> None:
        """Feed frames until something is so."""
        late = time.monotonic() + _PATIENCE_S
        while not condition():
            assert time.monotonic() < late, self.heard
            self.feed()

    def state(self, name: LockName = "z_lock") -> LockState:
        told = [one.state for one in self.heard if isinstance(one, LockChanged) and one.state.name == name]
        return told[-1] if told else LockState(name)

    def all(self, kind: type[_Sent]) -> list[_Sent]:
        return [message for message in self.heard if isinstance(message, kind)]

    def hold(self) -> None:
        """Switch the Z-lock on and wait until it is."""
        self.send(SwitchZLock(True))
        self.until(lambda: self.state().stage == "on")

    def correction(self) -> CorrectFocus:
        """Let the bead be elsewhere until the lock wants to follow."""
        count = len(self.all(CorrectFocus))
        self.z_nm += 40.0
        self.until(lambda: len(self.all(CorrectFocus)) > count)
        return self.all(CorrectFocus)[-1]
