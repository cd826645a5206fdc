"""`magscope-app check`: what is wrong with a config and its devices, without moving anything."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from itertools import groupby

from magscope_app.config import Config
from magscope_app.kernel_cache import ensure_compiled
from magscope_app.processes.connecting import Connected, connect_all
from magscope_app.processes.preflight import driver_targets, load_ready, require_answers

_FAILED = 1


def check(config: str, overrides: Sequence[str], connect: bool = False) -> int:
    """Print that a config is fine; every problem is raised at once.

    Parameters
    ----------
    config : str
        The file.
    overrides : sequence of str
        ``section.key=value``.
    connect : bool
        Open every device, too, and close it again.

    Returns
    -------
    int
        0, or 1 where a device could not be opened.

    Raises
    ------
    MagscopeError
        With one line per problem: file, key, what would be right.
    """
    # What drivers print when they are imported is no part of what was found.
    with redirect_stdout(sys.stderr):
        loaded = load_ready(config, overrides, None, None)
        require_answers(loaded, config)
    for said in _doubts(loaded.config):
        print(f"{loaded.path}: tracking.zlut: {said}")
    if not connect:
        print(f"{loaded.path}: no problems found (devices were not opened)")
        return 0
    ensure_compiled(driver_targets(loaded.config), print)
    results = connect_all(loaded.config)
    print(f"{loaded.path}\n{tree(results)}")
    failed = [result.name for result in results if not result.is_open]
    warned = [result.name for result in results if result.warning]
    found = f"see to {', '.join(warned)}" if warned else "no problems found"
    print(
        f"{len(failed)} of {len(results)} devices could not be opened: {', '.join(failed)}"
        if failed
        else f"{found}; all {len(results)} devices were opened and closed, nothing was moved"
    )
    return _FAILED if failed else 0


def _doubts(config: Config) -> list[str]:
    """Return what is no problem, but should be known of the Z-LUTs."""
    if config.tracking.zlut is None:
        return []
    # Numbers and tables: whoever has no Z-LUT does not wait for them.
    from magscope_app.processes.calibration_doubts import calibration_doubts
    from magscope_app.processes.calibration_file import load_calibration
    from magscope_app.processes.camera_noise import correction_files

    return calibration_doubts(load_calibration(config.tracking.zlut), config, correction_files(config))


def tree(results: Sequence[Connected]) -> str:
    """Return what came of every device, by the process in which it lives."""
    groups = [(process, list(members)) for process, members in groupby(results, lambda one: one.process)]
    lines = []
    for index, (process, members) in enumerate(groups):
        last = index == len(groups) - 1
        lines.append(f"{'└' if last else '├'}─ {process}")
        for number, result in enumerate(members):
            branch = "└" if number == len(members) - 1 else "├"
            said = "FAILED" if not result.is_open else "WARN" if result.warning else "ok"
            text = "; ".join(filter(None, (result.text, result.warning)))
            stem = f"{' ' if last else '│'}  {branch}─"
            lines.append(f"{stem} {said:6}  {result.name}  {result.driver}: {text}")
    return "\n".join(lines)
