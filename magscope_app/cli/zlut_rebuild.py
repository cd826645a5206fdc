"""`magscope-app zlut rebuild`: the Z-LUTs of a recorded sweep, made anew."""

from __future__ import annotations

from pathlib import Path

from magscope_app.calibration.build import BuildSettings, build_zluts
from magscope_app.calibration.saving import save_zluts, why_not_path
from magscope_app.cli.progress import ProgressLine
from magscope_app.errors import MagscopeError
from magscope_app.storage import open_dataset


def rebuild(dataset: Path, settings: BuildSettings, out: Path | None, overwrite: bool) -> int:
    """Make and save the good Z-LUTs of a sweep, beside it by default; print all reports and return 0.

    Raises
    ------
    MagscopeError
        It is no sweep, no Z-LUT is good, or the file cannot be written.
    """
    found = open_dataset(dataset).path.resolve()
    path = out if out is not None else found.with_name(f"{found.name}.npz")
    if (reason := why_not_path(path, overwrite=overwrite)) is not None:
        raise MagscopeError(reason)
    with ProgressLine() as line:
        result = build_zluts(dataset, settings, line.show)
    for report in result.reports:
        print(report.describe())
    if result.drift is not None:
        print(result.drift.text)
    zluts = result.require_good()
    folder = save_zluts(zluts, path, overwrite=overwrite)
    print(f"{len(zluts)} Z-LUTs in {path}, as text in {folder}")
    return 0
