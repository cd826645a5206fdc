"""A sound copy of a damaged dataset."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from magscope_app.data import FrozenDataCoordinates
from magscope_app.errors import MagscopeError
from magscope_app.storage.atomic import write_atomically
from magscope_app.storage.event_log import as_json
from magscope_app.storage.reading.documents import read_description, read_events
from magscope_app.storage.reading.images import INDEX_NAME
from magscope_app.storage.reading.tracks_parts import tracks_paths
from magscope_app.storage.repairing.copying import Progress, copy, share
from magscope_app.storage.repairing.counting import NOT_KNOWN, Circumstances, lessen
from magscope_app.storage.repairing.documents import explain, made_description, missing_parts, restore_files
from magscope_app.storage.repairing.found import Found, FoundBook, FoundImage, FoundVideo
from magscope_app.storage.repairing.kept_copies import KeptCopies, read_kept_copies
from magscope_app.storage.repairing.recounting import recount
from magscope_app.storage.repairing.tracks import RepairedTracks, repair_tracks
from magscope_app.storage.repairing.video import repair_part

_WRITTEN_ANEW = frozenset({"dataset.json", "events.jsonl"})


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
        kept = read_kept_copies(tracks)
        description, problem = self._read_description()
        self._copy_the_rest({path.name for path in tracks})
        self.notes += restore_files(self.source, self.target, kept)
        events = self._save_events(kept)
        if description is None:
            description = made_description(self.source, kept, events)
            self.notes.append(f"dataset.json was written anew, without config and devices ({problem})")
        book = FoundBook.of(self.source)
        foreign = self._copy_foreign(description, book)
        about = Circumstances.of(description, foreign=foreign, n_parts=len(parts))
        self.notes += missing_parts(parts, about)
        video = None if foreign else self._video(parts, has_processor=about.has_processor)
        frames = [self._tracks(path, int(description["clock"]["unix_start_ns"])) for path in tracks]
        found = _found(str(description.get("mode", "")), frames, video, book)
        closed = not problem and description["exit_status"] != "running"
        self._save_description(description, events if not closed else None, found, about)
        n_frames = len(np.unique(np.concatenate([one.frame_ids for one in frames]))) if frames else 0
        return RepairReport(
            self.target, n_frames, video.n_images if video else 0, tuple(dict.fromkeys(self.notes))
        )

    def _read_description(self) -> tuple[dict[str, Any] | None, str]:
        try:
            return read_description(self.source), ""
        except MagscopeError as error:
            return None, str(error)

    def _copy_the_rest(self, tracks: set[str]) -> None:
        for path in sorted(self.source.rglob("*")):
            name = path.relative_to(self.source)
            # Beside the parts of the video stands which frames were stored.
            is_part = name.parts[0] == "video" and len(name.parts) != 2
            # What a kill has left half written, and the room for the end, are hidden.
            is_left = path.name.startswith(".")
            if is_part or is_left or name.parts[0] in _WRITTEN_ANEW | tracks or not path.is_file():
                continue
            (self.target / name).parent.mkdir(parents=True, exist_ok=True)
            copy(path, self.target / name, self.progress)

    def _copy_foreign(self, description: dict[str, Any], book: FoundBook) -> bool:
        """Copy images that only a storage of the user's own can read, as they are."""
        storage, video = description.get("video_storage"), self.source / "video"
        ours = any(any(video.rglob(pattern)) for pattern in (INDEX_NAME, "*.tif"))
        files = [path for path in sorted(video.glob("*/**/*")) if path.is_file()]
        if ours or not (isinstance(storage, str) or files):
            return False
        for path in files:
            target = self.target / path.relative_to(self.source)
            target.parent.mkdir(parents=True, exist_ok=True)
            share(path, target, self.progress)
        who = storage if isinstance(storage, str) else "a storage of one's own"
        counted = f"{len(book.stored)} frames were noted as stored" if book else "were not counted"
        self.notes.append(f"the images, which only {who} can read, were copied as they are and {counted}")
        return True

    def _save_events(self, kept: KeptCopies) -> list[dict[str, Any]]:
        """Save the events of the file or, where it holds fewer, those that a tracks file keeps."""
        events, n_damaged = read_events(self.source)
        if n_damaged:
            self.notes.append(f"{n_damaged} lines of events.jsonl cannot be read")
        is_there = (self.source / "events.jsonl").is_file()
        if len(kept.events) > len(events):
            more = len(kept.events) - len(events)
            self.notes.append(f"{more} events that events.jsonl does not hold were taken from a tracks file")
            events, is_there = kept.events, True
        elif not is_there and tracks_paths(self.source):
            self.notes.append("events.jsonl is missing")
        if is_there:
            lines = [as_json(event) + b"\n" for event in events]
            (self.target / "events.jsonl").write_bytes(b"".join(lines))
        return events

    def _video(self, parts: list[Path], *, has_processor: bool) -> FoundVideo:
        images: dict[FrozenDataCoordinates, FoundImage] = {}
        lost: list[FoundImage] = []
        for part in parts:
            repaired = repair_part(part, self.target / "video" / part.name, self.progress, images)
            self.notes += repaired.notes
            images |= repaired.images
            lost += repaired.lost
        return FoundVideo.of(images.values(), lost, has_processor=has_processor)

    def _tracks(self, path: Path, unix_start_ns: int) -> RepairedTracks:
        target = self.target / path.name
        try:
            repaired = repair_tracks(path, target, unix_start_ns, self.progress)
        except MagscopeError as error:
            target.unlink(missing_ok=True)
            if shutil.disk_usage(self.target).free < 2**26:
                raise
            note = f"nothing of {path.name} can be read ({error})"
            repaired = RepairedTracks(np.empty(0, np.uint64), np.empty(0, np.uint32), [note])
        else:
            explain(self.target, target)
        self.notes += repaired.notes
        return repaired

    def _save_description(
        self,
        description: dict[str, Any],
        events: list[dict[str, Any]] | None,
        found: Found,
        about: Circumstances,
    ) -> None:
        """Save dataset.json; counters that nobody wrote at the end are counted, with what `events` say."""
        counted = found.plausible(description.get("start_frame_id"))
        if odd := len(found.every) - len(counted.every):
            self.notes.append(f"{odd} frames have ids that cannot be right: they are kept, but not counted")
        if events is None:
            counters, ledger = lessen(description, counted, about)
        else:
            counters, ledger = recount(description, events, counted, about)
        self.notes += [
            f"{loss['count']} frames from {loss['first_id']} on are missing ({loss['where']})"
            if loss["why"] != NOT_KNOWN
            else f"{loss['count']} frames from {loss['first_id']} on are counted as missing (recording): "
            "whether there are images of them is not known"
            for loss in ledger
            if loss not in description["ledger"]
        ]
        status = description["exit_status"]
        changed = {
            "counters": counters,
            "ledger": ledger,
            "exit_status": "interrupted" if status == "running" else status,
            "repaired": {"utc": datetime.now(UTC).isoformat(), "notes": self.notes},
        }
        write_atomically(self.target / "dataset.json", as_json({**description, **changed}, indent=2))


def _found(mode: str, frames: list[RepairedTracks], video: FoundVideo | None, book: FoundBook) -> Found:
    """Return what was found of what the mode keeps; without a known mode, of what is there."""
    ids = np.concatenate([np.empty(0, np.int64), *(one.frame_ids.astype(np.int64) for one in frames)])
    n_beads = np.concatenate([np.empty(0, np.int64), *(one.n_beads.astype(np.int64) for one in frames)])
    wants_tracks = "Track" in mode or (not mode and bool(frames))
    wants_video = video is not None and ("Video" in mode or (not mode and video.n_images > 0))
    return Found(
        np.unique(ids) if wants_tracks else None,
        np.unique(ids[n_beads == 0]),
        video if wants_video else None,
        book,
    )


def _sizes(path: Path) -> dict[Path, int]:
    return {file: file.stat().st_size for file in path.rglob("*") if file.is_file()}


def _no_progress(what: str, done: float) -> None:
    """Tell nobody."""
