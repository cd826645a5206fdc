"""Where the focus was when a frame was taken that is played again, from the dataset that it is of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from magscope_app.storage import open_dataset


class RecordedFocus:
    """Finds the focus of a frame by the time at which it was taken, which replay gives as its device tick.

    Parameters
    ----------
    path : Path
        The dataset.

    Raises
    ------
    MagscopeError
        It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        frames = open_dataset(path).frames()
        ticks, first = np.unique(frames["t_ns"], return_index=True)
        # Exact for 104 days of a session.
        self._ticks = ticks.astype(np.float64)
        self._focus_nm = frames["focus_nm"][first].astype(np.float64)

    @property
    def is_known(self) -> bool:
        """True where any frame says where the focus was."""
        return bool(np.isfinite(self._focus_nm).any())

    def at(self, device_ticks: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return the focus in nm (n,) in the frames with these ticks, in ns of the recording's clock.

        That of a frame which was not tracked lies between those of its neighbours; NaN before the first
        tracked frame and after the last.
        """
        if not len(self._ticks):
            return np.full(device_ticks.shape, np.nan)
        ticks = device_ticks.astype(np.float64)
        return np.interp(ticks, self._ticks, self._focus_nm, left=np.nan, right=np.nan)
