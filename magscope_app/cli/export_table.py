"""Tracks as one table: one row per bead and frame, with the position of every motor."""

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


def write_csv(dataset: Dataset, target: Path, progress: ProgressLine) -> int:
    """Write the table as CSV, block by block, so that numbers read back as they were; return its rows."""
    count = 0
    with target.open("x", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for columns in _blocks(dataset, progress):
            if not count:
                writer.writerow(columns)
            writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
            count += len(columns["frame_id"])
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
            count += len(columns["frame_id"])
    finally:
        if writer is not None:
            writer.close()
    return count


def _blocks(dataset: Dataset, progress: ProgressLine) -> Iterator[dict[str, NDArray[Any]]]:
    frames = dataset.frames()
    total, count = int(frames["n_beads"].sum()), 0
    if not total:
        raise MagscopeError(f"{dataset.path} holds no tracks to export")
    telemetry = {
        f"{device}_{about.get('unit', 'position')}": dataset.telemetry(device)
        for device, about in dataset.devices.items()
    }
    for block in dataset.tracks_blocks():
        columns = {name: np.ascontiguousarray(block[name]) for name in block.dtype.names or ()}
        for name, rows in telemetry.items():
            # A motor must not hide a column of the tracks, such as focus_nm.
            free = name if name not in columns else f"motor_{name}"
            columns[free] = np.ascontiguousarray(at_times(rows, block["t_ns"])["position"])
        count += len(block)
        progress.show("writing rows", count / total)
        yield columns
