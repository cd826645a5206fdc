"""Images of equal size as one lazy array."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from magscope_app.errors import MagscopeError
from magscope_app.storage.reading.image_blocks import Places
from magscope_app.storage.reading.images import ImagePart

if TYPE_CHECKING:
    import dask.array

_CHUNK_BYTES = 16 * 2**20


class _Stack:
    """Looks like an array (frame, y, x) and reads what is asked for from the files."""

    ndim = 3

    def __init__(self, places: Places[ImagePart]) -> None:
        self._places = places
        entry = places[0][1]
        self.dtype = entry.dtype
        self.shape = (len(places), entry.height_px, entry.width_px)

    def __getitem__(self, key: tuple[Any, ...]) -> NDArray[Any]:
        frames, inside = key[0], key[1:]
        if not isinstance(frames, slice):
            part, entry = self._places[frames]
            image: NDArray[Any] = part.pixels(entry)[inside]
            return image
        wanted = [self._places[at] for at in range(*frames.indices(len(self._places)))]
        # One image gives the shape of what is left of each; it is not read for that.
        left = np.broadcast_to(np.zeros((), np.bool_), self.shape[1:])[inside].shape
        found = np.empty((len(wanted), *left), self.dtype)
        for at, (part, entry) in enumerate(wanted):
            found[at] = part.pixels(entry)[inside]
        return found


def lazy_video(places: Places[ImagePart], where: str) -> dask.array.Array:
    """Return images as a dask array (frame, y, x) that reads each chunk when it is needed.

    Raises
    ------
    MagscopeError
        If there are no images, or they differ in size or type.
    """
    import dask.array

    if not places:
        raise MagscopeError(f"{where} holds no images")
    sizes = places.sizes()
    if len(sizes) > 1:
        said = ", ".join(f"{part.path.name}: {y} × {x} {kind}" for (y, x, kind), part in sizes.items())
        advice = "ask for one part" if len(set(sizes.values())) > 1 else "read them one by one"
        raise MagscopeError(f"the images of {where} differ in (height × width): from part {said}; {advice}")
    stack = _Stack(places)
    n_frames = max(1, _CHUNK_BYTES // max(1, places[0][1].pixel_bytes))
    array: dask.array.Array = dask.array.from_array(  # type: ignore[no-untyped-call]  # dask has no types here
        stack,
        chunks=(n_frames, *stack.shape[1:]),
        name=f"video-{uuid.uuid4().hex}",
        asarray=False,
        fancy=False,
        lock=False,
    )
    return array
