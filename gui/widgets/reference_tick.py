"""The box that subtracts the reference beads."""

from __future__ import annotations

from gui.widgets.tick_box import TickBox


class ReferenceTick(TickBox):
    """Is ticked only while something is subtracted; what the user wants comes back with the references.

    Parameters
    ----------
    name : str
        Object name.
    """

    def __init__(self, name: str) -> None:
        super().__init__("− references")
        self.setObjectName(name)
        self.setToolTip(
            "Subtract the mean movement of the reference beads: what is left is no drift. "
            "Beads get this role in the menu Beads"
        )
        self.wanted = False
        self.toggled.connect(self._want)

    def _want(self, checked: bool) -> None:
        self.wanted = checked

    def offer(self, *, possible: bool) -> None:
        """Let the user choose where there is something to subtract, and untick where there is not."""
        self.setEnabled(possible)
        wanted = self.wanted
        self.setChecked(possible and wanted)
        self.wanted = wanted
