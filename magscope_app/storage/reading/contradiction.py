"""What an index says of an image, held against what the image says itself."""

from __future__ import annotations

import json
from typing import Final

from magscope_app.data import FrozenDataCoordinates
from magscope_app.storage.metadata import OWN_KEY
from magscope_app.storage.reading.image_index import ImageEntry

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))


def contradiction(entry: ImageEntry, metadata: bytes) -> str | None:
    """Say what stands where an entry of an index leads, if that is something else.

    Parameters
    ----------
    entry : ImageEntry
        What the index says.
    metadata : bytes
        What stands where the entry has its metadata. Those of other writers, and damaged ones, say nothing.

    Returns
    -------
    str or None
        None where nothing speaks against the entry.
    """
    # Nearly all of ours have one axis and say so in these very bytes; the rest is parsed.
    expected = f'"{OWN_KEY}":{{"axes":{_ENCODER.encode(entry.coordinates.coordinate_dict)}'.encode()
    if expected not in metadata:
        try:
            own = FrozenDataCoordinates(json.loads(metadata)[OWN_KEY]["axes"])
        except (ValueError, LookupError, TypeError, RecursionError):
            return None
        if own != entry.coordinates:
            return f"the image of {dict(own)}"
    # We write them behind the pixels.
    if entry.metadata_offset != entry.pixel_offset + entry.pixel_bytes:
        return "a place that is not where its pixels are"
    return None
