"""Why an event gave no result although nothing failed in it."""

from __future__ import annotations

from magscope_app.errors import MagscopeError


class EngineShutDown(MagscopeError):
    """The engine was shut down before the event could end."""


class EventAborted(MagscopeError):
    """The event was aborted."""


class EventStopped(MagscopeError):
    """The event was stopped before it began, so that there is no result."""
