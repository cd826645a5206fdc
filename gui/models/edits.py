"""Undo and redo of the bead list: what each command changed, and how it is taken back.

The list has one owner, and others change it too (a lock moves ROIs). So an edit is what came of a command,
read from the list before and after, for the beads that the command was about; taking it back touches no
other bead.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from magscope_app.messages import Bead, EditBeads

#: Edits that can be taken back.
MAX_EDITS = 200
#: A command that has changed nothing for so long will not.
_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class BeadList:
    """The beads by id and the side of their ROIs."""

    beads: Mapping[int, Bead]
    roi_px: int


@dataclass(frozen=True, slots=True)
class Edit:
    """What a command has changed: each bead before and after (None: not on the list), and the ROI's side."""

    label: str
    before: Mapping[int, Bead | None]
    after: Mapping[int, Bead | None]
    roi_px: tuple[int, int]

    def backward(self) -> EditBeads:
        """Return the command that takes the edit back."""
        return _command(self.before, self.roi_px[0] if self.roi_px[0] != self.roi_px[1] else None)

    def forward(self) -> EditBeads:
        """Return the command that makes the edit again."""
        return _command(self.after, self.roi_px[1] if self.roi_px[0] != self.roi_px[1] else None)


def _command(wanted: Mapping[int, Bead | None], roi_px: int | None) -> EditBeads:
    put = tuple(bead for bead in wanted.values() if bead is not None)
    remove = tuple(bead_id for bead_id, bead in wanted.items() if bead is None)
    return EditBeads(put, remove, roi_px)


@dataclass(frozen=True, slots=True)
class _Expected:
    label: str
    ids: frozenset[int] | None
    until_s: float

    def covers(self, bead_id: int, before: Bead | None) -> bool:
        """Return whether the command is about this bead; without ids it is about beads that are new."""
        return before is None if self.ids is None else bead_id in self.ids


class EditHistory:
    """Two stacks of edits, filled by comparing the lists before and after each command.

    Parameters
    ----------
    clock_s : callable
        Monotonic seconds.
    """

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._expected: deque[_Expected] = deque()
        self._done: deque[Edit] = deque(maxlen=MAX_EDITS)
        self._undone: list[Edit] = []

    @property
    def undo_label(self) -> str:
        """What `undo` would take back; empty where there is nothing."""
        return self._done[-1].label if self._done else ""

    @property
    def redo_label(self) -> str:
        """What `redo` would make again; empty where there is nothing."""
        return self._undone[-1].label if self._undone else ""

    def expect(self, label: str, ids: frozenset[int] | None) -> None:
        """Note that a command was sent: about these beads, or (None) about beads that do not exist yet."""
        self._expected.append(_Expected(label, ids, self._clock_s() + _TIMEOUT_S))

    def take(self, before: BeadList, after: BeadList) -> None:
        """Compare the list before and after a change; what a command was expected to do becomes an edit."""
        while self._expected and self._expected[0].until_s < self._clock_s():
            self._expected.popleft()
        if not self._expected:
            return
        changed = [
            bead_id
            for bead_id in {**before.beads, **after.beads}
            if before.beads.get(bead_id) != after.beads.get(bead_id)
        ]
        expected = self._expected[0]
        ours = [key for key in changed if expected.covers(key, before.beads.get(key))]
        if not ours and before.roi_px == after.roi_px:
            return
        self._expected.popleft()
        self._undone.clear()
        self._done.append(
            Edit(
                expected.label,
                {key: before.beads.get(key) for key in ours},
                {key: after.beads.get(key) for key in ours},
                (before.roi_px, after.roi_px),
            )
        )

    def refused(self) -> None:
        """Forget the oldest command that was not answered yet."""
        if self._expected:
            self._expected.popleft()

    def undo(self) -> EditBeads | None:
        """Return the command that takes the newest edit back, None where there is none."""
        if not self._done:
            return None
        edit = self._done.pop()
        self._undone.append(edit)
        return edit.backward()

    def redo(self) -> EditBeads | None:
        """Return the command that makes the edit again that was taken back last, None where there is none."""
        if not self._undone:
            return None
        edit = self._undone.pop()
        self._done.append(edit)
        return edit.forward()
