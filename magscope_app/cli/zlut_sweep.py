"""`magscope-app zlut CONFIG`: a sweep without a window, with its progress."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

from magscope_app.calibration import SweepPlan
from magscope_app.calibration.messages import StartSweep, SweepEnded, SweepProgress
from magscope_app.calibration.saving import text_folder, why_not_path
from magscope_app.cli.progress import ProgressLine
from magscope_app.cli.status_line import StatusLine
from magscope_app.config import LoadedConfig
from magscope_app.errors import MagscopeError
from magscope_app.kernel_cache import ensure_compiled
from magscope_app.messages import LogEntry, Message
from magscope_app.processes.options import EXIT_FAILED, EXIT_OK, Listeners, RunOptions
from magscope_app.processes.preflight import compile_targets, load_ready
from magscope_app.processes.supervisor import Supervisor
from magscope_app.processes.sweeps import sweep_problems

_BAR = 30
#: A sweep is made because there is no Z-LUT that fits, and nothing but the sweep is to run.
_ONLY_THE_SWEEP = (
    "tracking.zlut=",
    "experiment.protocol=",
    "recording.start=false",
    "xy_lock.on=false",
    "z_lock.on=false",
    "drift.on=false",
)
#: Longer times are told in minutes.
_MINUTES_FROM_S = 120.0


def load_for_sweep(config: str, overrides: Sequence[str]) -> LoadedConfig:
    """Read a config without what a sweep does without; ConfigError with everything else that is wrong."""
    return load_ready(config, (*overrides, *_ONLY_THE_SWEEP), None, None)


def sweep(config: str, overrides: Sequence[str], plan: SweepPlan, out: Path, overwrite: bool) -> int:
    """Run a config only for a sweep; print what came of it and return the exit code.

    The focus settles as the config says, whatever the plan does.
    Its Z-LUT is not looked at, and it starts no lock, no protocol and no recording.

    Raises
    ------
    MagscopeError
        Something is wrong with what was given; nothing was moved.
    """
    out = out.expanduser().absolute()
    loaded = load_for_sweep(config, overrides)
    plan = plan.settled_as(loaded.config.calibration)
    problems = [*plan.problems(), *sweep_problems(loaded.config)]
    problems += [reason] if (reason := why_not_path(out, overwrite=overwrite)) is not None else []
    if problems:
        raise MagscopeError("\n".join(problems))
    said = StatusLine()
    said.say(
        "a sweep alone: the config's Z-LUT is not used, and no lock, protocol or recording begins with it"
    )
    ensure_compiled(compile_targets(loaded.config), said.say)
    with ProgressLine() as line:
        listener = _Listener(line, said)
        options = RunOptions(headless=True, command=StartSweep(plan, out, overwrite))
        listeners = Listeners(listener.on_log, lambda _status: None, listener.on_news)
        result = Supervisor(loaded, options, listeners).run()
    ended = listener.ended
    for report in ended[-1].reports if ended else ():
        print(report.describe())
    if ended and ended[-1].saved is not None:
        kept = sum(report.verdict == "good" for report in ended[-1].reports)
        print(f"{kept} Z-LUTs in {ended[-1].saved}, as text in {text_folder(ended[-1].saved)}")
        print(f"the sweep's images are in {ended[-1].dataset}")
    if result.error and not (sys.stderr and sys.stderr.isatty()):
        print(result.error, file=sys.stderr)
    if result.exit_code == EXIT_OK and not (ended and ended[-1].saved):
        return EXIT_FAILED
    return result.exit_code


class _Listener:
    """Prints the log, and how far the sweep is: a bar, or where there is no terminal, what it does."""

    def __init__(self, line: ProgressLine, said: StatusLine) -> None:
        self._line = line
        self._said = said
        self._phase = ""
        self.ended: list[SweepEnded] = []

    def on_log(self, entry: LogEntry) -> None:
        self._line.clear()
        self._said.log(entry)

    def on_news(self, message: Message) -> None:
        if isinstance(message, SweepEnded):
            self.ended.append(message)
        elif isinstance(message, SweepProgress):
            self._line.show(_bar(message), message.done / max(1, message.total))
            if not self._line.is_shown and message.phase != self._phase:
                self._said.say(message.text)
            self._phase = message.phase


def _bar(message: SweepProgress) -> str:
    done = round(_BAR * message.done / max(1, message.total))
    return f"[{'#' * done}{'.' * (_BAR - done)}] {message.text}{_left(message.left_s)}"


def _left(seconds: float) -> str:
    if not math.isfinite(seconds):
        return ""
    return f", {seconds:.0f} s left" if seconds < _MINUTES_FROM_S else f", {seconds / 60:.0f} min left"
