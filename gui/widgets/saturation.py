"""A label that says how much of the image is saturated."""

from __future__ import annotations

from gui.theme import Theme
from gui.widgets.elided import ElidedLabel

#: Share of saturated pixels that is told, and that is a warning.
_SEEN, _WARNS = 1e-4, 1e-3
_HELP = (
    "Pixels at the largest grey level cannot be told apart; in the ROI of a bead they bias its "
    "position: less light, exposure or gain"
)


class SaturationLabel(ElidedLabel):
    """Hidden where nothing is saturated.

    Parameters
    ----------
    theme : Theme
        Colours.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("image.saturated")
        self.theme = theme
        self.hide()

    def show_share(self, share: float, n_beads: int) -> None:
        """Say how many beads and how much of the image are saturated.

        Loudly where a bead is: there the positions suffer, however small a part of the image it is.
        """
        self.setVisible(share >= _SEEN or n_beads > 0)
        beads = f"{n_beads} {'bead' if n_beads == 1 else 'beads'} saturated, " if n_beads else ""
        self.setText(f" {beads}{100 * share:.2g} % of the image{'' if n_beads else ' saturated'} ")
        self.setToolTip(f"{self.text().strip()}. {_HELP}")
        pair = self.theme.warn
        loud = n_beads > 0 or share >= _WARNS
        self.setStyleSheet(f"background: {pair.background}; color: {pair.text};" if loud else "")
