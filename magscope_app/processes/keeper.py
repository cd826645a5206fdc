"""What a running dataset is told beside frames and rows: events, another name, other images and Z-LUTs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from magscope_app.calibration.messages import ZLUTsUsed
from magscope_app.errors import MagscopeError
from magscope_app.messages import CorrectionFile, CorrectionsUsed, Event, Message, RenameRecording
from magscope_app.storage import DatasetFolder
from magscope_app.storage.names import validate_dataset_name

#: What is told without a time: its event has that of its keeping.
_TIMELESS = ("zluts", "corrections")


class Keeper:
    """Keeps in a dataset what it is told, each thing once.

    Parameters
    ----------
    folder : DatasetFolder
        The dataset.
    session_start_ns : int
        The session clock.
    earlier : iterable of dict
        Events that were kept before: they may be told again, because nobody knows that.
    """

    def __init__(
        self, folder: DatasetFolder, session_start_ns: int, earlier: Iterable[Mapping[str, Any]] = ()
    ) -> None:
        self._folder = folder
        self._session_start_ns = session_start_ns
        self._kept = {_key(event) for event in earlier}

    def keep(self, message: Message) -> None:
        """Keep what a message says, as far as it belongs into a dataset.

        Raises
        ------
        MagscopeError
            It cannot be kept: the disk does not take it, a file cannot be read, a name cannot be.
        """
        match message:
            case Event():
                self._event(message)
            case RenameRecording(name):
                self._rename(name)
            case ZLUTsUsed(path, frame_id, copy):
                # The file may hold other ones by now; a copy has them as they are used.
                stored = self._folder.add_zlut(copy or path)
                self._note_once("zluts", frame_id, file=stored.name, path=str(path))
            case CorrectionsUsed(files, frame_id):
                self._note_once("corrections", frame_id, **keep_corrections(self._folder, files))

    def note(self, kind: str, frame_id: int, **fields: Any) -> None:
        """Keep something that happens now."""
        now_ns = time.perf_counter_ns() - self._session_start_ns
        self._folder.events.append(kind, timestamp_ns=now_ns, frame_id=frame_id, **fields)

    def _note_once(self, kind: str, frame_id: int, **fields: Any) -> None:
        if _key({"kind": kind, "frame_id": frame_id, **fields}) not in self._kept:
            self.note(kind, frame_id, **fields)

    def _event(self, event: Event) -> None:
        """Keep something that happened; the bead list also stands in dataset.json as it is now."""
        if event.kind == "beads":
            self._folder.update(beads=event.fields["beads"])
        if _key({"kind": event.kind, "timestamp_ns": event.timestamp_ns}) not in self._kept:
            self._folder.events.append(
                event.kind, timestamp_ns=event.timestamp_ns, frame_id=event.frame_id, **event.fields
            )

    def _rename(self, name: str) -> None:
        """Give the dataset another name; its folder, which has open files, follows at the end."""
        problem = validate_dataset_name(name)
        if problem is not None:
            raise MagscopeError(f"the dataset name {name!r} {problem}")
        self._folder.update(name=name)


def keep_corrections(folder: DatasetFolder, files: Iterable[CorrectionFile]) -> dict[str, str]:
    """Keep the images that ROIs are corrected with; return the names of their files by kind."""
    return {
        file.kind: folder.add_correction(file.kind, Path(file.path).suffix, file.content).name
        for file in files
    }


def _key(event: Mapping[str, Any]) -> tuple[object, ...]:
    """Return what two reports of the same thing have in common."""
    kind = event.get("kind")
    if kind in _TIMELESS:
        return (kind, *(event.get(name) for name in ("frame_id", "file", "dark_frame", "flat_field")))
    return kind, event.get("timestamp_ns")
