"""Storages of a user's own, for the tests of the handler."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from magscope_app.data.coordinates import FrozenDataCoordinates, as_frozen
from magscope_app.data.storage import Pixels
from magscope_app.storage import NDRAMStorage


class GatedStorage(NDRAMStorage):
    """Stores nothing until its gate is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.finish_count = 0
        self.threads: set[str] = set()
        self._stored: list[FrozenDataCoordinates] = []

    def put(self, coordinates: Mapping[str, Any], data: Pixels, metadata: Mapping[str, Any]) -> None:
        self.threads.add(threading.current_thread().name)
        assert self.gate.wait(20)
        super().put(coordinates, data, metadata)
        self._stored.append(as_frozen(coordinates))

    def finish(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.finish_count += 1
        super().finish()


class FullDiskStorage(GatedStorage):
    """Its disk is full after `capacity` images, and for ever."""

    def __init__(self, capacity: int, finish_error: Exception | None = None) -> None:
        super().__init__()
        self.gate.set()
        self._capacity = capacity
        self._finish_error = finish_error

    def put(self, coordinates: Mapping[str, Any], data: Pixels, metadata: Mapping[str, Any]) -> None:
        if len(self) >= self._capacity:
            raise OSError(28, "No space left on device")
        super().put(coordinates, data, metadata)

    def finish(self) -> None:
        super().finish()
        if self._finish_error is not None:
            raise self._finish_error
