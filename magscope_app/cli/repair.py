"""`magscope-app repair`: save what a killed or damaged recording still holds."""

from __future__ import annotations

from pathlib import Path

from magscope_app.cli.progress import ProgressLine
from magscope_app.storage.repairing import repair_dataset


def repair(path: str | Path, out: str | Path | None = None) -> int:
    """Write a sound copy of a dataset and print what was wrong; the original is not changed.

    Parameters
    ----------
    path : str or Path
        The dataset's folder.
    out : str or Path, optional
        The copy, which must not exist; the folder's name with _repaired added by default.

    Returns
    -------
    int
        0.

    Raises
    ------
    MagscopeError
        If there is nothing to repair, or the copy cannot be written.
    """
    with ProgressLine() as progress:
        report = repair_dataset(Path(path), None if out is None else Path(out), progress.show)
    for note in report.notes:
        print(f"note: {note}")
    print(f"{report.path}: {report.n_frames} frames with tracks, {report.n_images} images")
    return 0
