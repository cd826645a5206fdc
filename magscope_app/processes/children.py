"""The supervisor's side of its child processes: start, listen, notice deaths, end."""

from __future__ import annotations

import logging
import math
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import connection
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from magscope_app.messages import Heartbeat, LogEntry, Message, ProcessState, Shutdown
from magscope_app.processes.child import ChildStart, child_main
from magscope_app.processes.handles import Handles
from magscope_app.processes.link import Link, LinkClosed
from magscope_app.processes.revival import kind_of

#: Where each process's work is done; the window and the drivers are found by name, never imported here.
TARGETS = {
    "tracking": "magscope_app.processes.tracking:run",
    "camera": "magscope_app.processes.camera:run",
    "recording": "magscope_app.processes.recording:run",
    "motors": "magscope_app.processes.motors:run",
    "experiment": "magscope_app.processes.experiment:run",
    "feedback": "magscope_app.processes.feedback:run",
    "gui": "gui.app:run",
}
#: A process that is silent for so many heartbeats is hung; a recorder may wait for a slow disk.
_HUNG_BEATS = 6
#: Who is killed when hung, after so many heartbeats. A window may be held by its system's own menus, and a
#: protocol of the user's may compute; nothing is lost by their silence.
_KILL_BEATS = {"camera": 6, "tracking": 6, "motors": 6, "feedback": 6, "recording": 120}
#: A process that starts may take this long to open its device; it must give a sign of life so often.
START_TIMEOUT_S = 60.0
#: How long a process that was told to end may take, and one that was killed.
_END_S, _END_STARTING_S, _KILL_S = 1.0, 0.2, 0.3


#: Who has not looked for so long cannot tell that others are silent.
_AWAY_S = 1.0


class Child:
    """One child process and the pipe to it."""

    def __init__(self, context: SpawnContext, name: str, handles: Handles, log_folder: Path | None) -> None:
        self.name = name
        self.ended = False
        #: What the process said before it ended because of an error.
        self.failure = ""
        ours, theirs = context.Pipe(duplex=True)
        self._process: BaseProcess = context.Process(
            target=child_main,
            args=(
                ChildStart(name, TARGETS[kind_of(name)], theirs, replace(handles, process=name), log_folder),
            ),
            name=f"magscope-{name}",
        )
        try:
            with _interrupts_ignored():
                self._process.start()
        finally:
            theirs.close()
        self.link = Link(ours, name)
        self.state = "starting"
        self._is_restarted = handles.restarted
        self._heartbeat_s = handles.config.supervisor.heartbeat_s
        self._heard_at = time.monotonic()
        self._hung_since: float | None = None

    @property
    def sentinel(self) -> int:
        """Becomes ready when the process has ended."""
        return self._process.sentinel

    @property
    def exit_code(self) -> int | None:
        """None while the process runs."""
        return self._process.exitcode

    def messages(self) -> Iterator[Message]:
        """Yield what the process has sent, without waiting."""
        while not self.ended:
            try:
                message = self.link.receive()
            except LinkClosed:
                return
            except TypeError as error:
                yield LogEntry(time.perf_counter_ns(), self.name, logging.WARNING, f"{error}; it was ignored")
                continue
            if message is None:
                return
            self._heard_at = time.monotonic()
            if not isinstance(message, Heartbeat):
                yield message

    def has_died(self) -> bool:
        """Return True when the process has ended unasked and was not buried yet.

        Ask before reading its messages: what it said last is in the pipe by then.
        """
        return not self.ended and not self._process.is_alive()

    def bury(self) -> None:
        """Note that the process is dead."""
        self.ended = True
        self.state = "dead"

    def excuse(self) -> None:
        """Count silence from now on: until now it says nothing about the process."""
        self._heard_at = time.monotonic()

    def kill_if_hung(self) -> float | None:
        """Kill a process that must answer and does not; return for how many seconds it was silent."""
        if self.ended:
            return None
        silent_s = time.monotonic() - self._heard_at
        beats = _KILL_BEATS.get(kind_of(self.name), math.inf)
        limit_s = START_TIMEOUT_S if self.state == "starting" else beats * self._heartbeat_s
        if silent_s <= limit_s:
            return None
        self._process.kill()
        self._heard_at = time.monotonic()
        return silent_s

    def notice(self) -> str:
        """Return a sentence when the process stops answering, and when it answers again; else nothing."""
        hung = not self.ended and self._liveliness() == "hung"
        since, now = self._hung_since, time.monotonic()
        if hung and since is None:
            self._hung_since = self._heard_at
            return f"the {self.name} process has not answered for {now - self._heard_at:.1f} s"
        if since is not None and not hung:
            self._hung_since = None
            if self.state == "running":
                return f"the {self.name} process answers again after {now - since:.1f} s"
        return ""

    def process_state(self) -> ProcessState:
        """Return what the user sees of it."""
        return ProcessState(self.name, self._liveliness(), self._process.pid)

    def _liveliness(self) -> str:
        if self.state == "starting" and self._is_restarted:
            return "restarting"
        if self.state != "running":
            return self.state
        beats = (time.monotonic() - self._heard_at) / self._heartbeat_s
        return "hung" if beats > _HUNG_BEATS else "slow" if beats > 1 else "running"

    def kill(self, why: str) -> None:
        """End a process that cannot end itself; it counts as dead from now on."""
        self.failure = why
        self._process.kill()
        self._process.join(_KILL_S)
        self.bury()

    def end(self, deadline: float) -> None:
        """Wait for the process until `deadline`; end it by force after that."""
        self._process.join(max(0.0, deadline - time.monotonic()))
        if self._process.is_alive():
            self._process.kill()
            self._process.join(_KILL_S)
        self.link.close(0.05)
        self.state = "ended" if self.state != "dead" else "dead"
        self.ended = True


class Children:
    """All child processes by name.

    Parameters
    ----------
    context : SpawnContext
        Starts them.
    handles : Handles
        What each of them is given.
    log_folder : Path, optional
        Where each leaves a trace if it crashes.
    """

    def __init__(self, context: SpawnContext, handles: Handles, log_folder: Path | None = None) -> None:
        self._context = context
        self._handles = handles
        self._log_folder = log_folder
        self._children: dict[str, Child] = {}
        self._looked_at = time.monotonic()

    def __iter__(self) -> Iterator[Child]:
        return iter(list(self._children.values()))

    def start(self, names: Iterable[str]) -> None:
        """Start the processes called `names`, anew if they have ended."""
        for name in names:
            handles = self._handles
            if name in self._children:
                self._children[name].end(time.monotonic())
                handles = replace(handles, restarted=True)
            self._children[name] = Child(self._context, name, handles, self._log_folder)

    @property
    def starting(self) -> list[str]:
        """Names of those that live and are not ready yet."""
        return [child.name for child in self if child.state == "starting" and not child.ended]

    def alive(self, name: str) -> bool:
        """Return True while the process called `name` is there."""
        return name in self._children and not self._children[name].ended

    def kill(self, name: str, why: str) -> None:
        """End the process called `name` by force, if it is there."""
        if self.alive(name):
            self._children[name].kill(why)

    def send(self, name: str, message: Message) -> None:
        """Send to one process, if it is there."""
        if self.alive(name):
            self._children[name].link.send(message)

    def broadcast(self, message: Message) -> None:
        """Send to all processes."""
        for name in self._children:
            self.send(name, message)

    def wait(self, timeout_s: float) -> None:
        """Return when a process has said something or ended, or after `timeout_s`."""
        living = [child for child in self if not child.ended]
        sources = [child.link.connection for child in living] + [child.sentinel for child in living]
        if sources:
            connection.wait(sources, timeout_s)
        else:
            time.sleep(timeout_s)

    def end_hung(self) -> Iterator[str]:
        """End what is hung, and yield what is to be said of those that answer no more, or again."""
        now = time.monotonic()
        away_s, self._looked_at = now - self._looked_at, now
        for child in self:
            if away_s > _AWAY_S:
                # This process was stopped, with the others perhaps (Ctrl-Z, a computer that slept).
                child.excuse()
            silent_s = child.kill_if_hung()
            if silent_s is not None:
                said = " while it started; is its device there?" if child.state == "starting" else ""
                child.failure = f"the {child.name} process gave no sign of life for {silent_s:.0f} s{said}"
            elif said := child.notice():
                yield said

    def end_all(self) -> None:
        """Tell every process to end and wait for all together; while all start, nothing is to be saved."""
        self.broadcast(Shutdown())
        starting = all(child.state == "starting" for child in self if not child.ended)
        deadline = time.monotonic() + (_END_STARTING_S if starting else _END_S)
        for child in self:
            child.end(deadline)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Let a child start with Ctrl-C ignored, from its first instruction."""
    try:
        old = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not the main thread: nothing to hold off
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, old)
