"""A run that also takes orders from a file: ``python -m tests.faults.commanded ORDERS CONFIG …``.

As `magscope-app run`, for what only a window can order: ``sweep`` and ``lock``. Prints how a sweep goes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from magscope_app.calibration import SweepPlan
from magscope_app.calibration.messages import StartSweep, SweepEnded, SweepProgress
from magscope_app.cli.status_line import StatusLine, summarize
from magscope_app.datatypes import MatrixBuffer
from magscope_app.kernel_cache import ensure_compiled
from magscope_app.messages import Message, SystemStatus
from magscope_app.messages.locks import SwitchZLock
from magscope_app.processes.options import Listeners, RunOptions
from magscope_app.processes.preflight import compile_targets, load_ready
from magscope_app.processes.supervisor import Supervisor

#: Seconds long, so that something can happen in between.
PLAN = SweepPlan(-200, 220, 60, 20, force_pn=None)


class Commanded:
    """Runs a config and does what is written to a file; what is written there is removed."""

    def __init__(self, parsed: argparse.Namespace) -> None:
        self._orders: Path = parsed.orders
        self._line = StatusLine()
        self._from_nm = float("nan")
        options = RunOptions(parsed.headless, None, parsed.record)
        loaded = load_ready(parsed.config, parsed.overrides, options.record, None)
        ensure_compiled(compile_targets(loaded.config), self._line.say)
        listeners = Listeners(self._line.log, self._on_status, self._on_news)
        self._supervisor = Supervisor(loaded, options, listeners)

    def run(self) -> int:
        result = self._supervisor.run()
        self._line.say(summarize(result))
        if result.error:
            print(result.error, file=sys.stderr)
        return result.exit_code

    def _on_status(self, status: SystemStatus) -> None:
        self._line.show(status)
        if not self._orders.exists():
            return
        order = self._orders.read_text(encoding="utf-8")
        self._orders.unlink()
        if order == "sweep":
            self._from_nm = self._focus_nm()
        self._supervisor.command(StartSweep(PLAN) if order == "sweep" else SwitchZLock(True, (0,)))

    def _on_news(self, message: Message) -> None:
        if isinstance(message, SweepProgress):
            print(f"sweep: {message.text}", flush=True)
        elif isinstance(message, SweepEnded):
            how = "failed" if message.error else "cancelled" if message.cancelled else "kept"
            print(f"sweep {how}, focus from {self._from_nm:.0f} to {self._focus_nm():.0f} nm", flush=True)

    def _focus_nm(self) -> float:
        """Return where the focus is, by its telemetry."""
        telemetry: MatrixBuffer = self._supervisor._segments._handles.telemetry("focus")
        try:
            return float(telemetry.newest(1)[0, 1])
        finally:
            telemetry.close()


def main() -> int:
    """Take the arguments of `magscope-app run`, as far as the rigs need them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("orders", type=Path)
    parser.add_argument("config")
    parser.add_argument("--headless", action="store_true")
    parser.add_argument("--record", type=Path)
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    return Commanded(parser.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())
