"""`magscope-app export`: a dataset in formats that other programs read."""

from __future__ import annotations

import contextlib
import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from magscope_app.cli.export_table import content_of, write_csv, write_parquet
from magscope_app.cli.progress import ProgressLine
from magscope_app.errors import MagscopeError
from magscope_app.storage import Dataset, open_dataset
from magscope_app.storage.event_log import plain

FORMATS: Final = {"csv": ".csv", "parquet": ".parquet", "tiff": ".tif"}


def export(path: str | Path, format: str, out: str | Path | None = None) -> int:  # noqa: A002 - the option's name
    """Write tracks as one table, or the video as one TIFF file.

    Parameters
    ----------
    path : str or Path
        The dataset's folder.
    format : str
        ``"csv"`` or ``"parquet"``: one row per bead and frame, and the position of every motor; in a dataset
        without beads one row per frame, in one without frames one per state of a motor. ``"tiff"``: all
        images, 64-bit offsets.
    out : str or Path, optional
        The file, which must not exist; beside the dataset and named after it by default.

    Returns
    -------
    int
        0.

    Raises
    ------
    MagscopeError
        If the dataset is damaged or holds nothing to export, if a library is missing, or the disk is full.
    """
    if format not in FORMATS:
        raise MagscopeError(f"{format!r} is no format for exports; choose one of {', '.join(FORMATS)}")
    dataset = open_dataset(path)
    folder = Path(path).resolve()
    target = Path(out) if out is not None else folder.with_name(folder.name + FORMATS[format])
    if target.exists():
        raise MagscopeError(f"{target} exists already: give another file with --out")
    unfinished = target.with_name(f".{target.name}.unfinished")
    write: dict[str, Callable[[Dataset, Path, ProgressLine], int]] = {
        "csv": write_csv,
        "parquet": write_parquet,
        "tiff": _write_tiff,
    }
    try:
        with ProgressLine() as progress:
            count = write[format](dataset, unfinished, progress)
        unfinished.replace(target)
    except OSError as error:
        raise MagscopeError(_why_not_written(target, error)) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
    print(f"{target}: {count} {_things(dataset, format)}")
    return 0


def _why_not_written(target: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            f"the disk of {target} is full: nothing was exported; free some space or give --out another disk"
        )
    if not target.parent.is_dir():
        return f"the folder {target.parent} does not exist: make it, or give another file with --out"
    if isinstance(error, PermissionError):
        return f"{target.parent} cannot be written to: give a file in a folder of your own with --out"
    return (
        f"{target} could not be written ({error.strerror or error}): nothing was exported; check the disk, "
        "or give another file with --out"
    )


def _things(dataset: Dataset, format: str) -> str:  # noqa: A002 - the option's name
    if format == "tiff":
        return "images"
    return {
        "tracks": "rows",
        "frames": "rows, one per frame: no beads were tracked",
        "telemetry": "rows of the motors: no frames were tracked",
    }[content_of(dataset)]


def _write_tiff(dataset: Dataset, target: Path, progress: ProgressLine) -> int:
    import tifffile

    coordinates = list(dataset.coordinates())
    if not coordinates:
        raise MagscopeError(f"{dataset.path} holds no images to export")
    with tifffile.TiffWriter(target, bigtiff=True) as writer:
        for number, one in enumerate(coordinates):
            about = json.dumps({**one.coordinate_dict, "metadata": dataset.get_metadata(one)}, default=plain)
            writer.write(
                dataset.get_data(one),
                photometric="minisblack",
                contiguous=False,
                metadata=None,
                description=about,
            )
            progress.show("writing images", (number + 1) / len(coordinates))
    return len(coordinates)
