"""An error in one part of the window leaves the other parts alone."""

from __future__ import annotations

import logging
from collections.abc import Callable

from magscope_app.errors import described

_log = logging.getLogger("magscope_app.gui")


class Guard:
    """Runs parts of the window; what one of them raises goes to the log, once, with the part's name.

    Attributes
    ----------
    failed : set of str
        Parts and errors that were told.
    """

    def __init__(self) -> None:
        self.failed: set[str] = set()

    def run(self, name: str, part: Callable[[], None]) -> None:
        """Run a part that is called `name`."""
        try:
            part()
        except Exception as error:  # noqa: BLE001 - whatever it is: the other parts go on
            told = f"{name}: {type(error).__name__}"
            if told not in self.failed:
                self.failed.add(told)
                _log.error("an error in %s, please report it: %s", name, described(error))
                # For the run's log, which a report takes along; nobody reads it in a terminal.
                _log.debug("in %s", name, exc_info=True)
