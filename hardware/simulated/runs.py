"""How often the simulated camera was started: no run is like one before."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType

from magscope_app.datatypes import MatrixBuffer
from magscope_app.devices.context import SharedMatrix

MATRIX = "runs"
#: What a camera that counts its runs names as one of its `shared_matrices`.
SHARED: Mapping[str, tuple[int, int]] = MappingProxyType({MATRIX: (8, 3)})


class Runs:
    """Counts runs and how long the sample has lived: beyond closing, and beyond the camera's process.

    A process that is started again finds them in a matrix of the session, whose rows are number of the run,
    seconds lived before it, ``perf_counter_ns`` at its start. As nobody knows how far the last run came, time
    has gone on since that.

    Attributes
    ----------
    number : int
        1 for the first run of the session; 0 before that.
    earlier_s : float
        How long the sample had lived when the run began.
    lived_s : float
        How long it has lived since; set by whoever lets it live.
    """

    def __init__(self) -> None:
        self.number = 0
        self.earlier_s = self.lived_s = 0.0
        self._matrix: MatrixBuffer | None = None

    def open(self, shared_matrix: SharedMatrix) -> None:
        """Go on where another process was; without a matrix (KeyError) with what this one knows."""
        try:
            self._matrix = shared_matrix(MATRIX)
        except KeyError:
            return
        newest = self._matrix.newest(1)
        if self.number == 0 and len(newest):
            number, earlier_s, start_ns = newest[0].tolist()
            self.number = int(number)
            self.earlier_s = earlier_s + 1e-9 * (time.perf_counter_ns() - start_ns)

    def begin(self) -> None:
        """Begin the next run where the last one ended."""
        self.number += 1
        self.earlier_s += self.lived_s
        self.lived_s = 0.0
        if self._matrix is not None:
            self._matrix.write([[self.number, self.earlier_s, time.perf_counter_ns()]])

    def close(self) -> None:
        """Let go of the matrix and remember the rest. May be called more than once."""
        matrix, self._matrix = self._matrix, None
        if matrix is not None:
            matrix.close()
