"""Where the focus was when a frame was taken, from its telemetry."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from magscope_app.datatypes import MatrixBuffer

#: Positions that are looked at: more than a second while the focus moves.
_ROWS = 256


class FocusHistory:
    """Interpolates the focus position at given times.

    Parameters
    ----------
    telemetry : MatrixBuffer
        TELEMETRY_COLUMNS of the focus; closed by `close`.
    exposure_s : float
        Of a frame: the focus is that in the middle of the exposure.
    """

    def __init__(self, telemetry: MatrixBuffer, exposure_s: float = 0.0) -> None:
        self._telemetry = telemetry
        self.expose(exposure_s)

    def expose(self, exposure_s: float) -> None:
        """Take this for the exposure of frames from now on, also of those that wait in the ring."""
        self._before_end_ns = 0.5e9 * exposure_s

    def at(self, t_ns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the focus in nm in frames that end at session times `t_ns`, the last known one for newer.

        NaN where nothing is known of the focus.
        """
        rows = self._telemetry.newest(_ROWS)
        if not len(rows):
            return np.full(t_ns.shape, np.nan)
        return np.interp(t_ns - self._before_end_ns, rows[:, 0], rows[:, 1])

    def close(self) -> None:
        """Detach."""
        self._telemetry.close()
