"""Undo and redo of the bead list: what each command changed, and how it is taken back.

The list has one owner, and others change it too (a lock moves ROIs). So an edit is what came of a command,
read from the list before and after, for the beads that the command was about; taking it back touches no
other bead.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, MutableSequence, Set
from dataclasses import dataclass

from magscope_app.messages import AddBead, Bead, EditBeads, FindBeads, MoveBead, RemoveBeads, SetBeadRole

#: A command that changes the list.
Command = AddBead | EditBeads | FindBeads | MoveBead | RemoveBeads | SetBeadRole
#: Names of those that the owner of the list answers at once.
ANSWERED = frozenset(kind.__name__ for kind in (AddBead, EditBeads, MoveBead, RemoveBeads, SetBeadRole))
#: Edits that can be taken back.
MAX_EDITS = 200
#: A command that nobody has answered for so long is lost; a supervisor may be held up for a while.
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class BeadList:
    """The beads by id and the side of their ROIs."""

    beads: Mapping[int, Bead]
    roi_px: int

    def changed(self, after: BeadList) -> Set[int]:
        """Return the ids of which the beads are others in the list after a change."""
        ids = {**self.beads, **after.beads}
        return {bead_id for bead_id in ids if self.beads.get(bead_id) != after.beads.get(bead_id)}

    def replaced(self, after: BeadList) -> Set[int]:
        """Return the ids that belong to another bead in the list after a change.

        A bead does not go farther than its ROI at once, nor exactly to where another one was.
        """
        places = {(bead.x_px, bead.y_px) for bead in self.beads.values()}
        ways = [(old, after.beads[bead_id]) for bead_id, old in self.beads.items() if bead_id in after.beads]
        return {
            old.id
            for old, new in ways
            if (far := math.hypot(new.x_px - old.x_px, new.y_px - old.y_px))
            and (far > self.roi_px or (new.x_px, new.y_px) in places)
        }


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
    """A command that was not answered yet; `put_back` is called where an undo or redo is refused."""

    label: str
    command: Command
    until_s: float
    put_back: Callable[[], None] | None = None

    def explains(self, before: BeadList, after: BeadList) -> Set[int] | None:
        """Return which of the beads that have changed are this command's; None if this was not its answer."""
        about = _carried_out(self.command, before, after)
        if about is None:
            return None
        changed, resized = before.changed(after), before.roi_px != after.roi_px
        resizes = resized and isinstance(self.command, EditBeads) and self.command.roi_px is not None
        # An answer in which nothing has changed is that of a command that had nothing to change.
        return about & changed if about & changed or resizes or not (changed or resized) else None


def _carried_out(command: Command, before: BeadList, after: BeadList) -> Set[int] | None:
    """Return the beads of a command that was carried out, as the list after it tells; None if it was not."""
    beads = after.beads
    match command:
        case AddBead(x_px, y_px):
            fresh = beads.keys() - before.beads.keys()
            return {key for key in fresh if (beads[key].x_px, beads[key].y_px) == (x_px, y_px)} or None
        case FindBeads():
            return (beads.keys() - before.beads.keys()) or None
        case MoveBead(bead_id, x_px, y_px):
            bead = beads.get(bead_id)
            return {bead_id} if bead is not None and (bead.x_px, bead.y_px) == (x_px, y_px) else None
        case SetBeadRole(bead_id, role):
            return {bead_id} if bead_id in beads and beads[bead_id].role == role else None
        case RemoveBeads(bead_ids):
            return None if beads.keys() & set(bead_ids) else set(bead_ids)
        case EditBeads(put, remove, roi_px):
            wanted: dict[int, Bead | None] = dict.fromkeys(remove) | {bead.id: bead for bead in put}
            is_so = all(beads.get(bead_id) == bead for bead_id, bead in wanted.items())
            return wanted.keys() if is_so and roi_px in (None, after.roi_px) else None


Stack = MutableSequence[Edit]


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

    @property
    def waits(self) -> bool:
        """Whether a command was not answered yet, other than a search, which ends at any time."""
        return any(not isinstance(one.command, FindBeads) for one in self._expected)

    def give_up(self) -> bool:
        """Forget commands that nobody has answered for long; return whether there were any but searches."""
        late = [one for one in self._expected if one.until_s < self._clock_s()]
        for one in late:
            self._expected.remove(one)
        return any(not isinstance(one.command, FindBeads) for one in late)

    def expect(self, label: str, command: Command, put_back: Callable[[], None] | None = None) -> None:
        """Note that a command was sent."""
        self._expected.append(_Expected(label, command, self._clock_s() + _TIMEOUT_S, put_back))

    def take(self, before: BeadList, after: BeadList) -> None:
        """Compare the list before and after a change; what a command was expected to do becomes an edit."""
        # A search ends at any time; all else is answered in order.
        for expected in sorted(self._expected, key=lambda one: isinstance(one.command, FindBeads)):
            ours = expected.explains(before, after)
            if ours is None:
                continue
            self._expected.remove(expected)
            if (ours or before.roi_px != after.roi_px) and expected.put_back is None:
                self._undone.clear()
                self._done.append(
                    Edit(
                        expected.label,
                        {key: before.beads.get(key) for key in ours},
                        {key: after.beads.get(key) for key in ours},
                        (before.roi_px, after.roi_px),
                    )
                )
            return

    def refused(self) -> None:
        """Forget the oldest command that was not answered yet; an undo or redo can be tried again."""
        refused = next((one for one in self._expected if not isinstance(one.command, FindBeads)), None)
        if refused is not None:
            self._expected.remove(refused)
            if refused.put_back is not None:
                refused.put_back()

    def undo(self) -> EditBeads | None:
        """Return the command that takes the newest edit back, None where there is none."""
        if not self._done:
            return None
        edit = self._done[-1]
        return self._pass(edit, edit.backward(), self._done, self._undone)

    def redo(self) -> EditBeads | None:
        """Return the command that makes the edit again that was taken back last, None where there is none."""
        if not self._undone:
            return None
        edit = self._undone[-1]
        return self._pass(edit, edit.forward(), self._undone, self._done)

    def _pass(self, edit: Edit, command: EditBeads, here: Stack, there: Stack) -> EditBeads:
        """Move the newest edit to the other stack, until its command is refused."""

        def put_back() -> None:
            if edit in there:
                there.remove(edit)
                here.append(edit)

        here.pop()
        there.append(edit)
        self.expect(edit.label, command, put_back)
        return command
