"""Where data are kept: images on disk or in memory, rows in the tracks file, and the folder around them."""

from magscope_app.storage.dataset_folder import DatasetFolder
from magscope_app.storage.description import COUNTERS, EXIT_STATUSES
from magscope_app.storage.event_log import EventLog
from magscope_app.storage.extent import TracksExtent, read_stored_coordinates, read_tracks_extent
from magscope_app.storage.names import validate_dataset_name
from magscope_app.storage.ndram import NDRAMStorage
from magscope_app.storage.ndtiff import NDTiffStorage
from magscope_app.storage.reading import Dataset, open_dataset
from magscope_app.storage.tracks import TracksFile

__all__ = [
    "COUNTERS",
    "EXIT_STATUSES",
    "Dataset",
    "DatasetFolder",
    "EventLog",
    "NDRAMStorage",
    "NDTiffStorage",
    "TracksExtent",
    "TracksFile",
    "open_dataset",
    "read_stored_coordinates",
    "read_tracks_extent",
    "validate_dataset_name",
]
