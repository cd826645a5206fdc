"""A sound copy of a damaged dataset."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from magscope_app.errors import MagscopeError
from magscope_app.storage.atomic import write_atomically
from magscope_app.storage.description import describe
from magscope_app.storage.event_log import as_json
from magscope_app.storage.hdf5 import copy_in
from magscope_app.storage.reading.documents import read_description, read_events
from magscope_app.storage.reading.hdf5_view import read_hdf5
from magscope_app.storage.reading.images import INDEX_NAME
from magscope_app.storage.reading.tracks_parts import tracks_paths
from magscope_app.storage.repairing.copying import Progress, copy, share
from magscope_app.storage.repairing.counting import Found, recount
from magscope_app.storage.repairing.tracks import repair_tracks
from magscope_app.storage.repairing.video import repair_part

_WRITTEN_ANEW = frozenset({"dataset.json", "events.jsonl", "video"})


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What a repair found.

    Attributes
    ----------
    path : Path
        The copy.
    n_frames : int
        Frames with tracks.
    n_images : int
        Images.
    notes : tuple of str
        What was wrong, was put right or is missing; empty if nothing was.
    """

    path: Path
    n_frames: int
    n_images: int
    notes: tuple[str, ...]


def repair_dataset(path: Path, out: Path | None = None, progress: Progress | None = None) -> RepairReport:
    """Write a sound copy with everything that can be read; the original is not changed.

    TIFF files that need no change are shared with the original where the file system can do that.

    Parameters
    ----------
    path : Path
        The dataset's folder.
    out : Path, optional
        The copy, which must not exist; the folder's name with _repaired added by default.
    progress : callable, optional
        Told what is done and which share of it, from 0 to 1.

    Raises
    ------
    MagscopeError
        If `path` holds nothing of a dataset, if it is still recorded, or if the copy cannot be written.
    """
    if not path.is_dir():
        raise MagscopeError(f"{path} is no folder: give the folder of a dataset")
    target = out if out is not None else path.with_name(f"{path.resolve().name}_repaired")
    if target.exists():
        raise MagscopeError(f"{target} exists already: give another folder with --out")
    if path.resolve() in target.resolve().parents:
        raise MagscopeError(f"{target} lies in the dataset itself: give another folder with --out")
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        sizes = _sizes(path)
        unfinished.mkdir(parents=True)
        report = _Repair(path, unfinished, progress or _no_progress).run()
        if _sizes(path) != sizes:
            raise MagscopeError(f"{path} is still being recorded: repair it when the recording has ended")
        unfinished.rename(target)
    except OSError as error:
        raise MagscopeError(
            f"{path} could not be repaired into {target} ({error}); check both disks, or give another --out"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return RepairReport(target, report.n_frames, report.n_images, report.notes)


@dataclass
class _Repair:
    source: Path
    target: Path
    progress: Progress
    notes: list[str] = field(default_factory=list)

    def run(self) -> RepairReport:
        tracks = tracks_paths(self.source)
        parts = sorted(part for part in (self.source / "video").glob("*") if part.is_dir())
        if not (tracks or parts or (self.source / "dataset.json").is_file()):
            raise MagscopeError(f"{self.source} holds nothing of a dataset: give another folder")
        description = self._description(tracks)
        self._copy_the_rest({path.name for path in tracks})
        self._save_events()
        foreign = self._foreign_storage(description)
        images = [] if foreign else [self._part(part) for part in parts]
        frames = [self._tracks(path, int(description["clock"]["unix_start_ns"])) for path in tracks]
        mode = str(description.get("mode", ""))
        found = Found(
            _joined(frames) if "Track" in mode or (not mode and frames) else None,
            None if foreign else _joined(images) if "Video" in mode or (not mode and images) else None,
        )
        self._save_description(description, found, foreign=foreign)
        return RepairReport(
            self.target, len(_joined(frames)), sum(map(len, images)), tuple(dict.fromkeys(self.notes))
        )

    def _description(self, tracks: list[Path]) -> dict[str, Any]:
        try:
            return read_description(self.source)
        except MagscopeError as error:
            self.notes.append(f"dataset.json was written anew, without config and devices ({error})")
        anchor_ns = 0
        for path in tracks[:1]:
            try:
                anchor_ns = read_hdf5(path, lambda file: int(file["tracking"].attrs["recording_start_ns"]))
            except MagscopeError:
                self.notes.append("the time at which the recording began is unknown: times count from 1970")
        started = datetime.fromtimestamp(anchor_ns / 1e9, UTC)
        made = describe(self.source.resolve().name, started, anchor_ns, {})
        # This program and this computer did not record it.
        return {**made, "versions": {}, "host": {}, "git_commit": None}

    def _copy_the_rest(self, tracks: set[str]) -> None:
        for path in sorted(self.source.rglob("*")):
            name = path.relative_to(self.source)
            if name.parts[0] in _WRITTEN_ANEW | tracks or not path.is_file():
                continue
            (self.target / name).parent.mkdir(parents=True, exist_ok=True)
            copy(path, self.target / name, self.progress)

    def _foreign_storage(self, description: dict[str, Any]) -> bool:
        """Copy images that only a storage of the user's own can read, as they are."""
        storage, video = description.get("video_storage"), self.source / "video"
        if not isinstance(storage, str) or any(video.rglob(INDEX_NAME)):
            return False
        for path in sorted(video.rglob("*")):
            if path.is_file():
                target = self.target / path.relative_to(self.source)
                target.parent.mkdir(parents=True, exist_ok=True)
                share(path, target, self.progress)
        self.notes.append(f"the images, which only {storage} can read, were copied as they are")
        return True

    def _save_events(self) -> None:
        events, n_damaged = read_events(self.source)
        if n_damaged:
            self.notes.append(f"{n_damaged} lines of events.jsonl cannot be read")
        if (self.source / "events.jsonl").exists():
            lines = [as_json(event) + b"\n" for event in events]
            (self.target / "events.jsonl").write_bytes(b"".join(lines))

    def _part(self, part: Path) -> list[int]:
        repaired = repair_part(part, self.target / "video" / part.name, self.progress)
        self.notes += repaired.notes
        times = (entry.coordinates.get("time") for entry in repaired.entries)
        return [time for time in times if isinstance(time, int) and 0 <= time < 2**63]

    def _tracks(self, path: Path, unix_start_ns: int) -> list[int]:
        target = self.target / path.name
        try:
            repaired = repair_tracks(path, target, unix_start_ns, self.progress)
        except MagscopeError as error:
            target.unlink(missing_ok=True)
            if shutil.disk_usage(self.target).free < 2**26:
                raise
            self.notes.append(f"nothing of {path.name} can be read ({error})")
            return []
        self.notes += repaired.notes
        self._explain(target)
        ids: list[int] = repaired.frame_ids.astype(np.int64).tolist()
        return ids

    def _explain(self, target: Path) -> None:
        import h5py

        zluts = self.target / "zluts"
        documents = [self.target / "config.toml"]
        with h5py.File(target, "r+", libver=("v110", "v110"), locking="best-effort") as file:
            copy_in(
                file,
                self.target / "events.jsonl",
                [path for path in zluts.glob("*") if path.is_file() and not path.name.startswith(".")],
                [path for path in documents if path.exists() and _is_text(path)],
            )

    def _save_description(self, description: dict[str, Any], found: Found, *, foreign: bool) -> None:
        counted = found.plausible(description.get("start_frame_id"))
        if odd := len(found.every) - len(counted.every):
            self.notes.append(f"{odd} frames have ids that cannot be right: they are kept, but not counted")
        counters, ledger = recount(description, counted)
        status = description["exit_status"]
        whole = status != "running" and (
            foreign or counters["frames_recorded"] == description["counters"].get("frames_recorded")
        )
        if not whole:
            self.notes += [
                f"{loss['count']} frames from {loss['first_id']} on are missing ({loss['where']})"
                for loss in ledger
                if loss not in description["ledger"]
            ]
            changed = {
                "counters": counters,
                "ledger": ledger,
                "exit_status": "interrupted" if status == "running" else status,
            }
            description = {**description, **changed}
        description["repaired"] = {"utc": datetime.now(UTC).isoformat(), "notes": self.notes}
        write_atomically(self.target / "dataset.json", as_json(description, indent=2))


def _joined(parts: list[list[int]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.unique(np.array([frame_id for part in parts for frame_id in part], np.int64))


def _is_text(path: Path) -> bool:
    try:
        path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return True


def _sizes(path: Path) -> dict[Path, int]:
    return {file: file.stat().st_size for file in path.rglob("*") if file.is_file()}


def _no_progress(what: str, done: float) -> None:
    """Tell nobody."""
