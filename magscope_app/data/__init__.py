"""Data with their coordinates: labels, sequences of labels, storages, processors and the handler."""

from magscope_app.data.coordinates import AxisValue, DataCoordinates, FrozenDataCoordinates, as_frozen
from magscope_app.data.handler import DataHandler
from magscope_app.data.item import DataFuture, Failure
from magscope_app.data.iterator import DataCoordinatesIterator
from magscope_app.data.processor import DataProcessor, ProcessedImage, ProcessedImages
from magscope_app.data.storage import DataStorage

__all__ = [
    "AxisValue",
    "DataCoordinates",
    "DataCoordinatesIterator",
    "DataFuture",
    "DataHandler",
    "DataProcessor",
    "DataStorage",
    "Failure",
    "FrozenDataCoordinates",
    "ProcessedImage",
    "ProcessedImages",
    "as_frozen",
]
