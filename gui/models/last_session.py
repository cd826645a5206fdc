"""What "continue last session" brings back: beads, Z-LUT, settings; never a motor position."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast, get_args

from gui.models.kept_file import UNREADABLE, read_json, refuse, write_json
from gui.models.state import State
from magscope_app.config import BeadRole, Config, RecordingMode
from magscope_app.devices.setting import SettingValue
from magscope_app.errors import MagscopeError
from magscope_app.messages import Bead, StartRecording
from magscope_app.processes.bead_owner import MAX_ROI_PX, MIN_ROI_PX

_VERSION = 3
#: Version 2 did not say when a session was kept.
_VERSIONS = (2, _VERSION)


@dataclass(frozen=True, slots=True)
class LastSession:
    """The state of a session when it was last kept; `kept_at` is when that was, with its time zone."""

    beads: tuple[Bead, ...]
    roi_px: int
    camera_driver: str
    camera_settings: Mapping[str, SettingValue]
    zlut: Path | None
    folder: Path | None
    name: str | None
    mode: RecordingMode | None
    kept_at: datetime | None = None

    @classmethod
    def of(
        cls,
        config: Config,
        state: State,
        order: StartRecording,
        zlut: Path | None,
        kept_at: datetime | None = None,
    ) -> LastSession:
        """Return the state of a running session whose beads are tracked with `zlut`."""
        settings = {setting.name: setting.value for setting in state.camera_settings if not setting.read_only}
        return cls(
            tuple(state.beads.values()),
            state.roi_px,
            config.camera.driver,
            settings,
            zlut,
            order.folder,
            order.name,
            order.mode,
            kept_at,
        )

    def is_as_started(self, config: Config, state: State) -> bool:
        """Whether this is what the config brings by itself.

        Beads count where the config brings none; where it does, only edits tell (`EditHistory`).
        """
        if self.beads and not (config.beads.find or config.beads.list or config.beads.file):
            return False
        opened = {setting.name: setting.value for setting in state.camera_opened if not setting.read_only}
        at_start = replace(
            self,
            camera_settings=opened,
            zlut=config.tracking.zlut,
            folder=config.recording.folder,
            name=config.session.name,
            mode=config.recording.mode,
        )
        return self == at_start

    @property
    def summary(self) -> str:
        """What it would bring, in a few words."""
        beads = "1 bead" if len(self.beads) == 1 else f"{len(self.beads)} beads"
        zlut = "no Z-LUT" if self.zlut is None else self.zlut.name
        when = "" if self.kept_at is None else f", {self.kept_at.astimezone():%Y-%m-%d %H:%M}"
        return f"{beads}, {zlut}{when}"


@dataclass(frozen=True, slots=True)
class KeptSessions:
    """What is kept when a window opens: the session before its run, and whether its run is kept already."""

    before: LastSession | None = None
    has_own: bool = False


def save_last_session(last: LastSession, path: Path, run: int, before: LastSession | None = None) -> None:
    """Write the session of a run, and the one before it, whole or not at all.

    Parameters
    ----------
    last : LastSession
        How the run stands.
    path : Path
        Where sessions are kept; a file there that cannot be read is set aside first.
    run : int
        Tells runs apart.
    before : LastSession, optional
        For a window of this run that is opened again: the last session is not its own.

    Raises
    ------
    OSError, MagscopeError
        The file cannot be written.
    """
    data = {
        "version": _VERSION,
        "run": run,
        "session": asdict(last),
        "before": None if before is None else asdict(before),
    }
    write_json(path, data, lambda there: _read(there, run))


def load_last_session(path: Path, run: int) -> KeptSessions:
    """Read the session before that of a run.

    Parameters
    ----------
    path : Path
        Where sessions are kept.
    run : int
        The run whose own session is not meant.

    Raises
    ------
    MagscopeError
        The file cannot be used; it is set aside.
    """
    try:
        return _read(path, run)
    except FileNotFoundError:
        return KeptSessions()
    except UNREADABLE as error:
        raise MagscopeError(refuse(path, "the last session", error, "load a bead list")) from error


def _read(path: Path, run: int) -> KeptSessions:
    data = read_json(path, _VERSIONS)
    has_own = data["run"] == run
    kept = data["before"] if has_own else data["session"]
    return KeptSessions(None if kept is None else _session(kept), has_own)


def _session(data: Any) -> LastSession:
    return LastSession(
        _beads(data["beads"]),
        _roi_px(data["roi_px"]),
        str(data["camera_driver"]),
        _settings(data["camera_settings"]),
        _path(data["zlut"]),
        _path(data["folder"]),
        None if data["name"] is None else str(data["name"]),
        _mode(data["mode"]),
        _time(data.get("kept_at")),
    )


def _beads(entries: Any) -> tuple[Bead, ...]:
    beads = tuple(_bead(entry) for entry in entries)
    if len({bead.id for bead in beads}) < len(beads):
        raise ValueError("a bead id is there twice")
    return beads


def _bead(entry: Mapping[str, Any]) -> Bead:
    if entry["role"] not in get_args(BeadRole):
        raise ValueError(f"role {entry['role']!r}")
    x_px, y_px = float(entry["x_px"]), float(entry["y_px"])
    if not (math.isfinite(x_px) and math.isfinite(y_px)):
        raise ValueError(f"bead {entry['id']} is nowhere")
    return Bead(int(entry["id"]), x_px, y_px, cast("BeadRole", entry["role"]))


def _roi_px(value: Any) -> int:
    if type(value) is not int or not MIN_ROI_PX <= value <= MAX_ROI_PX:
        raise ValueError(f"a ROI of {value} px")
    return value


def _settings(table: Any) -> dict[str, SettingValue]:
    if not isinstance(table, dict):
        raise ValueError("camera_settings is no table")
    return {str(name): _value(value) for name, value in table.items()}


def _value(value: Any) -> SettingValue:
    if not isinstance(value, bool | int | float | str):
        raise ValueError(f"setting {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"setting {value}")
    return value


def _path(value: Any) -> Path | None:
    return None if value is None else Path(str(value))


def _mode(value: Any) -> RecordingMode | None:
    if value is not None and value not in get_args(RecordingMode):
        raise ValueError(f"mode {value!r}")
    return cast("RecordingMode | None", value)


def _time(value: Any) -> datetime | None:
    """Return a time in the zone of the computer; here, where an impossible one can be refused."""
    return None if value is None else datetime.fromisoformat(value).astimezone()
