"""What somebody should know in a first session, in the order in which it is needed.

Names in braces are those of actions, and stand for their keys.
"""

from __future__ import annotations

HINTS: dict[str, str] = {
    "beads": "Shift+click a bead in the image to add it, or press {image.find} to have beads found and "
    "choose how certain they must be. {undo} takes any change back.",
    "several": "Ctrl+click or Ctrl+drag chooses several beads; drag them, move them with the arrow keys, or "
    "right-click them to make them references.",
    "record": "{record} starts a recording with the name and folder under Recording; "
    "{stop_recording} stops it. A second recording of one name gets _002.",
    "search": "{search} finds every panel, setting and action by its name.",
    "docks": "Drag a panel by its title to move it or to have it on another screen. View › Arrange panels "
    "as at first brings all back.",
}
