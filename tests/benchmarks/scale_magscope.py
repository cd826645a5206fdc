"""MagScope 1.0.0 with frames of ours; run by a Python that has it, and without this project.

    python scale_magscope.py FOLDER {line,application}

FOLDER holds frames.npy (8 bit, n × 2048 × 2048), corners.npy (x0, y0 of each ROI) and zlut.txt. A camera
class of its kind plays the frames in a loop and waits while its video buffer is full; everything from there
on is its own. `application` is its complete application, with its window (`QT_QPA_PLATFORM=offscreen`);
`line` is the same with only its camera and video processes, workers and file writer started. Settings are
its documented ones except for the ROI, the number of workers and, if given, the images of a stack. Prints
one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from multiprocessing import Event
from multiprocessing.synchronize import Event as EventType
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from magscope.camera import CameraBase
from magscope.hardware import HardwareManagerBase
from magscope.ipc_commands import (
    LoadZLUTCommand,
    SetAcquisitionDirCommand,
    SetAcquisitionDirOnCommand,
    UpdateBeadRoisCommand,
)
from magscope.scope import MagScope

#: The camera's process throws frames away where less than two places are free.
_SPARE_FRAMES = 3
_PAUSE_S = 0.0005
_LOOK_S = 0.002
#: Commands are on their way for so long at most.
_SETTLE_S = 1.0
#: Without a new row for so long, or after so long in all, it is ended.
_STUCK_S, _LONGEST_S = 60.0, 400.0


class PlayedCamera(CameraBase):  # type: ignore[misc]  # magscope has no types
    """Plays frames as fast as there is room for them, in whole stacks."""

    width = height = 2048
    bits = 8
    dtype = np.uint8
    nm_per_px = 100.0
    settings = ("framerate",)

    def __init__(self, folder: Path, begun: EventType, ended: EventType) -> None:
        super().__init__()
        self._path = folder / "frames.npy"
        self._begun, self._ended = begun, ended
        self._frames: list[bytes] = []
        self._sent = 0

    def connect(self, video_buffer: Any) -> None:
        super().connect(video_buffer)
        self._frames = [frame.tobytes() for frame in np.load(self._path)]
        self.is_connected = True

    def fetch(self) -> None:
        buffer = self.video_buffer
        over = self._ended.is_set() and self._sent % buffer.n_images == 0
        free = round((1 - buffer.get_level()) * buffer.n_total_images)
        if over or not self._begun.is_set() or free < _SPARE_FRAMES:
            time.sleep(_PAUSE_S)
            return
        now = time.time()
        buffer.write_image_and_timestamp(self._frames[self._sent % len(self._frames)], now)
        self._sent += 1
        self.report_frame_received(now)

    def release(self) -> None:
        """Nothing is held."""

    def get_setting(self, name: str) -> str:
        super().get_setting(name)
        return "100"

    def set_setting(self, name: str, value: str) -> None:
        super().set_setting(name, value)


class Observer(HardwareManagerBase):  # type: ignore[misc]  # magscope has no types
    """Sets beads, Z-LUT and folder, notes when rows are written, and ends it."""

    def __init__(self, folder: Path, seconds: float, begun: EventType, ended: EventType) -> None:
        super().__init__()
        self.ready = Event()
        self._folder, self._seconds = folder, seconds
        self._begun, self._ended = begun, ended
        self._corners = np.load(folder / "corners.npy").tolist()
        self._index = 0
        self._tracked: list[tuple[float, float]] = []
        self._started = 0.0
        self._begin_at = float("inf")

    def setup(self) -> None:
        super().setup()
        size = self.settings["ROI"]
        rois = {bead: (x0, x0 + size, y0, y0 + size) for bead, (x0, y0) in enumerate(self._corners)}
        self.bead_roi_buffer.replace_beads(rois)
        self._started = time.perf_counter()
        self._index = self.tracks_buffer.get_write_index()

    def connect(self) -> None:
        """There is no device."""

    def disconnect(self) -> None:
        """There is no device."""

    def fetch(self) -> None:
        time.sleep(_LOOK_S)
        now = time.perf_counter()
        self._count_rows(now)
        if now - self._started > _LONGEST_S:
            self._end()
        elif not self._begun.is_set():
            self._begin(now)
        elif not self._ended.is_set():
            if self._tracked and now - self._tracked[0][0] > self._seconds:
                self._ended.set()
        elif self._frames_tracked() == self._frames_sent() or now - self._tracked[-1][0] > _STUCK_S:
            self._end()

    def _begin(self, now: float) -> None:
        if self._begin_at == float("inf") and self.ready.is_set():
            self.send_ipc(UpdateBeadRoisCommand())
            self.send_ipc(LoadZLUTCommand(filepath=str(self._folder / "zlut.txt")))
            self.send_ipc(SetAcquisitionDirCommand(str(self._folder)))
            self.send_ipc(SetAcquisitionDirOnCommand(True))
            self._begin_at = now + _SETTLE_S
        if now > self._begin_at:
            self._begun.set()

    def _count_rows(self, now: float) -> None:
        index = self.tracks_buffer.get_write_index()
        if index == self._index:
            return
        rows = (index - self._index) % self.tracks_buffer.nbytes / self.tracks_buffer.strides[0]
        self._index = index
        self._tracked.append((now, self._frames_tracked() + rows / len(self._corners)))

    def _frames_tracked(self) -> float:
        return self._tracked[-1][1] if self._tracked else 0.0

    def _frames_sent(self) -> int:
        return int(self.shared_values.camera_total_frames.value)

    def _end(self) -> None:
        rate = 0.0
        if len(self._tracked) > 1:
            # From the first stack to the last; the camera had ended for those that still waited then.
            (first, before), (last, after) = self._tracked[0], self._tracked[-1]
            rate = (after - before) / (last - first)
        found = {
            "frames_per_s": rate,
            "frames_sent": self._frames_sent(),
            "frames_tracked": round(self._frames_tracked()),
        }
        (self._folder / "found.json").write_text(json.dumps(found))
        self.quit()


class DrivenScope(MagScope):  # type: ignore[misc]  # magscope has no types
    """MagScope that tells the observer when it is up; complete, or only what frames pass through."""

    def __init__(self, observer: Observer, complete: bool) -> None:
        super().__init__()
        self._observer = observer
        self._complete = complete
        self.add_hardware(observer)

    def startup_ready(self, process_name: str = "UIManager") -> None:
        super().startup_ready(process_name)
        self._observer.ready.set()

    def _start_startup_splash(self) -> None:
        if self._complete:
            super()._start_startup_splash()

    def _needed(self) -> list[Any]:
        if self._complete:
            return list(self.processes.values())
        return [self.video_processor_manager, self.camera_manager, self._observer]

    def _start_managers(self) -> None:
        if not self._complete:
            self._observer.ready.set()
        for process in self._needed():
            process.start()

    def _join_processes(self) -> None:
        for process in self._needed():
            process.join()


def recorded(folder: Path) -> dict[str, float]:
    """Return how many frames are in the files and which share of their beads has x, y and z."""
    frames, finite = 0, []
    for path in folder.glob("*.h5"):
        with h5py.File(path) as file:
            frames += len(file["tracking/frame_timestamps_ns"])
            finite.append(np.isfinite(file["tracking/positions_nm"][()]).all(axis=1))
    return {"frames_recorded": frames, "finite": float(np.concatenate(finite).mean()) if finite else 0.0}


def main() -> None:
    """Run it and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("what", choices=("line", "application"))
    parser.add_argument("--roi", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--images", type=int, help="of a stack; its default is 40")
    parser.add_argument("--seconds", type=float, default=20.0)
    parsed = parser.parse_args()
    # What it remembers of its user's last session is neither used nor changed.
    os.environ["XDG_CONFIG_HOME"] = str(parsed.folder)
    begun, ended = Event(), Event()
    scope = DrivenScope(Observer(parsed.folder, parsed.seconds, begun, ended), parsed.what == "application")
    scope.camera_manager.camera = PlayedCamera(parsed.folder, begun, ended)
    scope.settings["ROI"] = parsed.roi
    scope.settings["video processors n"] = parsed.workers
    if parsed.images:
        scope.settings["video buffer n images"] = parsed.images
    scope.start()
    found = json.loads((parsed.folder / "found.json").read_text())
    print(json.dumps(found | recorded(parsed.folder)))


if __name__ == "__main__":
    main()
