"""What the window asks of the owner of the bead list, with undo and redo.

One command at a time: the next is made from the list that came of the last one. Keys that were pressed while
the window was held up come all at once, and mean the list as it is after those before them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gui.background import Background
from gui.models.candidates import Candidate, in_reading_order, renumbered
from gui.models.edits import BeadList, Command, EditHistory
from gui.models.state import State
from gui.zluts import ZLuts
from magscope_app.config import BeadRole
from magscope_app.errors import MagscopeError
from magscope_app.messages import (
    AddBead,
    Bead,
    EditBeads,
    FindBeads,
    Message,
    MoveBead,
    RemoveBeads,
    SetBeadRole,
)
from magscope_app.processes.bead_owner import read_bead_file, write_bead_file

#: A bead that was asked for is selected if it appears within this time.
_ADD_TIMEOUT_S = 3.0
#: Beads, or who says which they are when it is their turn: then one just added is chosen.
Chosen = Iterable[int] | Callable[[], Iterable[int]]


@dataclass(slots=True)
class _Move:
    """A move that waits for its turn, and may become longer meanwhile."""

    carry_out: Callable[[frozenset[int], float, float], None]
    bead_ids: frozenset[int]
    dx_px: float
    dy_px: float

    def __call__(self) -> None:
        self.carry_out(self.bead_ids, self.dx_px, self.dy_px)


class BeadCommands:
    """Sends commands about beads and remembers how they are taken back.

    Parameters
    ----------
    send : callable
        Takes a command; does not wait.
    state : State
        The list as the owner has told it.
    background : Background
        Reads and writes files.
    zluts : ZLuts
        That go by the numbers of beads.
    """

    def __init__(
        self, send: Callable[[Message], None], state: State, background: Background, zluts: ZLuts
    ) -> None:
        self._send = send
        self._state = state
        self._background = background
        self._zluts = zluts
        self.edits = EditHistory(time.monotonic)
        self._adding_until_s = 0.0
        self._brought_back: frozenset[int] = frozenset()
        #: What is done when the owner has answered.
        self._next: deque[Callable[[], None]] = deque()
        #: The list that a file held, until the owner has taken it.
        self._loading: tuple[Path, tuple[Bead, ...]] | None = None

    def follow(self, before: BeadList, after: BeadList) -> frozenset[int]:
        """Take note of a changed list; returns the beads that the user has added or brought back, if any."""
        self.edits.take(before, after)
        if self._loading is not None and after.beads == {bead.id: bead for bead in self._loading[1]}:
            (path, beads), self._loading = self._loading, None
            self._state.tell(f"{_count(len(beads))} loaded from {path}")
        fresh = frozenset(after.beads) - frozenset(before.beads)
        if not fresh or time.monotonic() > self._adding_until_s:
            return frozenset()
        self._adding_until_s = 0.0
        return fresh & self._brought_back or frozenset((max(fresh),))

    def add(self, x_px: float, y_px: float) -> None:
        """Ask for a bead here; it is selected when it exists."""

        def ask() -> None:
            self._await(frozenset())
            self._expect("adding a bead", AddBead(x_px, y_px))

        self._in_turn(ask)

    def move(self, bead_ids: Iterable[int], dx_px: float, dy_px: float) -> None:
        """Move the ROIs of these beads; if one would leave the frame, all stay."""
        move = _Move(self._move, frozenset(bead_ids), dx_px, dy_px)
        last = self._next[-1] if self._next else None
        if isinstance(last, _Move) and last.bead_ids == move.bead_ids:
            # A key that is held down is faster than its answers.
            last.dx_px, last.dy_px = last.dx_px + dx_px, last.dy_px + dy_px
        else:
            self._in_turn(move)

    def _move(self, bead_ids: frozenset[int], dx_px: float, dy_px: float) -> None:
        beads = self._known(bead_ids)
        if len(beads) == 1:
            bead = beads[0]
            moved_to = MoveBead(bead.id, bead.x_px + dx_px, bead.y_px + dy_px)
            self._expect(f"moving {_name(beads)}", moved_to)
        elif beads:
            moved = tuple(Bead(b.id, b.x_px + dx_px, b.y_px + dy_px, b.role) for b in beads)
            self._expect(f"moving {_name(beads)}", EditBeads(moved))

    def remove(self, bead_ids: Chosen) -> None:
        """Take beads off the list."""
        self._in_turn(lambda: self._remove(_ids(bead_ids)))

    def _remove(self, bead_ids: frozenset[int]) -> None:
        beads = self._known(bead_ids)
        if beads:
            ids = tuple(bead.id for bead in beads)
            self._expect(f"removing {_name(beads)}", RemoveBeads(ids))

    def set_role(self, bead_ids: Chosen, role: BeadRole) -> None:
        """Say what beads are for."""
        self._in_turn(lambda: self._set_role(_ids(bead_ids), role))

    def _set_role(self, bead_ids: frozenset[int], role: BeadRole) -> None:
        beads = [bead for bead in self._known(bead_ids) if bead.role != role]
        if len(beads) == 1:
            self._expect(f"the role of {_name(beads)}", SetBeadRole(beads[0].id, role))
        elif beads:
            changed = tuple(Bead(b.id, b.x_px, b.y_px, role) for b in beads)
            self._expect(f"the role of {_name(beads)}", EditBeads(changed))

    def renumber(self) -> None:
        """Give all beads the numbers 0, 1, 2 … from top to bottom, unless Z-LUTs go by those of now."""
        self._in_turn(self._renumber)

    def _renumber(self) -> None:
        beads = self._state.beads
        fresh = renumbered(beads.values())
        others = BeadList(beads, 0).changed(BeadList({bead.id: bead for bead in fresh}, 0))
        if n_zluts := len(others & self._zluts.own_ids):
            said = "1 bead has a Z-LUT" if n_zluts == 1 else f"{n_zluts} beads have Z-LUTs"
            self._state.warn(
                f"the beads keep their numbers: {said} by number, and z would come from another bead's; "
                "renumber before a sweep, or load a list with other numbers and sweep again"
            )
            return
        self._expect("renumbering", EditBeads(fresh, tuple(beads)))

    def resize(self, roi_px: int) -> None:
        """Give every ROI another side."""

        def ask() -> None:
            if roi_px != self._state.roi_px:
                self._expect("resizing the ROIs", EditBeads(roi_px=roi_px))

        self._in_turn(ask)

    def find(self, *, preview: bool) -> None:
        """Look for beads in the next frame; without preview, those that are new go on the list."""
        if preview:
            self._send(FindBeads(preview))
        else:
            self._expect("adding the beads that were found", FindBeads())

    def add_found(self, candidates: Iterable[Candidate]) -> None:
        """Put candidates on the list, numbered by rows."""
        self._in_turn(partial(self._add_found, tuple(candidates)))

    def _add_found(self, candidates: tuple[Candidate, ...]) -> None:
        first = self._state.next_id
        ordered = in_reading_order(candidates)
        fresh = tuple(Bead(first + index, x, y) for index, (x, y, _) in enumerate(ordered))
        if fresh:
            self._expect("adding the beads that were found", EditBeads(fresh))

    def load(self, path: Path) -> None:
        """Make the list that a file holds the whole list, unless it holds none."""

        def read() -> tuple[Bead, ...]:
            beads = tuple(read_bead_file(path))
            if not beads:
                raise MagscopeError(f"{path} holds no beads; the list stays as it is")
            return beads

        def take(beads: tuple[Bead, ...]) -> None:
            self._loading = path, beads
            self.replace(beads, path.name)

        self._background.run(read, take)

    def refused(self) -> None:
        """Take in that the owner has refused the oldest command that was not answered yet."""
        self._loading = None
        self.edits.refused()

    def replace(self, beads: Iterable[Bead], what: str, roi_px: int | None = None) -> None:
        """Make these beads the whole list."""
        wanted = tuple(beads)

        def ask() -> None:
            self._expect(f"loading {what}", EditBeads(wanted, tuple(self._state.beads), roi_px))

        self._in_turn(ask)

    def save(self, path: Path) -> None:
        """Write the list to a file."""
        beads = tuple(self._state.beads.values())
        done = f"{_count(len(beads))} written to {path}"
        self._background.run(lambda: write_bead_file(path, beads), lambda _: self._state.tell(done))

    def undo(self) -> None:
        """Take the newest edit back."""
        self._in_turn(lambda: self._send_if(self.edits.undo()))

    def redo(self) -> None:
        """Make the edit again that was taken back last."""
        self._in_turn(lambda: self._send_if(self.edits.redo()))

    def _in_turn(self, command: Callable[[], None]) -> None:
        """Do this when all before it was answered."""
        self._next.append(command)
        self.go_on()

    def go_on(self) -> None:
        """Do what waits for an answer that has come."""
        if self.edits.give_up() and self._next:
            self._next.clear()
            self._state.warn(
                "Nobody answered a command about beads for a minute; what was asked for after it is forgotten"
            )
        while self._next and not self.edits.waits:
            self._next.popleft()()

    def _send_if(self, command: EditBeads | None) -> None:
        if command is not None:
            self._await(frozenset(bead.id for bead in command.put))
            self._send(command)

    def _await(self, brought_back: frozenset[int]) -> None:
        """Expect beads that are selected when they appear: these, or one that has no number yet."""
        self._adding_until_s = time.monotonic() + _ADD_TIMEOUT_S
        self._brought_back = brought_back

    def _expect(self, label: str, command: Command) -> None:
        self.edits.expect(label, command)
        self._send(command)

    def _known(self, bead_ids: Iterable[int]) -> list[Bead]:
        beads: Mapping[int, Bead] = self._state.beads
        return [beads[bead_id] for bead_id in sorted(set(bead_ids)) if bead_id in beads]


def _ids(chosen: Chosen) -> frozenset[int]:
    return frozenset(chosen() if callable(chosen) else chosen)


def _count(beads: int) -> str:
    return "1 bead was" if beads == 1 else f"{beads} beads were"


def _name(beads: list[Bead]) -> str:
    return f"bead {beads[0].id}" if len(beads) == 1 else f"{len(beads)} beads"
