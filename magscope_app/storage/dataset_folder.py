"""The folder that is a dataset: its files, and what is known about them."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from magscope_app.errors import MagscopeError
from magscope_app.storage.atomic import write_atomically
from magscope_app.storage.description import COUNTERS, EXIT_STATUSES, RARE_COUNTERS, describe
from magscope_app.storage.event_log import EventLog, as_json
from magscope_app.storage.names import validate_dataset_name

_log = logging.getLogger(__name__)
_MOST_TRIALS = 1000
#: Keeps room on the disk for what is written at the end, also where others have filled it meanwhile.
_RESERVE, _RESERVE_BYTES = ".room-for-the-end", 2**18


class DatasetFolder:
    """One recording on disk; make one with `create`, continue one with `open`.

    Attributes
    ----------
    path : Path
        The folder.
    events : EventLog
        Appends to ``events.jsonl``.
    """

    def __init__(self, path: Path, description: dict[str, Any]) -> None:
        self.path = path
        self._description = description
        self._opened_ns = time.perf_counter_ns()
        self._opened = datetime.now(UTC)
        self.events = EventLog(path / "events.jsonl", int(description["clock"]["unix_start_ns"]))

    @classmethod
    def create(
        cls,
        root: str | Path,
        name: str,
        *,
        config_text: bytes,
        facts: Mapping[str, Any] | None = None,
        started: datetime | None = None,
        unix_start_ns: int | None = None,
    ) -> DatasetFolder:
        """Make the folder ``<root>/<date>_<time>_<name>`` with config.toml, dataset.json and zluts/.

        Parameters
        ----------
        root : str or Path
            Where datasets go; made if it does not exist.
        name : str
            See `validate_dataset_name`. To that of a second dataset of this name in `root` _002 is appended,
            then _003 ….
        config_text : bytes
            The config file that was run, written byte for byte.
        facts : mapping, optional
            What goes into dataset.json beside versions, host and times: the resolved config, devices and
            their settings, pixel size, camera noise, clock anchor.
        started : datetime, optional
            Local time of the start for the folder's name; now by default.
        unix_start_ns : int, optional
            Unix time of the session's start, from the wall anchor; the time of `started` by default.

        Returns
        -------
        DatasetFolder
            With exit_status ``"running"`` and all counters 0.

        Raises
        ------
        MagscopeError
            If the name cannot stand in a file system or the disk does not take the folder.
        """
        if (problem := validate_dataset_name(name)) is not None:
            raise MagscopeError(f"the dataset name {name!r} {problem}")
        start = (started or datetime.now(UTC)).astimezone()
        anchor_ns = int(start.timestamp() * 1e9) if unix_start_ns is None else int(unix_start_ns)
        description = describe(name, start, anchor_ns, facts or {})
        try:
            path = _new_folder(Path(root), f"{start:%Y-%m-%d_%H%M%S}", name)
        except OSError as error:
            raise _refused(name, root, error) from error
        try:
            (path / "zluts").mkdir()
            (path / "config.toml").write_bytes(config_text)
            folder = cls(path, description | {"first_folder": path.name})
            folder._save()
            # No zeros: a file system may keep them without room.
            (path / _RESERVE).write_bytes(os.urandom(_RESERVE_BYTES))
        except (OSError, MagscopeError) as error:
            # Half a dataset would only be in the way.
            shutil.rmtree(path, ignore_errors=True)
            raise _refused(name, root, error) from error
        return folder

    @classmethod
    def open(cls, path: str | Path) -> DatasetFolder:
        """Open a dataset to go on with it, as a recorder does that was started again.

        One that has taken its new name meanwhile (see `take_name`) is found by the old one.

        Raises
        ------
        MagscopeError
            If there is no dataset.json, or one that cannot be read.
        """
        folder = _where_it_is(Path(path))
        try:
            return cls(folder, _description(folder))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise MagscopeError(
                f"{folder} is no dataset: its dataset.json cannot be read ({error}); give another folder"
            ) from error

    @property
    def description(self) -> dict[str, Any]:
        """A copy of what dataset.json holds."""
        copied: dict[str, Any] = json.loads(self._encoded())
        return copied

    def update(
        self,
        *,
        counters: Mapping[str, int] | None = None,
        ledger: Sequence[Mapping[str, Any]] | None = None,
        **fields: Any,
    ) -> None:
        """Change entries of dataset.json; the file is whole at every moment.

        Parameters
        ----------
        counters : mapping of str to int, optional
            The counters that changed, named as in `COUNTERS`.
        ledger : sequence of mappings, optional
            All losses so far: first id, count, where, why.
        **fields
            Other entries, replaced whole.

        Raises
        ------
        ValueError
            If a counter or an exit status does not exist.
        MagscopeError
            If the disk does not take it; the file stays as it was.
        """
        if unknown := set(counters or ()) - {*COUNTERS, *RARE_COUNTERS}:
            raise ValueError(
                f"no counters are named {', '.join(sorted(unknown))}; the counters are {', '.join(COUNTERS)}"
            )
        if (status := fields.get("exit_status", "running")) not in EXIT_STATUSES:
            raise ValueError(f"exit_status is one of {', '.join(EXIT_STATUSES)}, not {status!r}")
        before = self._description
        changed = {**before, **fields}
        if counters is not None:
            changed["counters"] = {
                **before["counters"],
                **{key: int(count) for key, count in counters.items()},
            }
        if ledger is not None:
            changed["ledger"] = [dict(entry) for entry in ledger]
        self._description = changed
        try:
            self._save()
        except BaseException:
            self._description = before
            raise

    def finish(
        self,
        exit_status: str,
        counters: Mapping[str, int] | None = None,
        ledger: Sequence[Mapping[str, Any]] | None = None,
        *,
        stopped: datetime | None = None,
        **fields: Any,
    ) -> None:
        """Write the end of the recording into dataset.json (see `update`).

        Parameters
        ----------
        exit_status : str
            ``"completed"``, ``"interrupted"`` or ``"failed"``.
        counters, ledger, **fields
            As for `update`.
        stopped : datetime, optional
            Time of the end; by default when this folder was made or opened here, and the time since, whatever
            was done to the computer's clock meanwhile. It is never before the start.
        """
        with contextlib.suppress(OSError):
            (self.path / _RESERVE).unlink(missing_ok=True)
        end = (stopped or self._now()).astimezone().isoformat()
        self.update(counters=counters, ledger=ledger, exit_status=exit_status, stopped=end, **fields)

    def _now(self) -> datetime:
        passed = timedelta(microseconds=(time.perf_counter_ns() - self._opened_ns) // 1000)
        try:
            began = datetime.fromisoformat(self._description["started"])
            return max(began, self._opened + passed)
        except (KeyError, TypeError, ValueError):
            return self._opened + passed

    def add_zlut(self, source: str | Path | bytes, name: str | None = None) -> Path:
        """Copy a Z-LUT into ``zluts/`` and return where it is.

        Parameters
        ----------
        source : str, Path or bytes
            The file, or its content.
        name : str, optional
            File name; that of the source by default, mandatory for bytes. The same content under the same
            name is kept once; other content gets _002, _003 … before the suffix.

        Raises
        ------
        MagscopeError
            If the name cannot be used, the source cannot be read or the disk does not take it.
        """
        return self._keep("zluts", "Z-LUT", source, name)

    def add_correction(self, kind: str, suffix: str, content: bytes) -> Path:
        """Keep a "dark_frame" or "flat_field" as ``corrections/<kind><suffix>``; errors as of `add_zlut`."""
        return self._keep("corrections", "image", content, f"{kind}{suffix}")

    def take_name(self) -> Path:
        """Give the folder the name of the dataset, if that was changed, and return where it is.

        Nothing in it may be open. Where the file system refuses, the name stands in dataset.json alone.
        """
        name, first = self._description["name"], self._description.get("first_name")
        if name == first:
            return self.path
        prefix = "_".join(self.path.name.split("_")[:2])
        for suffix in ("", *(f"_{number:03d}" for number in range(2, _MOST_TRIALS))):
            target = self.path.with_name(f"{prefix}_{name}{suffix}")
            if target == self.path:
                break
            if target.exists() and not target.samefile(self.path):
                continue
            try:
                self.path = self.path.rename(target)
            except OSError as error:
                _log.warning("%s keeps its folder's name: %s", self.path, error)
            break
        return self.path

    def _keep(self, folder: str, what: str, source: str | Path | bytes, name: str | None) -> Path:
        wanted = name if name is not None else "" if isinstance(source, bytes) else Path(source).name
        if (problem := validate_dataset_name(wanted)) is not None:
            raise MagscopeError(f"the {what} name {wanted!r} {problem}")
        try:
            content = source if isinstance(source, bytes) else Path(source).read_bytes()
            stem, suffix = Path(wanted).stem, Path(wanted).suffix
            (self.path / folder).mkdir(exist_ok=True)
            for number in range(1, _MOST_TRIALS):
                target = self.path / folder / (wanted if number == 1 else f"{stem}_{number:03d}{suffix}")
                if not target.exists():
                    write_atomically(target, content)
                    return target
                if target.read_bytes() == content:
                    return target
        except OSError as error:
            raise MagscopeError(
                f"the {what} {wanted!r} could not be copied into {self.path} ({error}); check the disk"
            ) from error
        raise MagscopeError(f"{self.path} holds {_MOST_TRIALS} files named {wanted!r}; choose another name")

    @property
    def zlut_paths(self) -> list[Path]:
        """The Z-LUTs in this dataset."""
        return sorted(entry for entry in (self.path / "zluts").iterdir() if not entry.name.startswith("."))

    def next_video_part(self) -> Path:
        """Make the next folder ``video/0001``, ``video/0002`` … and return it; MagscopeError if it cannot."""
        try:
            for number in range(1, 10_000):
                part = self.path / "video" / f"{number:04d}"
                if not part.exists():
                    part.mkdir(parents=True)
                    return part
        except OSError as error:
            raise MagscopeError(
                f"a folder for video could not be made in {self.path} ({error}); check the disk"
            ) from error
        raise MagscopeError(f"{self.path} holds 9999 parts of video; begin another dataset")

    def next_tracks_path(self) -> Path:
        """Return the first of tracks.h5, tracks-0002.h5, tracks-0003.h5 … that does not exist."""
        number, path = 1, self.path / "tracks.h5"
        while path.exists():
            number += 1
            path = self.path / f"tracks-{number:04d}.h5"
        return path

    def _encoded(self) -> bytes:
        return as_json(self._description, indent=2)

    def _save(self) -> None:
        try:
            write_atomically(self.path / "dataset.json", self._encoded())
        except OSError as error:
            raise MagscopeError(
                f"{self.path / 'dataset.json'} could not be written ({error}); check the disk"
            ) from error


def _refused(name: str, root: str | Path, error: Exception) -> MagscopeError:
    return MagscopeError(f"the dataset {name!r} could not be made in {root} ({error}); choose another folder")


def _new_folder(root: Path, stamp: str, name: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    first = _next_number(root, name)
    for number in range(first, first + _MOST_TRIALS):
        folder = root / f"{stamp}_{name}{_numbered(number)}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{name} exists {_MOST_TRIALS} times")


def _description(folder: Path) -> dict[str, Any]:
    description: dict[str, Any] = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    return description


def _where_it_is(path: Path) -> Path:
    """Return the folder that was made as `path`: it may have another name by now."""
    if path.exists():
        return path
    stamp = "_".join(path.name.split("_")[:2])
    for folder in sorted(path.parent.glob(f"{stamp}_*")):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if _description(folder).get("first_folder") == path.name:
                return folder
    return path


def _numbered(number: int) -> str:
    """Return what is appended to the name of the first, second, third … dataset."""
    return "" if number == 1 else f"_{number:03d}"


def _next_number(root: Path, name: str) -> int:
    """Return the number of the next dataset of a name, whenever the others were recorded."""
    same = re.compile(rf"\d{{4}}-\d\d-\d\d_\d{{6}}_{re.escape(name)}(?:_(\d{{3,}}))?", re.IGNORECASE)
    found = [same.fullmatch(entry.name) for entry in root.iterdir()]
    return 1 + max((int(match[1] or 1) for match in found if match), default=0)
