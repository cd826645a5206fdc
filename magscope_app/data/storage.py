"""The contract of every storage: what a place that keeps images with their coordinates must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[Any]
Metadata: TypeAlias = dict[str, Any]
Coordinates: TypeAlias = Mapping[str, Any]


class DataStorage(ABC):
    """A place that keeps data with coordinates and metadata: on disk, in memory or elsewhere.

    `DataHandler` calls `put` and `finish` from one thread; the reading methods may be called from any thread
    at any time. Coordinates are `DataCoordinates` or a dict with the same content.
    """

    @abstractmethod
    def put(self, coordinates: Coordinates, data: Pixels, metadata: Mapping[str, Any]) -> None:
        """Keep one piece of data, so that it can be read as soon as this returns.

        Raises
        ------
        KeyError
            If these coordinates are already stored; nothing is changed.
        ValueError
            If the storage cannot take such data; the text says why.
        RuntimeError
            After `finish`.
        """

    @abstractmethod
    def get_data(self, coordinates: Coordinates) -> Pixels:
        """Return the data at `coordinates`; KeyError if there are none."""

    @abstractmethod
    def get_metadata(self, coordinates: Coordinates) -> Metadata:
        """Return the metadata exactly as they were put; KeyError if there are none."""

    @abstractmethod
    def finish(self) -> None:
        """Complete the stored data: nothing more will be put. Calling it again does nothing."""

    @abstractmethod
    def close(self) -> None:
        """Finish and release everything that is held open. Calling it again does nothing."""

    @abstractmethod
    def __contains__(self, coordinates: object) -> bool:
        """Return whether data are stored at `coordinates`."""

    def __getitem__(self, coordinates: Coordinates) -> Pixels:
        return self.get_data(coordinates)

    def why_not(
        self, shape: tuple[int, ...], dtype: np.dtype[Any], axes: Coordinates | None = None
    ) -> str | None:
        """Say before a run why this storage cannot take such data.

        Parameters
        ----------
        shape : tuple of int
            Shape of one piece of data, (height, width) for an image.
        dtype : numpy.dtype
            Type of its pixels.
        axes : mapping of str to int or str, optional
            Coordinates as they will be used; the names and the kinds of the values count.

        Returns
        -------
        str or None
            The reason, one sentence; None if the data are welcome, which is what this base class answers.
        """
        del shape, dtype, axes
        return None
