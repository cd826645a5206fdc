"""Where the focus was when a frame was taken, from its telemetry."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from magscope_app.datatypes import MatrixBuffer

#: Positions that are looked at; at 50 Hz more than a second.
_ROWS = 64


class FocusHistory:
    """Interpolates the focus position at given times.

    Parameters
    ----------
    telemetry : MatrixBuffer
        TELEMETRY_COLUMNS of the focus; closed by `close`.
    """

    def __init__(self, telemetry: MatrixBuffer) -> None:
        self._telemetry = telemetry

    def at(self, t_ns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the focus in nm at session times `t_ns`; the last known one for newer times, else NaN."""
        rows = self._telemetry.newest(_ROWS)
        if not len(rows):
            return np.full(t_ns.shape, np.nan)
        return np.interp(t_ns, rows[:, 0], rows[:, 1])

    def close(self) -> None:
        """Detach."""
        self._telemetry.close()
