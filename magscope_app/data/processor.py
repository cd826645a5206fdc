"""A user's function between acquisition and storage, and one reading of what it returns."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from magscope_app.data.coordinates import DataCoordinates, FrozenDataCoordinates, as_frozen
from magscope_app.data.item import own_metadata
from magscope_app.data.storage import Metadata, Pixels

ProcessFunction: TypeAlias = Callable[[DataCoordinates, Pixels, Metadata], Any]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProcessedImage:
    """One result of a processor: coordinates, pixels and metadata that nobody else holds."""

    coordinates: FrozenDataCoordinates
    data: Pixels
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class ProcessedImages:
    """All results of one call of a processor, each coordinate once.

    Attributes
    ----------
    images : tuple of ProcessedImage
        In the order in which they are to be stored.
    duplicates : int
        Results that a later one with the same coordinates replaced.
    """

    images: tuple[ProcessedImage, ...]
    duplicates: int


class DataProcessor:
    """Work on data before they are stored; attached with ``DataHandler(storage, process_fn=processor)``.

    Parameters
    ----------
    process_fn : callable
        Called as ``process_fn(coordinates, data, metadata)`` with an array and a dict of its own, which it
        may keep and change. It returns one ``(coordinates, data, metadata)`` tuple, a list of such tuples, or
        None to store nothing.

    Raises
    ------
    TypeError
        If `process_fn` cannot be called.
    """

    def __init__(self, process_fn: ProcessFunction) -> None:
        if not callable(process_fn):
            raise TypeError(
                f"a processor is a function of (coordinates, data, metadata), not {type(process_fn).__name__}"
            )
        self._process_fn = process_fn
        #: Results, of all calls, that a later one with the same coordinates replaced.
        self.duplicates = 0

    def process(self, coordinates: Mapping[str, Any], data: Pixels, metadata: Metadata) -> ProcessedImages:
        """Call the function and read its result.

        Pixels and metadata of a result are copied, because the function may go on changing what it has
        returned.

        Parameters
        ----------
        coordinates : DataCoordinates or mapping
            Where the data lie; the function gets its own copy.
        data : ndarray
            Given away: the function may change it.
        metadata : dict
            Given away likewise.

        Returns
        -------
        ProcessedImages
            What is to be stored; with the same coordinates twice in one result the later one.

        Raises
        ------
        TypeError
            If the function returned anything but a tuple of three, a list of these or None.
        Exception
            Whatever the function itself raises.
        """
        result = self._process_fn(DataCoordinates(coordinates), data, metadata)
        listed = [] if result is None else result if isinstance(result, list) else [result]
        images: dict[FrozenDataCoordinates, ProcessedImage] = {}
        for entry in listed:
            image = _read_entry(entry)
            # The later one takes the later place in the order, too.
            images.pop(image.coordinates, None)
            images[image.coordinates] = image
        duplicates = len(listed) - len(images)
        if duplicates and not self.duplicates:
            _log.warning(
                "a processor returned the same coordinates more than once for %s: the last was kept; this is "
                "said once, and counted as duplicates from here on",
                DataCoordinates(coordinates),
            )
        self.duplicates += duplicates
        return ProcessedImages(tuple(images.values()), duplicates)


def _read_entry(entry: object) -> ProcessedImage:
    if not (isinstance(entry, tuple) and len(entry) == 3):
        raise TypeError(
            "a processor returns (coordinates, data, metadata), a list of these or None, "
            f"not {_described(entry)}: see DataProcessor"
        )
    coordinates, data, metadata = entry
    if (
        not isinstance(coordinates, Mapping)
        or not isinstance(data, np.ndarray)
        or not isinstance(metadata, Mapping)
    ):
        raise TypeError(
            "a processor returns (coordinates, array, dict) in this order, "
            f"not ({', '.join(type(part).__name__ for part in entry)})"
        )
    return ProcessedImage(as_frozen(coordinates), np.array(data, order="C"), own_metadata(metadata))


def _described(entry: object) -> str:
    return f"a tuple of {len(entry)}" if isinstance(entry, tuple) else f"{type(entry).__name__}"
