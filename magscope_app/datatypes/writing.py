"""What every writer needs: the right to write, whom to wait for, whom to wake."""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable
from multiprocessing.synchronize import Semaphore

from magscope_app import operating_system as system
from magscope_app.datatypes import layout
from magscope_app.datatypes.channel import Channel
from magscope_app.datatypes.gaps import Why

logger = logging.getLogger("magscope_app.datatypes")


class WriterClaim:
    """Makes sure that one living process writes, and that it takes over from a dead one.

    Parameters
    ----------
    channel : Channel
    in_work : callable
        Says whether the last writer has begun a slot and neither committed nor aborted it.
    """

    def __init__(self, channel: Channel, in_work: Callable[[], bool]) -> None:
        self._channel = channel
        self._in_work = in_work
        self.forked()

    def forked(self) -> None:
        """Be a claim of its own: a forked child is not the writer that its parent is."""
        self._token = secrets.randbits(63) | 1

    def take(self) -> bool:
        """Become the writer; True when another handle or process wrote last.

        Raises
        ------
        RuntimeError
            When another living process is the writer, or another handle of this one has a slot in work: its
            frame would take a number that is given away meanwhile.
        """
        words = self._channel.words
        if words[layout.WRITER_TOKEN] == self._token:
            return False
        with self._channel.guard:
            pid, start = words[layout.WRITER_PID], words[layout.WRITER_START]
            if pid not in (0, os.getpid()) and system.is_alive(pid, start):
                raise RuntimeError(
                    f"{self._channel.name} is written by process {pid}: only one process may write it"
                )
            if pid == os.getpid() and self._in_work():
                raise RuntimeError(
                    f"{self._channel.name} has a slot in work in another handle of this process: commit or"
                    " abort it first"
                )
            words[layout.WRITER_START] = system.process_start(os.getpid())
            words[layout.WRITER_PID] = os.getpid()
            words[layout.WRITER_TOKEN] = self._token
            words[layout.EPOCH] += 1
        return True

    def give_up(self) -> None:
        """Let another process write."""
        words = self._channel.words
        if words[layout.WRITER_TOKEN] == self._token:
            words[layout.WRITER_PID] = 0


class Pins:
    """Decides which lossless readers the writer still waits for."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._entries: list[int] = []
        self._ranks = 0
        self._timeout_ns = 0

    def refresh(self) -> int:
        """Look up the readers anew; return at how many unread places `floor` must be asked."""
        channel = self._channel
        self._entries = [channel.entry(index) for index in channel.lossless_entries()]
        self._ranks = len(channel.unpin_names())
        self._timeout_ns = channel.words[layout.PIN_TIMEOUT_NS]
        ranked = any(channel.words[entry + layout.RANK] for entry in self._entries)
        return channel.length - channel.length // 4 if ranked else channel.length

    def floor(self, head: int, needed: int = 1) -> int:
        """Return the oldest position that must stay when `needed` places are to be written.

        Readers that may be unpinned at this level are.
        """
        words = self._channel.words
        floor = min(head, words[layout.DEFAULT_CURSOR]) if words[layout.HAS_DEFAULT] else head
        for entry in self._entries:
            if (
                not words[entry + layout.PID]
                or words[entry + layout.UNPINNED] == words[entry + layout.PINNED]
            ):
                continue
            cursor = words[entry + layout.CURSOR]
            why = self._why_unpin(entry, head - cursor, needed)
            if why is None:
                floor = min(floor, cursor)
                continue
            ours = (i for i in self._channel.lossless_entries() if self._channel.entry(i) == entry)
            who = ", ".join(self._channel.reader_name(index) for index in ours)
            logger.warning("%s: no longer waits for the reader %s: %s", self._channel.name, who, why.text)
            words[entry + layout.UNPINNED_WHY] = why
            words[entry + layout.UNPINNED] = words[entry + layout.PINNED]
        return floor

    def _why_unpin(self, entry: int, behind: int, needed: int) -> Why | None:
        words, length = self._channel.words, self._channel.length
        rank = words[entry + layout.RANK]
        if rank and behind >= length * (3 + (rank - 1) / self._ranks) / 4:
            return Why.RING_FILLING
        if behind + needed <= length:
            return None
        if time.perf_counter_ns() - words[entry + layout.BEAT] > self._timeout_ns:
            return Why.NO_HEARTBEAT
        if not system.is_alive(words[entry + layout.PID], words[entry + layout.START]):
            return Why.OWNER_DIED
        return None


class Waker:
    """Posts the semaphores of readers that are waiting, once for each time they arm."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._posted: dict[int, int] = {}
        self.targets: list[tuple[int, Semaphore]] = []

    def refresh(self) -> None:
        """Look up the readers anew."""
        self.targets = self._channel.wake_list()

    def wake(self) -> None:
        """Wake everyone who waits; cheap when nobody does."""
        words = self._channel.words
        for armed, semaphore in self.targets:
            token = words[armed]
            if token and token != self._posted.get(armed):
                self._posted[armed] = token
                semaphore.release()
