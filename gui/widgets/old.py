"""What is old looks old."""

from __future__ import annotations

from PyQt6.QtWidgets import QLabel


def mark_old(label: QLabel, *, old: bool) -> None:
    """Dim a label that shows what is old; costs nothing when it is as before."""
    if bool(label.property("old")) == old:
        return
    label.setProperty("old", old)
    style = label.style()
    if style is not None:
        style.unpolish(label)
        style.polish(label)
