"""The supervisor's view of the beads: what was found or asked for goes to the list, the list to everyone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from magscope_app.messages import BeadsFound, EditBeads, Message
from magscope_app.processes.bead_owner import BeadOwner, BeadRefused


class BeadDesk:
    """Changes the bead list as processes and users want it.

    Parameters
    ----------
    beads : BeadOwner
        The list.
    tell : callable
        Tells window, experiment and locks.
    log, refuse : callable
        For the user; a refusal with a token, which is 0 here, and the name of the command.
    keep : callable
        Takes kind and fields of an event for the running dataset.
    """

    def __init__(
        self,
        beads: BeadOwner,
        tell: Callable[[Message], None],
        log: Callable[[int, str], None],
        refuse: Callable[[str, int, str], None],
        keep: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self._beads = beads
        self._tell, self._log, self._refuse, self._keep = tell, log, refuse, keep

    def tell(self) -> None:
        """Tell everyone who wants to know which beads there are."""
        changed = self._beads.changed()
        self._tell(changed)
        beads = [asdict(bead) for bead in changed.beads]
        self._keep("beads", {"beads": beads, "version": changed.version})

    def found(self, message: BeadsFound) -> None:
        """Put what was found on the list, and say how many there are."""
        centres = message.centres
        added = self._beads.add_found(centres)
        said = f"{len(centres)} beads found"
        if added < len(centres):
            said += (
                f", {added} of them added: the others are on the list already, or beads.max_beads is reached"
            )
        self._log(logging.INFO, said)
        self.tell()

    def command(self, message: Message, recording: bool, sweeping: bool) -> None:
        """Change the list; while something is recorded or swept the ROIs keep their size."""
        if isinstance(message, EditBeads) and message.roi_px is not None and (recording or sweeping):
            what = "something is recorded; stop the recording" if recording else "a sweep runs; let it end"
            self._refuse(f"the ROIs keep their size while {what} first", 0, type(message).__name__)
            return
        try:
            if not self._beads.handle(message):
                self._log(logging.WARNING, f"nobody handles {type(message).__name__}")
        except BeadRefused as error:
            self._refuse(str(error), 0, type(message).__name__)
        self.tell()
