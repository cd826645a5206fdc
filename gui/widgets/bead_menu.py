"""What can be done with chosen beads, as a menu for a right click."""

from __future__ import annotations

from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtWidgets import QMenu, QWidget

from gui.session import Session


def open_bead_menu(parent: QWidget, session: Session, at: QPoint) -> QMenu | None:
    """Open the menu for the chosen beads at a point of the screen; None where no bead is chosen."""
    chosen = tuple(sorted(session.selection.chosen))
    if not chosen:
        return None
    menu = QMenu(parent)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    what = f"bead {chosen[0]}" if len(chosen) == 1 else f"{len(chosen)} beads"
    reference = menu.addAction(f"Use as reference: {what}")
    tethered = menu.addAction(f"Mark as tethered: {what}")
    menu.addSeparator()
    remove = menu.addAction(f"Remove {what}")
    assert reference is not None
    assert tethered is not None
    assert remove is not None
    reference.triggered.connect(lambda: session.beads.set_role(chosen, "reference"))
    tethered.triggered.connect(lambda: session.beads.set_role(chosen, "tethered"))
    remove.triggered.connect(lambda: session.beads.remove(chosen))
    menu.popup(at)
    return menu
