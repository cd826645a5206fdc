"""Tracks as one table: one row per bead and frame, with the position of every motor.

Without tracks the table has one row per frame, and without frames one per state of a motor.
"""

from __future__ import annotations

import csv
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magscope_app.cli.progress import ProgressLine
from magscope_app.errors import MagscopeError
from magscope_app.storage import Dataset
from magscope_app.storage.reading.telemetry import at_times


def content_of(dataset: Dataset) -> str:
    """Return ``"tracks"``, ``"frames"`` or ``"telemetry"``: what there is; MagscopeError if nothing is."""
    frames = dataset.frames()
    if frames["n_beads"].any():
        return "tracks"
    if len(frames):
        return "frames"
    if any(len(dataset.telemetry(device)) for device in dataset.devices):
        return "telemetry"
    raise MagscopeError(
        f"{dataset.path} holds no tracks, frames or telemetry to export; its images: --format tiff"
    )


def write_csv(dataset: Dataset, target: Path, progress: ProgressLine) -> int:
    """Write the table as CSV, block by block, so that numbers read back as they were; return its rows."""
    count, is_headed = 0, False
    with target.open("x", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for columns in _blocks(dataset, progress):
            if not is_headed:
                writer.writerow(columns)
                is_headed = True
            writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
            count += len(next(iter(columns.values())))
    return count


def write_parquet(dataset: Dataset, target: Path, progress: ProgressLine) -> int:
    """Write the table as Parquet; return its rows. MagscopeError if pyarrow is not installed."""
    try:
        arrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise MagscopeError("pyarrow is not installed: pip install pyarrow, or export as csv") from error
    count, writer = 0, None
    try:
        for columns in _blocks(dataset, progress):
            table = arrow.table(columns)
            writer = writer or parquet.ParquetWriter(target, table.schema)
            writer.write_table(table)
            count += len(next(iter(columns.values())))
    finally:
        if writer is not None:
            writer.close()
    return count


def _blocks(dataset: Dataset, progress: ProgressLine) -> Iterator[dict[str, NDArray[Any]]]:
    content = content_of(dataset)
    if content == "telemetry":
        yield from _telemetry_blocks(dataset)
        return
    frames = dataset.frames()
    total, count = int(frames["n_beads"].sum()) if content == "tracks" else len(frames), 0
    telemetry = {
        f"{device}_{about.get('unit', 'position')}": dataset.telemetry(device)
        for device, about in dataset.devices.items()
    }
    for block in dataset.tracks_blocks() if content == "tracks" else [frames]:
        columns = {name: np.ascontiguousarray(block[name]) for name in block.dtype.names or ()}
        for name, rows in telemetry.items():
            # A motor must not hide a column of the tracks, such as focus_nm.
            free = name if name not in columns else f"motor_{name}"
            columns[free] = np.ascontiguousarray(at_times(rows, block["t_ns"])["position"])
        count += len(block)
        progress.show("writing rows", count / total)
        yield columns


def _telemetry_blocks(dataset: Dataset) -> Iterator[dict[str, NDArray[Any]]]:
    for device in dataset.devices:
        rows = dataset.telemetry(device)
        yield {
            "device": np.full(len(rows), device),
            **{name: np.ascontiguousarray(rows[name]) for name in rows.dtype.names or ()},
        }
