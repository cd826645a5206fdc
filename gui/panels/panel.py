"""What every panel is."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QAbstractButton, QPushButton, QWidget

from gui.desk import Desk
from gui.models.quantities import age_text
from gui.session import Session
from gui.snapshot import Snapshot
from gui.theme import Theme

#: What somebody presses, or chooses in a menu.
Command = QAbstractButton | QAction
#: What stands on buttons besides words.
_SIGNS = " ●■◀▶…"


@dataclass(frozen=True, slots=True)
class PanelContext:
    """What a panel is made with: the session, the colours at the start, the user's choices."""

    session: Session
    theme: Theme
    desk: Desk


class Panel(QWidget):
    """Shows a part of the snapshot and sends commands through the session.

    Parameters
    ----------
    context : PanelContext
        What it is made with.
    """

    #: Time between two refreshes while the panel is visible.
    period_s: ClassVar[float] = 0.25
    #: True for panels that look at the camera image.
    needs_picture: ClassVar[bool] = False

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self.session = context.session
        self.theme = context.theme

    def settings(self) -> list[tuple[str, QWidget]]:
        """Return name and widget of everything that can be set here, for the search."""
        return []

    def commands(self) -> list[tuple[str, Command]]:
        """Return name and button of everything that can be done here, for the search."""
        settings = [widget for _, widget in self.settings()]
        buttons = [(button.text().strip(_SIGNS), button) for button in self.findChildren(QPushButton)]
        return [(text, button) for text, button in buttons if text and button not in settings]

    def show_setting(self, widget: QWidget) -> None:
        """Make one of the settings visible, where it is not always."""

    @abstractmethod
    def refresh(self, snapshot: Snapshot) -> None:
        """Show the newest state. Called while somebody can see it, or searches for what it can do."""

    def age_of_rows(self, snapshot: Snapshot) -> str:
        """Return the age of the newest bead rows where they are old, else nothing."""
        age_s = snapshot.rows_age_s
        return age_text(age_s) if age_s > self.session.stale_after_s else ""

    def set_theme(self, theme: Theme) -> None:
        """Take other colours; what follows the palette changes by itself."""
        self.theme = theme
