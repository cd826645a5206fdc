"""Data in memory, for tests and short experiments."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from magscope_app.data.coordinates import as_frozen
from magscope_app.data.storage import Coordinates, DataStorage, Metadata, Pixels


class NDRAMStorage(DataStorage):
    """Arrays of any shape and type in memory, held by ndstorage; gone after `close`.

    The first one in a process imports ndstorage, which takes 0.6 s.
    """

    def __init__(self) -> None:
        from ndstorage import NDRAMDataset

        self._dataset = NDRAMDataset()

    def __len__(self) -> int:
        return len(self._dataset.image_metadata)

    def __contains__(self, coordinates: object) -> bool:
        # ndstorage puts the metadata last.
        return isinstance(coordinates, Mapping) and _key(coordinates) in self._dataset.image_metadata

    def why_not(
        self, shape: tuple[int, ...], dtype: np.dtype[Any], axes: Coordinates | None = None
    ) -> str | None:
        """Say why such data cannot be stored; None if they can (see `DataStorage.why_not`)."""
        del shape, dtype
        for axis, value in (axes or {}).items():
            known = self._dataset.axes_types.get(axis, type(value))
            if type(value) is not known:
                return f"the axis {axis!r} has {known.__name__} values, so {value!r} does not fit"
        return None

    def put(self, coordinates: Coordinates, data: Pixels, metadata: Mapping[str, Any]) -> None:
        """Keep a copy of `data` and `metadata` (see `DataStorage.put`).

        Raises
        ------
        KeyError
            If these coordinates are already stored.
        ValueError
            If an axis has numbers in some coordinates and text in others.
        RuntimeError
            After `finish`.
        """
        if self._dataset.is_finished():
            raise RuntimeError("the storage is finished: nothing can be put any more")
        key = as_frozen(coordinates)
        if key in self:
            raise KeyError(f"data at {key} are already stored")
        if (reason := self.why_not(data.shape, data.dtype, key)) is not None:
            raise ValueError(reason)
        # ndstorage asks for a height and a width, so the shape goes beside the array.
        image = np.atleast_2d(np.array(data, order="C"))
        self._dataset.put_image(key.coordinate_dict, image, (np.shape(data), copy.deepcopy(dict(metadata))))

    def get_data(self, coordinates: Coordinates) -> Pixels:
        """Return a copy of the data at `coordinates`; KeyError if there are none."""
        image, (shape, _) = self._find(coordinates)
        return image.reshape(shape).copy()

    def get_metadata(self, coordinates: Coordinates) -> Metadata:
        """Return a copy of the metadata at `coordinates`; KeyError if there are none."""
        return copy.deepcopy(self._find(coordinates)[1][1])

    def finish(self) -> None:
        """Take nothing more."""
        self._dataset.finish()

    def close(self) -> None:
        """Finish and let go of all data."""
        self.finish()
        self._dataset.close()

    def _find(self, coordinates: Coordinates) -> tuple[Pixels, tuple[tuple[int, ...], Metadata]]:
        key = _key(coordinates)
        try:
            return self._dataset.images[key], self._dataset.image_metadata[key]
        except KeyError:
            raise KeyError(f"no data at {as_frozen(coordinates)}") from None


def _key(coordinates: Coordinates) -> frozenset[tuple[str, int | str]]:
    # Not ndstorage's `read_image`, which takes numbers on text axes for something else.
    return frozenset(as_frozen(coordinates).coordinate_dict.items())
