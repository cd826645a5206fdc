"""`magscope-app zlut CONFIG`: a sweep without a window, with its progress."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from magscope_app.calibration import SweepPlan
from magscope_app.calibration.messages import StartSweep, SweepEnded, SweepProgress
from magscope_app.calibration.saving import text_folder, why_not_path
from magscope_app.cli.progress import ProgressLine
from magscope_app.cli.status_line import StatusLine
from magscope_app.errors import MagscopeError
from magscope_app.kernel_cache import ensure_compiled
from magscope_app.messages import Message
from magscope_app.processes.options import EXIT_FAILED, EXIT_OK, Listeners, RunOptions
from magscope_app.processes.preflight import compile_targets, load_ready
from magscope_app.processes.supervisor import Supervisor
from magscope_app.processes.sweeps import sweep_problems

_BAR = 30


def sweep(config: str, overrides: Sequence[str], plan: SweepPlan, out: Path) -> int:
    """Run a config only for a sweep; print what came of it and return the exit code.

    Raises
    ------
    MagscopeError
        Something is wrong with what was given; nothing was moved.
    """
    out = out.expanduser().absolute()
    loaded = load_ready(config, overrides, None, None)
    problems = [*plan.problems(), *sweep_problems(loaded.config)]
    problems += [reason] if (reason := why_not_path(out)) is not None else []
    if problems:
        raise MagscopeError("\n".join(problems))
    said = StatusLine()
    ensure_compiled(compile_targets(loaded.config), said.say)
    ended: list[SweepEnded] = []
    with ProgressLine() as line:

        def on_news(message: Message) -> None:
            if isinstance(message, SweepProgress):
                line.show(_bar(message), message.done / max(1, message.total))
            elif isinstance(message, SweepEnded):
                ended.append(message)

        options = RunOptions(headless=True, command=StartSweep(plan, out))
        listeners = Listeners(said.log, lambda _status: None, on_news)
        result = Supervisor(loaded, options, listeners).run()
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


def _bar(message: SweepProgress) -> str:
    done = round(_BAR * message.done / max(1, message.total))
    left = f", {message.left_s:.0f} s left" if message.left_s == message.left_s else ""
    return f"[{'#' * done}{'.' * (_BAR - done)}] {message.text}{left}"
