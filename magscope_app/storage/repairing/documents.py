"""The text files of a dataset, and the Z-LUTs: those that are missing, and copies of them in tracks files."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from magscope_app.storage.description import EXIT_STATUSES, describe
from magscope_app.storage.hdf5 import copy_in
from magscope_app.storage.reading.documents import is_loss
from magscope_app.storage.repairing.counting import Circumstances
from magscope_app.storage.repairing.kept_copies import KeptCopies

_CONFIG = "config.toml"
_LEDGER_ENTRY = ("first_id", "count", "where", "why")


def restore_files(source: Path, target: Path, kept: KeptCopies) -> list[str]:
    """Write into `target` what is missing in `source`, or is no text; return what is to be said of it."""
    notes = []
    if (source / "zluts").is_dir():
        (target / "zluts").mkdir(exist_ok=True)
    if (source / _CONFIG).is_file() and not _is_text(source / _CONFIG):
        notes.append(f"{_CONFIG} is no text: it is damaged")
        if _CONFIG in kept.files:
            (target / _CONFIG).unlink()
    for name, content in kept.files.items():
        path = target / name
        if (name != _CONFIG and not name.startswith("zluts/")) or path.exists():
            continue
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        notes.append(f"{name} was taken from a tracks file")
    notes += [f"{name} is missing" for name in (_CONFIG, "zluts") if not (target / name).exists()]
    return notes


def missing_parts(parts: list[Path], about: Circumstances) -> list[str]:
    """Say which folders of images are missing, as far as this can be seen."""
    if about.gone:
        return ["the folder video is missing or empty"]
    numbers = {int(part.name) for part in parts if re.fullmatch("[0-9]{4}", part.name)}
    said = "" if about.each_has_an_image else ": how many frames have images in it is not known"
    absent = [number for number in range(1, max(numbers, default=0)) if number not in numbers]
    return [f"video/{number:04d} is missing{said}" for number in absent]


def made_description(source: Path, kept: KeptCopies, events: list[dict[str, Any]]) -> dict[str, Any]:
    """Return another dataset.json, with what events and tracks files say of the recording."""
    anchor_ns = kept.unix_start_ns or 0
    started = datetime.fromtimestamp(anchor_ns / 1e9, UTC)
    made = describe(source.resolve().name, started, anchor_ns, {})
    modes = [event["mode"] for event in events if isinstance(event.get("mode"), str)]
    losses = [event for event in events if event.get("kind") == "loss" and is_loss(event)]
    known: dict[str, Any] = {"mode": modes[0]} if modes else {}
    status = kept.exit_status if kept.exit_status in EXIT_STATUSES else "running"
    # This program and this computer did not record it.
    return {
        **made,
        **known,
        "ledger": [{key: loss.get(key) for key in _LEDGER_ENTRY} for loss in losses],
        "exit_status": status,
        "versions": {},
        "host": {},
        "git_commit": None,
    }


def explain(folder: Path, tracks: Path) -> None:
    """Copy into a tracks file what explains it, from the folder of its dataset."""
    import h5py

    zluts = sorted((folder / "zluts").glob("*"))
    with h5py.File(tracks, "r+", libver=("v110", "v110"), locking="best-effort") as file:
        copy_in(
            file,
            folder / "events.jsonl",
            [path for path in zluts if path.is_file() and not path.name.startswith(".")],
            [path for path in (folder / _CONFIG,) if path.is_file() and _is_text(path)],
        )


def _is_text(path: Path) -> bool:
    try:
        # HDF5 takes no text with such a character in it.
        return "\0" not in path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
