"""A stage of Micro-Manager whose moves wait for their end, and that notes its stops."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from hardware.micromanager.xy_stage import MicroManagerStageY

#: Names the file into which the times of the stops go.
VARIABLE = "MAGSCOPE_TEST_STOPS"
_PATIENCE_MS = 60_000


class WaitingStageY(MicroManagerStageY):
    """`start_move` returns when the stage has arrived; `close` writes when its stops were done, in ns."""

    stopped_ns: list[int]

    def open(self) -> None:
        super().open()
        self.stopped_ns = []

    def start_move(self, position: float) -> None:
        core = self._opened()
        core.setTimeoutMs(_PATIENCE_MS)
        super().start_move(position)
        core.waitForDevice(self._label)

    def stop(self) -> None:
        super().stop()
        self.stopped_ns.append(time.perf_counter_ns())

    def close(self) -> None:
        if self._core is not None and VARIABLE in os.environ:
            Path(os.environ[VARIABLE]).write_text(json.dumps(self.stopped_ns))
        super().close()
