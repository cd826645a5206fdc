"""What becomes of an axis that was told to stop: it obeys, obeys late, or goes on; and what is said of it."""

from __future__ import annotations

import math
import threading
import time

from magscope_app.devices.numbers import apart
from magscope_app.messages import MotorState

#: An axis that was told to stop is at rest after this, or it goes on.
_STOPPING_S = 0.5
#: One that goes on is told again so often.
_AGAIN_S = 0.5
#: A stop that comes while a move is being sent is given again after this: it may have come before the move.
_TWICE_S = 0.1


class Halting:
    """Follows one axis from the order to stop until it is at rest.

    `note`, `tried` and `is_due_again` may be called from any thread.

    Parameters
    ----------
    name, unit : str
        Of the axis.
    """

    def __init__(self, name: str, unit: str) -> None:
        self._name, self._unit = name, unit
        self._guard = threading.Lock()
        #: How often the axis was told to stop; what is sent meanwhile may come after that.
        self.orders = 0
        #: True for an axis that did not stop when it was told to.
        self.goes_on = False
        self._seen = 0
        self._since = 0.0
        self._why = self._refusal = ""
        self._wanted = math.nan
        self._again = math.inf

    @property
    def is_pending(self) -> bool:
        """True from the order to stop until `forget`."""
        return self.orders != self._seen

    @property
    def is_late(self) -> bool:
        """True when the axis ought to be at rest by now, or refuses to stop."""
        return self.is_pending and (bool(self._refusal) or time.monotonic() - self._since > _STOPPING_S)

    @property
    def failed(self) -> bool:
        """True where the axis was not told to stop by anybody, but because its move went wrong."""
        return bool(self._why)

    def note(self, why: str = "", wanted: float = math.nan) -> None:
        """Note an order to stop; `why` says what went wrong on the way to `wanted`, where nobody gave it."""
        with self._guard:
            if not self.is_pending:
                self._since, self._refusal, self._why = time.monotonic(), "", why
                self._wanted = wanted
            self.orders += 1

    def tried(self, refusal: str = "") -> None:
        """Note what the driver said to the order: nothing, or why it cannot."""
        self._refusal = refusal

    def try_soon(self) -> None:
        """Have the axis told to stop once more, as nobody knows what it does now."""
        self._again = time.monotonic()

    def try_twice(self) -> None:
        """Have the axis told once more, as the order may have come before the move that it is to stop."""
        self._again = time.monotonic() + _TWICE_S

    def forget(self, orders: int | None = None) -> bool:
        """Note that the axis is at rest, or is told something else.

        Parameters
        ----------
        orders : int, optional
            How many there were when that was decided: with a newer one nothing is forgotten.

        Returns
        -------
        bool
            False where there is a newer order.
        """
        with self._guard:
            if orders is not None and orders != self.orders:
                return False
            self._seen = self.orders
            self.goes_on, self._why, self._again = False, "", math.inf
            return True

    def is_due_again(self, *, once: bool) -> bool:
        """Return True when the axis is to be told again, for the last time with `once`."""
        now = time.monotonic()
        if now < self._again:
            return False
        self._again = math.inf if once else now + _AGAIN_S
        return True

    def complaint(self, where: str) -> str:
        """Say that the axis goes on; `where` says what is known of its place. It is told to stop again."""
        self.goes_on, self._again = True, time.monotonic() + _AGAIN_S
        what = f"{self._why} and" if self._why else self._name
        return (
            f"{what} could not be stopped{self._because()}: {where}; it is told to stop again and again, "
            "but switch it off if it must not move"
        )

    def blind(self, why: str) -> str:
        """Say that a move that went wrong was broken off, and that nobody knows where."""
        done = f"it could not be stopped{self._because()}" if self._refusal else "it was stopped"
        return f"{self._why}: {why}; {done}, look where it is"

    def verdict(self, position: float, *, arrived: bool | None) -> tuple[MotorState, str]:
        """Say how the axis came to rest.

        Parameters
        ----------
        position : float
            Where it is.
        arrived : bool, optional
            True at the target that it had before, None where that is not known.
        """
        # A place that was not reached must not look like the one that is said to have been wanted.
        place = f"{apart(position, self._wanted)[0]} {self._unit}"
        late = self.goes_on or bool(self._refusal)
        after = f"{time.monotonic() - self._since:.1f} s after it was told to stop{self._because()}"
        if self._why:
            rests = f"it came to rest at {place}, {after}" if late else f"it stopped at {place}"
            return "error", f"{self._why}; {rests}, look at the axis"
        if self._refusal or (self.goes_on and arrived is not False):
            ended = f"it came to rest by itself at {place}, {after}"
            return "error", f"{self._name} could not be stopped: {ended}; look at it before the next move"
        if self.goes_on:
            return "ready", f"{self._name} was stopped at {place}, but only {after}"
        if arrived:
            return "ready", f"{self._name} was at its target, {place}, when it stopped"
        return "ready", f"{self._name} was stopped at {place}"

    def _because(self) -> str:
        return f" ({self._refusal})" if self._refusal else ""
