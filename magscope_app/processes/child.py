"""The life of every child process: signals, log, link; one function does the work."""

from __future__ import annotations

import atexit
import faulthandler
import importlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

from magscope_app.devices.lookup import append_driver_folders
from magscope_app.errors import FOREIGN, MagscopeError, described
from magscope_app.messages import Heartbeat, LogEntry, ProcessFailed
from magscope_app.processes.handles import Handles
from magscope_app.processes.link import Link, LinkClosed
from magscope_app.run_log import crash_file

#: The function that does a process's work: it returns when told to end.
Work = Callable[[Link, Handles], object]
#: Exit codes of a child.
ENDED, FAILED, ORPHANED = 0, 1, 3
#: A child whose supervisor is gone has so long to complete what it holds.
_ORPHAN_GRACE_S = 1.5
_LOOK_S = 1.0
#: A child that starts and takes more than this share of a processor computes.
_COMPUTES = 0.02


@dataclass(frozen=True)
class ChildStart:
    """What a child is started with."""

    name: str
    target: str
    connection: Connection
    handles: Handles
    log_folder: Path | None = None


class LinkLogHandler(logging.Handler):
    """Send what is logged to the supervisor, which owns log, status line and window."""

    def __init__(self, link: Link, process: str) -> None:
        super().__init__()
        self._link = link
        self._process = process

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on."""
        self._link.send(LogEntry(time.perf_counter_ns(), self._process, record.levelno, record.getMessage()))


def child_main(start: ChildStart) -> None:
    """Run a child; the target of every spawned process."""
    _leave_signals_to_supervisor()
    _end_with_supervisor()
    if start.log_folder is not None:
        _record_crash(crash_file(start.log_folder, start.name))
    append_driver_folders(start.handles.config.drivers.path)
    # Twice within the time after which a process is called slow.
    link = Link(start.connection, start.name, start.handles.config.supervisor.heartbeat_s / 2)
    threading.Thread(target=_beat_while_computing, args=(link,), name="beat", daemon=True).start()
    log = logging.getLogger("magscope_app")
    log.setLevel(logging.DEBUG)
    log.addHandler(LinkLogHandler(link, start.name))
    code = _run(start, link)
    link.close()
    # Everything of ours is released. What the interpreter would tidy up now takes a second with numba
    # loaded; libraries that asked to be told of the end are told.
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(code)


def _run(start: ChildStart, link: Link) -> int:
    try:
        load_work(start.target)(link, start.handles)
    except LinkClosed:
        return ORPHANED
    except MagscopeError as error:
        link.send(ProcessFailed(start.name, str(error)))
        return FAILED
    except FOREIGN as error:
        text = f"{start.name} stopped: {described(error)}"
        link.send(ProcessFailed(start.name, text))
        link.send(LogEntry(time.perf_counter_ns(), start.name, logging.DEBUG, traceback.format_exc()))
        return FAILED
    return ENDED


def load_work(target: str) -> Work:
    """Import the function named ``"module:function"``."""
    module, _, function = target.partition(":")
    return cast("Work", getattr(importlib.import_module(module), function))


def _end_with_supervisor() -> None:
    """Watch the supervisor: when it is gone, there is a short time to end in order, whatever goes on."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        while parent.is_alive():
            # With the supervisor its end of a pipe is closed, which ends this wait at once.
            parent.join(_LOOK_S)
        time.sleep(_ORPHAN_GRACE_S)
        os._exit(ORPHANED)

    threading.Thread(target=watch, name="watch-supervisor", daemon=True).start()


def _beat_while_computing(link: Link) -> None:
    """Give signs of life until the process listens, as long as it computes: it imports, or compiles.

    On a busy computer that takes its time. One that waits for its device gives none.
    """
    seen_s = time.process_time()
    while not link.is_heard:
        time.sleep(_LOOK_S)
        before_s, seen_s = seen_s, time.process_time()
        if seen_s - before_s > _COMPUTES * _LOOK_S and not link.is_heard:
            link.send(Heartbeat())


def _record_crash(path: Path) -> None:
    """Let the interpreter write where it was when a library crashes it, which no handler of ours outlives."""
    try:
        # Stays open as long as the process: a crash cannot open a file.
        file = path.open("a", encoding="utf-8")
    except OSError as error:
        logging.getLogger(__name__).warning("a crash of this process cannot be recorded: %s", error)
        return
    faulthandler.enable(file)


def _leave_signals_to_supervisor() -> None:
    # Both may be sent to all processes at once (Ctrl-C, `timeout`); the supervisor tells its own how to end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
