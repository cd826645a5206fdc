"""The config that plays a dataset again with its own beads, Z-LUT and settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from magscope_app.errors import MagscopeError
from magscope_app.processes.recorded_focus import RecordedFocus
from magscope_app.storage.reading.dataset import Dataset

#: The camera that plays recordings.
_CAMERA = "hardware.replay.camera:ReplayCamera"
#: What of a config has nothing to do with the instrument, and goes on.
_KEPT = ("optics", "buffer", "tracking", "supervisor", "gui")
#: What of the camera describes its frames.
_OF_FRAMES = ("fps", "noise")


def replay_config(dataset: Dataset) -> tuple[dict[str, Any], list[str]]:
    """Return the config of a dataset with its video as the camera, and without motors.

    Every frame is played, as fast as it is taken. A bead's ROI is where it was in the first frame in which
    it was tracked.

    Parameters
    ----------
    dataset : Dataset
        With video of whole frames.

    Returns
    -------
    dict
        Sections as in a config file.
    list of str
        What cannot be as it was.

    Raises
    ------
    MagscopeError
        The dataset cannot be played again; one sentence.
    """
    recorded = dataset.config
    if not recorded:
        raise MagscopeError(f"{dataset.path} knows no config; give its video to replay.toml as camera.path")
    _require_whole_frames(dataset)
    config = {name: dict(recorded[name]) for name in _KEPT if isinstance(recorded.get(name), Mapping)}
    camera = {name: value for name, value in recorded["camera"].items() if name in _OF_FRAMES}
    camera |= {"driver": _CAMERA, "path": str(dataset.path), "settings": {"every_frame": True}}
    session = dict(recorded.get("session", {}))
    session["name"] = f"{session.get('name', 'session')}_replay"
    said: list[str] = []
    if isinstance(camera.get("noise"), Mapping):
        camera["noise"] = dict(camera["noise"]) | _corrections(dataset, camera["noise"])
        said += _later_corrections(dataset)
    config |= {"session": session, "camera": camera}
    config["beads"] = {**recorded["beads"], "find": False, "file": None, "list": _beads(dataset, said)}
    folder = recorded.get("recording", {}).get("folder")
    config["recording"] = {"folder": folder}
    if config["tracking"].get("zlut") is not None:
        config["tracking"]["zlut"] = _zlut(dataset, str(config["tracking"]["zlut"]))
    config["tracking"]["recorded_focus"] = _focus(dataset, said)
    return config, said


def _focus(dataset: Dataset, said: list[str]) -> str | None:
    """Return the dataset where it knows the focus of its frames, and say it where it should and does not."""
    if RecordedFocus(dataset.path).is_known:
        return str(dataset.path)
    if any(motor.get("role") == "focus" for motor in dataset.config.get("motors", [])):
        said.append("heights (height_nm) are not replayed: no tracked frame says where the focus was")
    return None


def _require_whole_frames(dataset: Dataset) -> None:
    mode = str(dataset.description.get("mode", ""))
    if "(Full)" not in mode:
        raise MagscopeError(
            f"{dataset.path} was recorded in the mode {mode!r}; only video of whole frames can be tracked "
            "again: record with Track and Video (Full)"
        )
    if dataset.foreign_storage is not None or not dataset.video_parts:
        raise MagscopeError(f"{dataset.path} has no images that can be played")


def _zlut(dataset: Dataset, used: str) -> str:
    """Return the dataset's own copy of the Z-LUT."""
    copies = dataset.zluts
    name = used.replace("\\", "/").rpartition("/")[2]
    path = copies.get(name) or (next(iter(copies.values())) if len(copies) == 1 else None)
    if path is None:
        raise MagscopeError(
            f"{dataset.path} has no copy of the Z-LUT {name} that it was recorded with; "
            "give one to replay.toml as tracking.zlut, and the dataset as camera.path"
        )
    return str(path)


def _corrections(dataset: Dataset, noise: Mapping[str, Any]) -> dict[str, str]:
    """Return the dataset's own copies of dark frame and flat field."""
    used = {kind for kind in ("dark_frame", "flat_field") if noise.get(kind) is not None}
    copies = dataset.corrections
    if missing := sorted(used - copies.keys()):
        raise MagscopeError(
            f"{dataset.path} has no copy of its {' and '.join(missing)}; "
            "give them to replay.toml as camera.noise, and the dataset as camera.path"
        )
    return {kind: str(copies[kind]) for kind in used}


def _later_corrections(dataset: Dataset) -> list[str]:
    """Say that other images were used later: a run knows one of each."""
    changes = [event["frame_id"] for event in dataset.events if event["kind"] == "corrections"]
    if not changes:
        return []
    return [
        f"the images that ROIs are corrected with changed at frame {changes[0]}: those of before are used"
    ]


def _beads(dataset: Dataset, said: list[str]) -> list[dict[str, Any]]:
    tracks = dataset.tracks()
    tracks = tracks[tracks["bead_id"] >= 0]
    roles = _roles(dataset)
    middle = (dataset.config["beads"]["roi_px"] - 1) / 2
    ids, first = np.unique(tracks["bead_id"], return_index=True)
    corners = np.stack([tracks["roi_x_px"], tracks["roi_y_px"]], axis=1)
    moved = [
        int(bead)
        for bead, at in zip(ids, first, strict=True)
        if (corners[tracks["bead_id"] == bead] != corners[at]).any()
    ]
    if moved:
        said.append(f"beads that were moved while it was recorded stay where they began: {moved}")
    if len(ids) and (tracks["frame_id"][first] != tracks["frame_id"][0]).any():
        said.append("beads that were added while it was recorded are tracked from the first frame on")
    return [
        {
            "id": int(bead),
            "x_px": float(corners[at, 0] + middle),
            "y_px": float(corners[at, 1] + middle),
            "role": roles.get(int(bead), "tethered"),
        }
        for bead, at in zip(ids, first, strict=True)
    ]


def _roles(dataset: Dataset) -> dict[int, str]:
    lists = [dataset.description.get("beads", []), *(event.get("beads", []) for event in dataset.events)]
    return {bead["id"]: bead["role"] for beads in lists for bead in beads}
