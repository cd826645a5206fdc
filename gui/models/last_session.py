"""What "continue last session" brings back: beads, Z-LUT, settings; never a motor position."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast, get_args

from gui.models.state import State
from magscope_app.config import BeadRole, Config, RecordingMode
from magscope_app.devices.setting import SettingValue
from magscope_app.errors import MagscopeError
from magscope_app.messages import Bead, StartRecording

_VERSION = 1


@dataclass(frozen=True, slots=True)
class LastSession:
    """The state of a session when its window was closed."""

    beads: tuple[Bead, ...]
    roi_px: int
    camera_driver: str
    camera_settings: Mapping[str, SettingValue]
    zlut: Path | None
    folder: Path | None
    name: str | None
    mode: RecordingMode | None

    @classmethod
    def of(cls, config: Config, state: State, order: StartRecording) -> LastSession:
        """Return the state of a running session."""
        settings = {setting.name: setting.value for setting in state.camera_settings if not setting.read_only}
        return cls(
            tuple(state.beads.values()),
            state.roi_px,
            config.camera.driver,
            settings,
            config.tracking.zlut,
            order.folder,
            order.name,
            order.mode,
        )


def save_last_session(last: LastSession, path: Path) -> None:
    """Write a session whole or not at all; OSError where that fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = asdict(last) | {"version": _VERSION}
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        draft.write_text(json.dumps(data, indent=1, default=str), encoding="utf-8")
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def load_last_session(path: Path) -> LastSession:
    """Read a session.

    Raises
    ------
    MagscopeError
        There is none, or the file cannot be used.
    """
    try:
        return _session(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        said = f"{path}: there is no last session yet; it is kept when the window is closed"
        raise MagscopeError(said) from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise MagscopeError(f"{path}: the last session cannot be read ({error}); load a bead list") from error


def _session(data: Any) -> LastSession:
    if data["version"] != _VERSION:
        raise ValueError(f"version {data['version']}")
    return LastSession(
        tuple(_bead(entry) for entry in data["beads"]),
        int(data["roi_px"]),
        str(data["camera_driver"]),
        {str(name): _value(value) for name, value in data["camera_settings"].items()},
        _path(data["zlut"]),
        _path(data["folder"]),
        None if data["name"] is None else str(data["name"]),
        _mode(data["mode"]),
    )


def _bead(entry: Mapping[str, Any]) -> Bead:
    if entry["role"] not in get_args(BeadRole):
        raise ValueError(f"role {entry['role']!r}")
    return Bead(int(entry["id"]), float(entry["x_px"]), float(entry["y_px"]), cast("BeadRole", entry["role"]))


def _value(value: Any) -> SettingValue:
    if not isinstance(value, bool | int | float | str):
        raise ValueError(f"setting {value!r}")
    return value


def _path(value: Any) -> Path | None:
    return None if value is None else Path(str(value))


def _mode(value: Any) -> RecordingMode | None:
    if value is not None and value not in get_args(RecordingMode):
        raise ValueError(f"mode {value!r}")
    return cast("RecordingMode | None", value)
