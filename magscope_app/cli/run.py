"""`magscope-app run`: from a config file to a running microscope."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from magscope_app.cli.display import why_no_window
from magscope_app.cli.status_line import StatusLine, summarize
from magscope_app.kernel_cache import ensure_compiled
from magscope_app.processes.options import Listeners, RunOptions
from magscope_app.processes.preflight import compile_targets, load_ready
from magscope_app.processes.supervisor import Supervisor


def run(
    config: str,
    overrides: Sequence[str],
    headless: bool,
    duration_s: float | None,
    record: Path | None,
    name: str | None,
) -> int:
    """Check a config, run it, print the summary; returns the exit code.

    Raises
    ------
    MagscopeError
        Something is wrong with what was given; nothing was created.
    """
    options = RunOptions(headless, duration_s, record.expanduser().absolute() if record else None, name)
    loaded = load_ready(config, overrides, options.record, options.name)
    line = StatusLine()
    if not headless and (reason := why_no_window()) is not None:
        line.say(reason)
        options = replace(options, headless=True)
    ensure_compiled(compile_targets(loaded.config), line.say)
    result = Supervisor(loaded, options, Listeners(line.log, line.show)).run()
    if result.counters.frames_acquired:
        line.say(summarize(result))
    elif not result.error:
        line.say("ended before the first frame")
    if result.error and not (sys.stderr and sys.stderr.isatty()):
        # A terminal has shown it already, when it happened.
        print(result.error, file=sys.stderr)
    return result.exit_code
