"""Find beads: a preview in the image, a slider for how certain they must be, and then the list."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout

from gui.models.candidates import Candidate, new_candidates
from gui.session import Session
from gui.snapshot import Snapshot
from gui.widgets.caption import Caption

_FIRST_SCORE = 60
#: A slider of less length cannot be set.
_LEAST_SLIDER_PX = 120


class FindBar(QFrame):
    """Two lines under the image; hidden when nobody is looking for beads.

    Parameters
    ----------
    session : Session
        Looks for beads and adds them.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.setObjectName("find")
        self._session = session
        self.candidates: tuple[Candidate, ...] = ()
        self._asked = False
        self.score = QSlider(Qt.Orientation.Horizontal)
        self.score.setObjectName("find.score")
        self.score.setRange(20, 100)
        self.score.setValue(_FIRST_SCORE)
        self.score.setToolTip(
            "How much of the ROI must look like a bead: share of variance that is round, 0 to 1"
        )
        self._text = QLabel()
        self._text.setObjectName("find.text")
        self._text.setWordWrap(True)
        self.again = QPushButton("Look again")
        self.again.setObjectName("find.again")
        self.add = QPushButton("Add")
        self.add.setObjectName("find.add")
        self.done = QPushButton("Done")
        self.done.setObjectName("find.done")
        self.again.setToolTip("Look for beads in the newest frame")
        self.add.setToolTip("Put those that are new on the bead list; Undo takes them off again")
        self.done.setToolTip("Put this bar away; the bead list stays as it is")
        self.score.setMinimumWidth(_LEAST_SLIDER_PX)
        self._lay_out()
        self.again.clicked.connect(self.look)
        self.add.clicked.connect(self._add)
        self.done.clicked.connect(self.leave)
        self.hide()

    def _lay_out(self) -> None:
        """Stand in two lines: with a panel of controls open there is no room for all of it side by side."""
        above = QHBoxLayout()
        above.addWidget(QLabel("Least score"))
        above.addWidget(self.score, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 2, 6, 2)
        column.setSpacing(2)
        column.addLayout(above)
        column.addWidget(Caption(self._text, self.again, self.add, self.done))

    def look(self) -> None:
        """Show the bar and look for beads in the next frame."""
        self._session.state.found = None
        self._asked = True
        self.show()
        self._session.beads.find(preview=True)

    def leave(self) -> None:
        """Stop looking."""
        self._asked = False
        self.candidates = ()
        self.hide()

    def refresh(self, snapshot: Snapshot) -> None:
        """Show what was found and is not on the list."""
        if not self._asked:
            return
        state = snapshot.state
        lowest = self.score.value() / 100
        if state.found is None:
            self.candidates = ()
            self._text.setText("Looking …")
        else:
            self.candidates = new_candidates(state.found, lowest, state.beads.values(), state.roi_px)
            certain = sum(score >= lowest for _, _, score in state.found)
            self._text.setText(f"≥ {lowest:.2f}: {certain} found, {len(self.candidates)} of them new")
        self.add.setText(f"Add {len(self.candidates)}")
        self.add.setEnabled(bool(self.candidates))

    def _add(self) -> None:
        self._session.beads.add_found(self.candidates)
