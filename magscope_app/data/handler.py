"""The way of data from acquisition through a processor into a storage."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np

from magscope_app.data.coordinates import as_frozen
from magscope_app.data.item import DataFuture, Failure, Item, OnDone, Ticket, attempt, own_metadata
from magscope_app.data.line import Line
from magscope_app.data.processor import DataProcessor, ProcessFunction
from magscope_app.data.storage import DataStorage, Metadata, Pixels
from magscope_app.data.traffic import Traffic
from magscope_app.data.workers import Workers

_log = logging.getLogger(__name__)


class DataHandler:
    """Take data, process them if asked to, store them on a thread of its own, and find them at any moment.

    The handler owns what it is given. With a processor the array is copied before `put` returns. Without one
    it is passed on by reference, so that a camera's ring buffer costs no copy: do not change it until
    `on_done` or the future says that it is stored.

    What a processor or the storage raises is kept in `failures` with its coordinates, while the data already
    accepted go on to the storage, which is finished in any case. From then on `put`, `finish` and
    `await_completion` raise the first of these errors.

    As a context manager it finishes at the end of the block.

    Parameters
    ----------
    storage : DataStorage
        Where data go. The handler calls its `put` and `finish` from one thread, and never its `close`.
    process_fn : DataProcessor or callable, optional
        Sees all data before they are stored.
    queue_size : int
        Most pieces of data waiting for the processor, and most waiting for the storage. Disks pause for up to
        2 s, so choose more than two seconds' worth, and mind the memory that they take.
    on_full : {"wait", "refuse"}
        What `put` does while the queue is full: wait for room, or return False and count in `refused`.
    stall_timeout_s : float
        `put`, `get`, `finish` and `await_completion` raise TimeoutError after so many seconds without any
        progress.

    Raises
    ------
    ValueError
        If `queue_size` or `stall_timeout_s` is not positive or `on_full` is unknown.
    """

    def __init__(
        self,
        storage: DataStorage,
        process_fn: DataProcessor | ProcessFunction | None = None,
        *,
        queue_size: int = 256,
        on_full: Literal["wait", "refuse"] = "wait",
        stall_timeout_s: float = 60.0,
    ) -> None:
        if queue_size < 1 or stall_timeout_s <= 0:
            raise ValueError(
                f"queue_size and stall_timeout_s must be positive, not {queue_size} and {stall_timeout_s}"
            )
        if on_full not in ("wait", "refuse"):
            raise ValueError(f"on_full is 'wait' or 'refuse', not {on_full!r}")
        self._storage = storage
        self._processor = DataProcessor(process_fn) if callable(process_fn) else process_fn
        self._refuse = on_full == "refuse"
        self._traffic = Traffic(stall_timeout_s)
        self._workers = Workers(storage, self._processor, self._traffic, queue_size)
        self._stall_timeout_s = stall_timeout_s

    @property
    def pending(self) -> int:
        """Accepted pieces of data that are not yet stored, discarded or failed."""
        return self._traffic.pending

    @property
    def stalled_s(self) -> float:
        """Seconds for which data have waited and nothing was dealt with; 0 while nothing waits."""
        return self._traffic.stalled_s

    @property
    def stored_count(self) -> int:
        """Images in the storage through this handler."""
        return self._traffic.stored

    @property
    def duplicates(self) -> int:
        """Results of a processor that a later one with the same coordinates replaced."""
        return self._traffic.duplicates

    @property
    def refused(self) -> int:
        """Pieces of data that `put` refused because the queue was full."""
        return self._traffic.refused

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Everything that went wrong so far, oldest first."""
        return tuple(self._traffic.failures)

    def put(
        self,
        coordinates: Mapping[str, Any],
        data: Pixels,
        metadata: Mapping[str, Any] | None = None,
        future: DataFuture | None = None,
        *,
        on_done: OnDone | None = None,
        check: Callable[[], object] | None = None,
    ) -> bool:
        """Hand over one piece of data.

        Parameters
        ----------
        coordinates : DataCoordinates or mapping
            Its label; a copy is kept.
        data : ndarray
            Any shape and type that the storage takes, (height, width) for an image.
        metadata : mapping, optional
            A copy is kept.
        future : optional
            Its ``_notify_data(coordinates, data, metadata, processed=, stored=)`` is called when there is
            room for the data and before this returns, again after processing (where there is a processor)
            and after storing. What it cannot keep for itself is given as an array that refuses to be changed.
        on_done : callable, optional
            Called once from a worker thread as ``on_done(coordinates, stored)`` when all that came of the
            data is dealt with: stored is True if all of it is in the storage, False if it failed or was
            discarded. Without a processor `data` may be changed from then on; with one, from the return of
            this method on.
        check : callable, optional
            Called twice a second while this waits for room; what it raises ends the wait: nothing is kept.

        Returns
        -------
        bool
            False if the queue was full and `on_full` is ``"refuse"``: nothing is kept and nobody is called.

        Raises
        ------
        KeyError
            If data with these coordinates are on their way or stored; nothing is changed.
        RuntimeError
            After `finish`, or if the processor, the storage or a callback would have to wait for room, which
            is not made before it returns.
        TimeoutError
            If the queue is full and nothing has moved for `stall_timeout_s`.
        TypeError
            If `data` is no array.
        Exception
            The first error of the processor or the storage.
        """
        if not isinstance(data, np.ndarray):
            raise TypeError(f"data are a numpy array, not {type(data).__name__}")
        self._traffic.raise_failure()
        line = self._workers.start()
        key = as_frozen(coordinates)
        item = Item(key, data, own_metadata(metadata), Ticket(key, future, on_done))
        self._traffic.admit(item)
        try:
            if key in self._storage:
                raise KeyError(f"data at {key} are already stored; choose other coordinates")
            if not line.reserve():
                if self._refuse:
                    self._traffic.withdraw(item, refused=True)
                    return False
                self._await_place(line, check)
            # The future hears of what has its place, and before the processor or the storage sees it.
            try:
                if self._processor is not None:
                    item.data = np.array(data, order="C")
                self._workers.notify(item, stored=False)
            except BaseException:
                line.release()
                raise
            line.fill(item)
        except BaseException:
            self._traffic.withdraw(item)
            raise
        return True

    def _await_place(self, line: Line[Item], check: Callable[[], object] | None) -> None:
        self._workers.refuse_to_wait_here()
        run_out = self._traffic.patience()

        def look() -> None:
            run_out()
            if check is not None:
                check()

        line.await_place(look)

    def get(
        self,
        coordinates: Mapping[str, Any],
        return_data: bool = True,
        return_metadata: bool = True,
        processed: bool | None = None,
    ) -> tuple[Pixels | None, Metadata | None] | None:
        """Find data wherever they are: waiting, processed or stored.

        Parameters
        ----------
        coordinates : DataCoordinates or mapping
            Their label.
        return_data, return_metadata : bool
            What to return; the other is None.
        processed : bool, optional
            True: only data as the processor returned them. False: only data as they were put. None: whichever
            there is. Without a processor both are the same.

        Returns
        -------
        (ndarray or None, dict or None) or None
            Data and metadata, copies of the caller's own; None instead of both while ``processed=True`` and
            the processor has not seen the data yet.

        Raises
        ------
        KeyError
            If there are no such data anywhere.
        """
        key = as_frozen(coordinates)
        own_result = self._processor is not None
        changes = own_result and not self._workers.is_processing_here()
        item = self._traffic.find(key, settled=changes and processed is not True, with_data=return_data)
        if item is not None:
            if own_result and processed is not None and item.processed != processed:
                if processed:
                    return None
                raise KeyError(f"the data at {key} exist only as the processor returned them")
            return item.data if return_data else None, item.metadata if return_metadata else None
        if key not in self._storage:
            raise KeyError(f"no data at {key}")
        if own_result and processed is False:
            raise KeyError(f"the data at {key} exist only as the processor returned them")
        return (
            self._storage.get_data(key) if return_data else None,
            self._storage.get_metadata(key) if return_metadata else None,
        )

    def has_news_for(self, future: DataFuture) -> bool:
        """Return whether data that were put with this future are not dealt with yet: it may hear of them."""
        return self._traffic.has_news_for(future)

    def await_completion(self) -> None:
        """Wait until everything put so far is dealt with.

        Raises
        ------
        TimeoutError
            If nothing has moved for `stall_timeout_s`.
        RuntimeError
            If the processor or the storage calls this, for which it would wait.
        Exception
            The first error of the processor or the storage.
        """
        self._workers.refuse_to_wait_here()
        self._traffic.wait_until_empty()
        self._traffic.raise_failure()

    def finish(self) -> None:
        """Take nothing more, store what is waiting and finish the storage.

        Calling it again only raises what went wrong.

        Raises
        ------
        TimeoutError
            If nothing has moved for `stall_timeout_s`.
        RuntimeError
            If the processor or the storage calls this, for which it would wait.
        Exception
            The first error of the processor or the storage.
        """
        self._workers.refuse_to_wait_here()
        self._workers.close_entrance()
        self._traffic.wait_until_empty()
        self._workers.finish(self._stall_timeout_s)
        self._traffic.raise_failure()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.finish()
        elif (second := attempt(self.finish)) is not None:
            # The error that ended the block goes first; this one must not hide it.
            _log.error("the data handler could not be finished: %s", second)
