"""The book of the data handler: what is on its way, what arrived and what went wrong."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

from magscope_app.data.coordinates import FrozenDataCoordinates
from magscope_app.data.item import DataFuture, Failure, Item, Ticket, attempt, own_metadata
from magscope_app.data.processor import ProcessedImages

_WAIT_S = 0.5


class Traffic:
    """Everything between `put` and the storage, under one lock that is never held across foreign code.

    Parameters
    ----------
    stall_timeout_s : float
        Waits give up after so many seconds without progress.
    """

    def __init__(self, stall_timeout_s: float) -> None:
        self._stall_timeout_s = stall_timeout_s
        self._changed = threading.Condition()
        self._items: dict[FrozenDataCoordinates, Item] = {}
        self._last_progress_s = time.monotonic()
        self.failures: list[Failure] = []
        self.pending = 0
        self.stored = 0
        self.duplicates = 0
        self.refused = 0
        #: Pieces of data on their way by the identity of the future that is told about them.
        self._awaited: Counter[int] = Counter()

    def admit(self, item: Item) -> None:
        """Enter an item that has just been put; KeyError if its coordinates are on their way."""
        with self._changed:
            if item.coordinates in self._items:
                raise KeyError(
                    f"data at {item.coordinates} are already on their way; choose other coordinates"
                )
            self._items[item.coordinates] = item
            if not self.pending:
                self._last_progress_s = time.monotonic()
            self.pending += 1
            if item.ticket.future is not None:
                self._awaited[id(item.ticket.future)] += 1

    def withdraw(self, item: Item, *, refused: bool = False) -> None:
        """Take back an item that could not be queued, as if it had never been put."""
        with self._changed:
            del self._items[item.coordinates]
            self.refused += refused
            self._forget(item.ticket)
            self._changed.notify_all()

    def begin_work(self, item: Item) -> None:
        """Note that a processor now holds the item's array."""
        with self._changed:
            item.in_work = True

    def replace(self, item: Item, results: ProcessedImages) -> list[Item]:
        """Enter what a processor made of `item` in its place and return it.

        Results whose coordinates belong to other data on their way are failures.
        """
        entered = []
        with self._changed:
            del self._items[item.coordinates]
            ticket = item.ticket
            self.duplicates += results.duplicates
            for image in results.images:
                if image.coordinates in self._items:
                    error = KeyError(
                        f"a processor returned coordinates of other data on their way: {image.coordinates}"
                    )
                    self._note(image.coordinates, "processing", error)
                    ticket.failed = True
                    continue
                made = Item(image.coordinates, image.data, image.metadata, ticket, processed=True)
                self._items[image.coordinates] = made
                entered.append(made)
            ticket.remaining = len(entered)
            self._changed.notify_all()
        if not entered:
            self._close(ticket)
        return entered

    def arrive(self, item: Item) -> None:
        """Note that the item is in the storage."""
        item.ticket.stored += 1
        self._settle(item, stored=1)

    def fail(self, item: Item, stage: str, error: BaseException) -> None:
        """Note that the item is lost, and why."""
        with self._changed:
            item.ticket.failed = True
            self._note(item.coordinates, stage, error)
            item.in_work = False
            self._changed.notify_all()
        self._settle(item, stored=0)

    def note(self, coordinates: FrozenDataCoordinates | None, stage: str, error: BaseException) -> None:
        """Note an error that lost no data."""
        with self._changed:
            self._note(coordinates, stage, error)

    def find(self, coordinates: FrozenDataCoordinates, *, settled: bool, with_data: bool) -> Item | None:
        """Return a copy of the item on its way, None if there is none.

        Parameters
        ----------
        coordinates : FrozenDataCoordinates
            Its label.
        settled : bool
            Wait until no processor holds its array. If not, an item in its hands is returned as it is.
        with_data : bool
            Copy the array, too.
        """
        check = self.patience()
        with self._changed:
            while (item := self._items.get(coordinates)) is not None and settled and item.in_work:
                check()
                self._changed.wait(_WAIT_S)
            if item is None or item.in_work:
                return item
            # As soon as the lock is released a processor may change the array, or a camera use it again.
            data = item.data.copy() if with_data else item.data
            return Item(item.coordinates, data, own_metadata(item.metadata), item.ticket, item.processed)

    def has_news_for(self, future: DataFuture) -> bool:
        """Return whether data that were put with this future are not dealt with yet."""
        with self._changed:
            return id(future) in self._awaited

    def wait_until_empty(self) -> None:
        """Wait until nothing is on its way; TimeoutError when nothing moves."""
        check = self.patience()
        with self._changed:
            while self.pending:
                check()
                self._changed.wait(_WAIT_S)

    @property
    def stalled_s(self) -> float:
        """Seconds for which data have waited and nothing was dealt with; 0 while nothing waits."""
        with self._changed:
            return time.monotonic() - self._last_progress_s if self.pending else 0.0

    def patience(self) -> Callable[[], None]:
        """Return a function that raises TimeoutError once nothing has moved for the stall timeout."""
        begin_s = time.monotonic()

        def check() -> None:
            if time.monotonic() - max(begin_s, self._last_progress_s) > self._stall_timeout_s:
                raise TimeoutError(
                    f"nothing was processed or stored for {self._stall_timeout_s:g} s while {self.pending} "
                    "pieces of data wait; check the disk and the processor"
                )

        return check

    def raise_failure(self) -> None:
        """Raise the first error, if there is one."""
        if self.failures:
            raise self.failures[0].error

    def _settle(self, item: Item, *, stored: int) -> None:
        ticket = item.ticket
        with self._changed:
            del self._items[item.coordinates]
            self.stored += stored
            ticket.remaining -= 1
            self._last_progress_s = time.monotonic()
            last = ticket.remaining == 0
            if last and ticket.on_done is None:
                self._leave(ticket)
                return
        if last:
            self._close(ticket)

    def _close(self, ticket: Ticket) -> None:
        if ticket.on_done is not None:
            complete = ticket.stored > 0 and not ticket.failed
            if (error := attempt(ticket.on_done, ticket.coordinates, complete)) is not None:
                self.note(ticket.coordinates, "notifying", error)
        with self._changed:
            self._leave(ticket)

    def _forget(self, ticket: Ticket) -> None:
        self.pending -= 1
        if ticket.future is not None:
            key = id(ticket.future)
            self._awaited[key] -= 1
            if not self._awaited[key]:
                del self._awaited[key]

    def _leave(self, ticket: Ticket) -> None:
        self._forget(ticket)
        self._last_progress_s = time.monotonic()
        if not self.pending:
            self._changed.notify_all()

    def _note(self, coordinates: FrozenDataCoordinates | None, stage: str, error: BaseException) -> None:
        error.add_note(f"while {stage} {coordinates if coordinates is not None else 'the data'}")
        self.failures.append(Failure(coordinates, stage, error))
