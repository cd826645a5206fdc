"""The threads of the data handler: one processes, one stores."""

from __future__ import annotations

import threading

from magscope_app.data.item import Item, attempt, own_metadata
from magscope_app.data.line import Line
from magscope_app.data.processor import DataProcessor, ProcessedImages
from magscope_app.data.storage import DataStorage
from magscope_app.data.threads import await_end
from magscope_app.data.traffic import Traffic


class Workers:
    """Move items from the entrance through the processor, where there is one, into the storage.

    Parameters
    ----------
    storage : DataStorage
        Used by one thread only, which also finishes it.
    processor : DataProcessor or None
        Used by a thread of its own.
    traffic : Traffic
        Is told what happens to every item.
    queue_size : int
        Length of each waiting line.
    """

    def __init__(
        self, storage: DataStorage, processor: DataProcessor | None, traffic: Traffic, queue_size: int
    ) -> None:
        self._storage = storage
        self._processor = processor
        self._traffic = traffic
        self._to_store: Line[Item] = Line(queue_size)
        self._entrance: Line[Item] = self._to_store if processor is None else Line(queue_size)
        self._state = threading.Lock()
        self._closed = False
        self._finished = False
        self._storer: threading.Thread | None = None
        self._worker: threading.Thread | None = None

    def start(self) -> Line[Item]:
        """Start the threads, so late that an unused handler holds none, and return the entrance."""
        with self._state:
            if self._closed:
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
        return self._entrance

    def is_processing_here(self) -> bool:
        """Return whether the caller runs inside the processor."""
        return threading.current_thread() is self._worker

    def refuse_to_wait_here(self) -> None:
        """Raise RuntimeError on a thread of the handler, which cannot wait for itself."""
        if threading.current_thread() in (self._worker, self._storer):
            raise RuntimeError(
                "a processor, storage or callback of the data handler cannot wait for the handler, which "
                "waits for it: finish it, await its completion, or put more than its queue has room for, "
                "on another thread"
            )

    def close_entrance(self) -> None:
        """Let nothing more in."""
        with self._state:
            self._closed = True
        self._entrance.close()

    def finish(self, timeout_s: float) -> None:
        """Wait until the storage is finished; TimeoutError if that takes longer than `timeout_s`."""
        if self._storer is None:
            self._finish_storage()
        elif not await_end(self._storer, timeout_s):
            raise TimeoutError(f"the storage could not be finished within {timeout_s:g} s; check the disk")

    def notify(self, item: Item, *, stored: bool) -> None:
        """Tell the item's future where it is."""
        future = item.ticket.future
        if future is not None:
            if self._processor is None or item.processed:
                # These are stored, or shared with the caller of `put`.
                data = item.data.view()
                data.flags.writeable = False
            else:
                # The processor will change its array; who waits for the raw data keeps another.
                data = item.data.copy()
            metadata = own_metadata(item.metadata)
            future._notify_data(item.coordinates, data, metadata, processed=item.processed, stored=stored)

    def _process_all(self, processor: DataProcessor) -> None:
        while batch := self._entrance.take():
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
            self._to_store.await_place()
            self._to_store.fill(made)

    def _store_all(self) -> None:
        while batch := self._to_store.take():
            for item in batch:
                error = attempt(self._storage.put, item.coordinates, item.data, item.metadata)
                if error is not None:
                    self._traffic.fail(item, "storing", error)
                    continue
                self._notify_safely(item, stored=True)
                self._traffic.arrive(item)
            # An array that was passed by reference is let go of before the next wait.
            del batch, item
        self._finish_storage()

    def _finish_storage(self) -> None:
        with self._state:
            first, self._finished = not self._finished, True
        if first and (error := attempt(self._storage.finish)) is not None:
            self._traffic.note(None, "finishing", error)

    def _notify_safely(self, item: Item, *, stored: bool) -> None:
        if item.ticket.future is None:
            return
        if (error := attempt(lambda: self.notify(item, stored=stored))) is not None:
            self._traffic.note(item.coordinates, "notifying", error)
