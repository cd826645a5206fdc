"""Which beads are chosen; one of them is the one whose traces and profile are shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Selection:
    """Chosen beads.

    Attributes
    ----------
    shown : int or None
        The bead that panels show; always one of those chosen.
    chosen : frozenset of int
        What a command for "the selected beads" means.
    """

    shown: int | None = None
    chosen: frozenset[int] = field(default_factory=frozenset)

    @classmethod
    def of(cls, bead_ids: Iterable[int], shown: int | None = None) -> Selection:
        """Return the selection of these beads; `shown` is one of them, else the lowest."""
        chosen = frozenset(bead_ids)
        if shown not in chosen:
            shown = min(chosen, default=None)
        return cls(shown, chosen)

    def toggled(self, bead_id: int) -> Selection:
        """Return the selection with a bead added, or without it where it was chosen."""
        if bead_id in self.chosen:
            return Selection.of(self.chosen - {bead_id}, self.shown)
        return Selection.of(self.chosen | {bead_id}, bead_id)

    def within(self, bead_ids: Iterable[int]) -> Selection:
        """Return what is left of the selection where only these beads exist."""
        return Selection.of(self.chosen & frozenset(bead_ids), self.shown)
