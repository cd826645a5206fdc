"""A function of the user's own as an event of the engine."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from magscope_app.engine import Abortable, ExecutorEvent, Stoppable
from magscope_app.experiment.microscope import Microscope

_log = logging.getLogger(__name__)


class Protocol(ExecutorEvent, Stoppable, Abortable):
    """Hands the microscope to a function; the motors stop when it is aborted or fails.

    Parameters
    ----------
    name : str
        As the user knows it, for the log.
    function : callable
        Takes a `Microscope`.
    microscope : Microscope
        What it is given.
    """

    def __init__(self, name: str, function: Callable[[Microscope], Any], microscope: Microscope) -> None:
        super().__init__()
        self._name = name
        self._function = function
        self._microscope = microscope

    def execute(self) -> Any:
        """Run the function and return what it returns."""
        _log.info("the protocol %s begins", self._name)
        self._microscope.obey(self.check_abort, self.wait)
        try:
            return self._function(self._microscope)
        except BaseException:
            self._microscope.stop_motors()
            raise
