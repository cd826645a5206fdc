"""The way of data from acquisition through a processor into a storage."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np

from magscope_app.data.coordinates import as_frozen
from magscope_app.data.item import DataFuture, Failure, Item, OnDone, Ticket, attempt, own_metadata
from magscope_app.data.line import Line
from magscope_app.data.processor import DataProcessor, ProcessedImages, ProcessFunction
from magscope_app.data.storage import DataStorage, Metadata, Pixels
from magscope_app.data.traffic import Traffic

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
        2 s, so choose more than two seconds' worth.
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
        queue_size: int = 512,
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
        self._stall_timeout_s = stall_timeout_s
        self._traffic = Traffic(stall_timeout_s)
        self._to_store: Line[Item] = Line(queue_size)
        self._to_process: Line[Item] = Line(queue_size)
        self._state = threading.Lock()
        self._finishing = False
        self._storer: threading.Thread | None = None
        self._worker: threading.Thread | None = None

    @property
    def pending(self) -> int:
        """Accepted pieces of data that are not yet stored, discarded or failed."""
        return self._traffic.pending

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
            Its ``_notify_data(coordinates, data, metadata, processed=, stored=)`` is called before this
            returns, again after processing (where there is a processor) and after storing.
        on_done : callable, optional
            Called once from a worker thread as ``on_done(coordinates, stored)`` as soon as the handler needs
            `data` no longer: stored is True if all that came of the data is in the storage, False if they
            failed or were discarded.

        Returns
        -------
        bool
            False if the queue was full and `on_full` is ``"refuse"``: nothing is kept and nobody is called.

        Raises
        ------
        KeyError
            If data with these coordinates are on their way or stored; nothing is changed.
        RuntimeError
            After `finish`.
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
        self._start()
        key = as_frozen(coordinates)
        item = Item(key, data, own_metadata(metadata), Ticket(key, future, on_done))
        line = self._to_store if self._processor is None else self._to_process
        self._traffic.admit(item)
        try:
            if key in self._storage:
                raise KeyError(f"data at {key!r} are already stored; choose other coordinates")
            if self._refuse and line.is_full():
                self._traffic.withdraw(item, refused=True)
                return False
            if self._processor is not None:
                item.data = np.array(data, order="C")
            self._notify(item, stored=False)
            line.append(item, self._traffic.patience)
        except BaseException:
            self._traffic.withdraw(item)
            raise
        return True

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
            Data and metadata; None instead of both while ``processed=True`` and the processor has not seen
            the data yet.

        Raises
        ------
        KeyError
            If there are no such data anywhere.
        """
        key = as_frozen(coordinates)
        own_result = self._processor is not None
        changes = own_result and threading.current_thread() is not self._worker
        item = self._traffic.find(key, settled=changes and processed is not True)
        if item is not None:
            if own_result and processed is not None and item.processed != processed:
                if processed:
                    return None
                raise KeyError(f"the data at {key!r} exist only as the processor returned them")
            return item.data if return_data else None, dict(item.metadata) if return_metadata else None
        if key not in self._storage:
            raise KeyError(f"no data at {key!r}")
        if own_result and processed is False:
            raise KeyError(f"the data at {key!r} exist only as the processor returned them")
        return (
            self._storage.get_data(key) if return_data else None,
            self._storage.get_metadata(key) if return_metadata else None,
        )

    def await_completion(self) -> None:
        """Wait until everything put so far is dealt with.

        Raises
        ------
        TimeoutError
            If nothing has moved for `stall_timeout_s`.
        Exception
            The first error of the processor or the storage.
        """
        self._traffic.wait_until_empty()
        self._traffic.raise_failure()

    def finish(self) -> None:
        """Take nothing more, store what is waiting and finish the storage.

        Calling it again only raises what went wrong.

        Raises
        ------
        TimeoutError
            If nothing has moved for `stall_timeout_s`.
        Exception
            The first error of the processor or the storage.
        """
        with self._state:
            first = not self._finishing
            self._finishing = True
        (self._to_process if self._worker is not None else self._to_store).close()
        self._traffic.wait_until_empty()
        if self._storer is not None:
            self._storer.join(self._stall_timeout_s)
            if self._storer.is_alive():
                raise TimeoutError(
                    f"the storage could not be finished within {self._stall_timeout_s:g} s; check the disk"
                )
        elif first:
            self._finish_storage()
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

    def _start(self) -> None:
        """Start the threads with the first data: a handler that is never used holds none."""
        with self._state:
            if self._finishing:
                raise RuntimeError("the data handler is finished: nothing can be put any more")
            if self._storer is None:
                # Daemons: data that nobody finished must not keep the process alive.
                self._storer = threading.Thread(target=self._store_all, name="data-storage", daemon=True)
                self._storer.start()
                if self._processor is not None:
                    self._worker = threading.Thread(
                        target=self._process_all, args=(self._processor,), name="data-processor", daemon=True
                    )
                    self._worker.start()

    def _process_all(self, processor: DataProcessor) -> None:
        while batch := self._to_process.take():
            for item in batch:
                self._process_one(processor, item)
        self._to_store.close()

    def _process_one(self, processor: DataProcessor, item: Item) -> None:
        results: list[ProcessedImages] = []
        self._traffic.begin_work(item)
        error = attempt(lambda: results.append(processor.process(item.coordinates, item.data, item.metadata)))
        if error is not None:
            self._traffic.fail(item, "processing", error)
            return
        for made in self._traffic.replace(item, results[0]):
            self._notify_safely(made, stored=False)
            self._to_store.append(made)

    def _store_all(self) -> None:
        while batch := self._to_store.take():
            for item in batch:
                error = attempt(self._storage.put, item.coordinates, item.data, item.metadata)
                if error is not None:
                    self._traffic.fail(item, "storing", error)
                    continue
                self._notify_safely(item, stored=True)
                self._traffic.arrive(item)
        self._finish_storage()

    def _finish_storage(self) -> None:
        if (error := attempt(self._storage.finish)) is not None:
            self._traffic.note(None, "finishing", error)

    def _notify(self, item: Item, *, stored: bool) -> None:
        future = item.ticket.future
        if future is not None:
            # The processor will change its array; who waits for the raw data keeps another.
            data = item.data if self._processor is None or item.processed else item.data.copy()
            future._notify_data(
                item.coordinates, data, dict(item.metadata), processed=item.processed, stored=stored
            )

    def _notify_safely(self, item: Item, *, stored: bool) -> None:
        if (
            item.ticket.future is not None
            and (error := attempt(lambda: self._notify(item, stored=stored))) is not None
        ):
            self._traffic.note(item.coordinates, "notifying", error)
