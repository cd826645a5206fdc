"""The commands that read datasets: info, export, repair."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_dataset_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands; each sets ``command``, which takes the parsed arguments and returns the exit code."""
    info = commands.add_parser(
        "info",
        help="say what a dataset holds and how complete it is",
        description="Print counters, gaps, duration, beads and video of a dataset, also while it grows.",
    )
    _add_dataset(info)
    info.add_argument("--json", action="store_true", help="print one JSON object")
    info.set_defaults(command=_info)
    export = commands.add_parser(
        "export",
        help="write a dataset in formats that other programs read",
        description="Write tracks and motor positions as one table, or the video as one TIFF file.",
    )
    _add_dataset(export)
    export.add_argument("--format", choices=["csv", "parquet", "tiff"], required=True, help="what to write")
    export.add_argument(
        "--out", type=Path, metavar="FILE", help="the file (default: beside the dataset, named after it)"
    )
    export.set_defaults(command=_export)
    repair = commands.add_parser(
        "repair",
        help="save what a killed or damaged recording still holds",
        description="Write a sound copy of a dataset with every frame and row that can be read, and say what "
        "is missing. The original is not changed.",
    )
    _add_dataset(repair)
    repair.add_argument(
        "--out", type=Path, metavar="COPY", help="the copy (default: the dataset's name with _repaired added)"
    )
    repair.set_defaults(command=_repair)


def _add_dataset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="the folder of a dataset")


def _info(parsed: argparse.Namespace) -> int:
    from magscope_app.cli.info import info

    return info(parsed.dataset, parsed.json)


def _export(parsed: argparse.Namespace) -> int:
    from magscope_app.cli.export import export

    return export(parsed.dataset, parsed.format, parsed.out)


def _repair(parsed: argparse.Namespace) -> int:
    from magscope_app.cli.repair import repair

    return repair(parsed.dataset, parsed.out)
