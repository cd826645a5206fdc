"""Data in memory, for tests and short experiments."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from magscope_app.data.coordinates import FrozenDataCoordinates, as_frozen
from magscope_app.data.storage import Coordinates, DataStorage, Metadata, Pixels


class NDRAMStorage(DataStorage):
    """Arrays of any shape and type in memory, under any coordinates; gone after `close`."""

    def __init__(self) -> None:
        self._stored: dict[FrozenDataCoordinates, tuple[Pixels, Metadata]] = {}
        self._finished = False

    def __len__(self) -> int:
        return len(self._stored)

    def __contains__(self, coordinates: object) -> bool:
        return isinstance(coordinates, Mapping) and as_frozen(coordinates) in self._stored

    def put(self, coordinates: Coordinates, data: Pixels, metadata: Mapping[str, Any]) -> None:
        """Keep a copy of `data` and `metadata` (see `DataStorage.put`).

        Raises
        ------
        KeyError
            If these coordinates are already stored.
        RuntimeError
            After `finish`.
        """
        if self._finished:
            raise RuntimeError("the storage is finished: nothing can be put any more")
        key = as_frozen(coordinates)
        if key in self._stored:
            raise KeyError(f"data at {key!r} are already stored")
        self._stored[key] = np.array(data, order="C"), copy.deepcopy(dict(metadata))

    def get_data(self, coordinates: Coordinates) -> Pixels:
        """Return a copy of the data at `coordinates`; KeyError if there are none."""
        return self._find(coordinates)[0].copy()

    def get_metadata(self, coordinates: Coordinates) -> Metadata:
        """Return a copy of the metadata at `coordinates`; KeyError if there are none."""
        return copy.deepcopy(self._find(coordinates)[1])

    def finish(self) -> None:
        """Take nothing more."""
        self._finished = True

    def close(self) -> None:
        """Finish and let go of all data."""
        self.finish()
        self._stored.clear()

    def _find(self, coordinates: Coordinates) -> tuple[Pixels, Metadata]:
        key = as_frozen(coordinates)
        try:
            return self._stored[key]
        except KeyError:
            raise KeyError(f"no data at {key!r}") from None
