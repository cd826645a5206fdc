"""Reading datasets."""

from magscope_app.storage.reading.dataset import Dataset, open_dataset
from magscope_app.storage.reading.tracks_content import FRAMES_DTYPE, TELEMETRY_DTYPE, TRACKS_DTYPE

__all__ = ["FRAMES_DTYPE", "TELEMETRY_DTYPE", "TRACKS_DTYPE", "Dataset", "open_dataset"]
