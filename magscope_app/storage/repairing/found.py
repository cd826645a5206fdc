"""What was found of a recording, by the ids of its frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magscope_app.storage.video_book import read_book

#: So many frames are not lost one after the other: that would be hours at 1000 frames/s.
LONGEST_GAP = 2**24
_HIGHEST = 2**62
_NO_IDS = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class FoundImage:
    """What is known of an image: the frame that its metadata name, and its coordinate ``time``."""

    frame_id: int | None
    time: int | None

    @classmethod
    def of(cls, coordinates: Mapping[str, Any], metadata: Mapping[str, Any] | None) -> FoundImage:
        """Return what coordinates and metadata say."""
        return cls(_id(metadata.get("frame_id")) if metadata else None, _id(coordinates.get("time")))


@dataclass(frozen=True, slots=True)
class FoundVideo:
    """The images of a recording.

    Attributes
    ----------
    frame_ids : ndarray (n,) int64
        Frames that have an image, ascending, without repeats.
    lost : ndarray (m,) int64
        Frames of images that are there and cannot be read.
    n_unknown : int
        Readable images that do not say which frame they show.
    n_images : int
        All readable images.
    """

    frame_ids: NDArray[np.int64]
    lost: NDArray[np.int64]
    n_unknown: int
    n_images: int

    @classmethod
    def of(
        cls, images: Iterable[FoundImage], lost: Iterable[FoundImage], *, has_processor: bool
    ) -> FoundVideo:
        """Sort images by frames; a processor may have given its images any coordinates."""
        every = list(images)
        plain = bool(every) and all(image.frame_id == image.time for image in every)
        is_plain = plain or not has_processor
        ids, lost_ids = (
            [image.time if image.frame_id is None and is_plain else image.frame_id for image in some]
            for some in (every, lost)
        )
        n_unknown = sum(frame_id is None for frame_id in ids)
        return cls(_unique(ids), _unique(lost_ids), n_unknown, len(every))

    def below(self, limit: int) -> FoundVideo:
        """Return these without the ids from `limit` on."""
        return replace(
            self, frame_ids=self.frame_ids[self.frame_ids < limit], lost=self.lost[self.lost < limit]
        )


@dataclass(frozen=True, slots=True)
class FoundBook:
    """What ``video/frames.i64`` says; false where there is nothing in it.

    Attributes
    ----------
    stored : ndarray (n,) int64
        Frames whose image a storage took, ascending.
    left_out : ndarray (m,) int64
        Frames whose image was left out on purpose.
    """

    stored: NDArray[np.int64] = field(default_factory=lambda: _NO_IDS)
    left_out: NDArray[np.int64] = field(default_factory=lambda: _NO_IDS)

    @classmethod
    def of(cls, dataset: Path) -> FoundBook:
        """Read the book in the folder of a dataset."""
        return cls(*read_book(dataset)).below(_HIGHEST)

    def __bool__(self) -> bool:
        return bool(len(self.stored) or len(self.left_out))

    @property
    def every(self) -> NDArray[np.int64]:
        """All ids, ascending."""
        return np.union1d(self.stored, self.left_out)

    def below(self, limit: int) -> FoundBook:
        """Return these without the ids from `limit` on."""
        return FoundBook(self.stored[self.stored < limit], self.left_out[self.left_out < limit])


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of a recording.

    Attributes
    ----------
    tracks : ndarray (n,) int64 or None
        Frames with tracks, ascending, without repeats; None where the mode keeps none.
    without_beads : ndarray (m,) int64
        Those of them in which no bead was tracked.
    video : FoundVideo or None
        The images; None where the mode keeps none, or where they are in a storage of the user's own.
    book : FoundBook, optional
        What the recorder itself has written down of images.
    """

    tracks: NDArray[np.int64] | None
    without_beads: NDArray[np.int64]
    video: FoundVideo | None
    book: FoundBook = field(default_factory=FoundBook)

    @property
    def every(self) -> NDArray[np.int64]:
        """All ids, ascending."""
        video = _NO_IDS if self.video is None else self.video.frame_ids
        tracks = _NO_IDS if self.tracks is None else self.tracks
        return np.unique(np.concatenate((tracks, video, self.book.every)))

    @property
    def with_image(self) -> NDArray[np.int64] | None:
        """Frames that have an image, found or written down; None where not all of them can be known."""
        if not self.book and (self.video is None or self.video.n_unknown):
            return None
        return np.union1d(_NO_IDS if self.video is None else self.video.frame_ids, self.book.stored)

    def plausible(self, start: object) -> Found:
        """Return these without the ids of damaged files, which come after a gap that no recording has."""
        every = self.every
        first = np.array([start] if type(start) is int and abs(start) < _HIGHEST else [], np.int64)
        far = np.flatnonzero(np.diff(np.concatenate((first, every))) > LONGEST_GAP)
        limit = int(every[far[0] + 1 - len(first)]) if len(far) else _HIGHEST
        return Found(
            None if self.tracks is None else self.tracks[self.tracks < limit],
            self.without_beads[self.without_beads < limit],
            None if self.video is None else self.video.below(limit),
            self.book.below(limit),
        )


def _id(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 2**63 else None


def _unique(ids: Iterable[int | None]) -> NDArray[np.int64]:
    return np.unique(np.array([frame_id for frame_id in ids if frame_id is not None], np.int64))
