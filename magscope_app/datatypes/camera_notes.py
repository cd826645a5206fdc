"""What the next writer of a video ring must know of the camera's numbers."""

from __future__ import annotations

from magscope_app.datatypes import layout
from magscope_app.datatypes.gaps import Why
from magscope_app.datatypes.ring import Ring

_MASK = (1 << 64) - 1
_AT, _LOST, _NEXT = range(layout.CAMERA_NOTE_WORDS)


class CameraNotes:
    """Books losses in the camera so that the next writer is exact wherever this one is killed.

    A published frame says its number itself. What no frame says (a number that was refused, a jump whose
    frame did not come to be published, a run that began) stands in two notes that are written in turn. Each
    is left before what it tells of is booked, and holds from the ids and losses on that are booked then: one
    store makes it the newest, and a newest one whose booking never came is taken back by another.

    So no loss is booked twice. A refusal that was killed before it was booked is not counted as recorded: the
    camera's next number says that a frame is missing, and it counts as lost upstream.
    """

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._words = ring.words
        self._gaps = ring.camera_gaps

    def left(self, next_id: int) -> tuple[int, int]:
        """Return what the newest note says: the id of the next frame then, and the number expected for it.

        Parameters
        ----------
        next_id : int
            The id that is given away next, by the frames and refusals that are booked.
        """
        words = self._words
        note = self._note(words[layout.CAMERA_NOTED])
        if words[note + _AT] > next_id or words[note + _LOST] != self._gaps.total() & _MASK:
            words[layout.CAMERA_NOTED] -= 1
            note = self._note(words[layout.CAMERA_NOTED])
        return words[note + _AT], words[note + _NEXT] - 1

    def leave(self, next_id: int, expected: int, *, to_book: int = 0) -> None:
        """Note the number expected (-1: any), for when `next_id` comes next and `to_book` more are lost."""
        words = self._words
        newest = words[layout.CAMERA_NOTED] + 1
        note = self._note(newest)
        words[note + _AT] = next_id
        words[note + _LOST] = (self._gaps.total() + to_book) & _MASK
        words[note + _NEXT] = expected + 1
        self._ring.order()
        words[layout.CAMERA_NOTED] = newest
        self._ring.order()

    def book(self, first: int, end: int, why: Why, *, head: int, next_id: int, expected: int) -> None:
        """Book the camera's [first, end) as lost before frame `next_id`, whose number is `expected`."""
        words = self._words
        if words[layout.CAMERA_LOST_HEAD] != head:
            words[layout.CAMERA_LOST_BEFORE] = self._gaps.total() & _MASK
            words[layout.CAMERA_LOST_HEAD] = head
        self.leave(next_id, expected, to_book=end - first)
        self._gaps.append(first, end, why, at=next_id, joins=False)

    def lost_since_last_frame(self, head: int) -> int:
        """Return how many have been booked since the last of `head` frames was published."""
        words = self._words
        if words[layout.CAMERA_LOST_HEAD] != head:
            return 0
        return (self._gaps.total() - words[layout.CAMERA_LOST_BEFORE]) & _MASK

    def _note(self, number: int) -> int:
        return layout.CAMERA_NOTES + (number & 1) * layout.CAMERA_NOTE_WORDS
