"""What "continue last session" brings back: beads, Z-LUT, settings; never a motor position."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast, get_args

from gui.models.state import State
from magscope_app.config import BeadRole, Config, RecordingMode
from magscope_app.devices.setting import SettingValue
from magscope_app.errors import MagscopeError
from magscope_app.messages import Bead, StartRecording
from magscope_app.processes.bead_owner import MAX_ROI_PX, MIN_ROI_PX
from magscope_app.storage.atomic import write_atomically

_VERSION = 2


@dataclass(frozen=True, slots=True)
class LastSession:
    """The state of a session when it was last kept."""

    beads: tuple[Bead, ...]
    roi_px: int
    camera_driver: str
    camera_settings: Mapping[str, SettingValue]
    zlut: Path | None
    folder: Path | None
    name: str | None
    mode: RecordingMode | None

    @classmethod
    def of(cls, config: Config, state: State, order: StartRecording, zlut: Path | None) -> LastSession:
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
        )


def save_last_session(last: LastSession, path: Path, run: int, before: LastSession | None = None) -> None:
    """Write the session of a run, and the one before it, whole or not at all; OSError where that fails.

    Parameters
    ----------
    last : LastSession
        How the run stands.
    path : Path
        Where sessions are kept.
    run : int
        Tells runs apart.
    before : LastSession, optional
        For a window of this run that is opened again: the last session is not its own.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {
        "version": _VERSION,
        "run": run,
        "session": asdict(last),
        "before": None if before is None else asdict(before),
    }
    write_atomically(path, json.dumps(data, indent=1, default=str).encode())


def load_last_session(path: Path, run: int) -> LastSession:
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
        There is none, or the file cannot be used.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["version"] != _VERSION:
            raise ValueError(f"version {data['version']}")
        kept = data["before"] if data["run"] == run else data["session"]
        last = None if kept is None else _session(kept)
    except FileNotFoundError:
        last = None
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as error:
        said = f"{path}: the last session cannot be read ({error}); load a bead list"
        raise MagscopeError(said) from error
    if last is None:
        raise MagscopeError(f"{path}: there is no last session yet; this is the first one")
    return last


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
    if not MIN_ROI_PX <= value <= MAX_ROI_PX:
        raise ValueError(f"a ROI of {value} px")
    return int(value)


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
