"""The locks on the whole real line: a run of the twin, and what its truth says about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from magscope_app.config import load_config
from magscope_app.messages import LogEntry, Message, MoveBead, SystemStatus
from magscope_app.processes.options import Listeners, RunOptions, RunResult
from magscope_app.processes.supervisor import Supervisor
from magscope_app.storage import open_dataset

PROTOCOL = '''
import logging

from magscope_app.errors import MagscopeError

log = logging.getLogger("magscope_app.protocols")


def until(microscope, frame_id):
    while microscope.tracks(1)[0, 0] < frame_id and not microscope.wait(0.05):
        pass


def locks(microscope):
    """Hold everything through drift and a step; then the reference bead is gone."""
    beads = [bead.id for bead in microscope.beads]
    step_frame, end_frame = (int(word) for word in microscope.config.session.notes.split())
    microscope.start_recording("locks", mode="Track")
    microscope.lock_z(beads[0])
    microscope.note("locked")
    until(microscope, end_frame)
    assert microscope.lock_state("z_lock").stage == "on", microscope.lock_state("z_lock")
    assert microscope.lock_state("xy_lock").corrections > 0
    assert microscope.lock_state("drift").error_nm > 0
    microscope.unlock_xy()
    log.info("take bead %d away", beads[0])
    for _ in range(60):
        microscope.wait(0.05)
        if microscope.lock_state("z_lock").stage == "off":
            break
    microscope.wait(0.3)
    microscope.note(microscope.lock_state("z_lock").text)
    try:
        microscope.shift_z_lock(100.0)
    except MagscopeError as error:
        microscope.note(str(error))
    try:
        microscope.lock_z(beads[0], timeout_s=0.5)
    except MagscopeError as error:
        microscope.note(str(error))
    microscope.stop_recording()
'''
FPS = 100
DRIFT_X_NM_S, DRIFT_Z_NM_S, STEP_NM = 50.0, 5.0, 500.0
#: On the right of the frame there is no bead.
NOWHERE_PX = (470.0, 150.0)


class LockedRun:
    """Runs the protocol on the demo and moves the ROI of the reference bead away when it says so."""

    def __init__(self, folder: Path, step_frame: int, end_frame: int) -> None:
        (folder / "lockprotocol.py").write_text(PROTOCOL)
        overrides = [
            "camera.roi_px=[0,0,512,288]",
            # All beads lie on the left: in two minutes they drift by 60 px.
            "simulation.seed=2",
            "simulation.n_beads=3",
            "simulation.n_reference=3",
            f"simulation.drift.x_nm_per_s={DRIFT_X_NM_S}",
            f"simulation.drift.z_nm_per_s={DRIFT_Z_NM_S}",
            f"simulation.drift.z_step_nm={STEP_NM}",
            f"simulation.drift.z_step_at_s={step_frame / FPS}",
            f"session.notes={step_frame} {end_frame}",
            "xy_lock.on=true",
            "xy_lock.interval_s=0.2",
            "drift.on=true",
            "drift.tilt=true",
            "drift.beads=[0,1,2]",
            f"drivers.path=['{folder.as_posix()}']",
            f"recording.folder={(folder / 'out').as_posix()}",
            "experiment.protocol=lockprotocol:locks",
        ]
        self.log: list[str] = []
        self.statuses: list[SystemStatus] = []
        self._due: list[Message] = []
        listeners = Listeners(self._on_log, self._on_status)
        self.supervisor = Supervisor(
            load_config("demo.toml", overrides), RunOptions(headless=True), listeners
        )

    def run(self) -> RunResult:
        return self.supervisor.run()

    def _on_log(self, entry: LogEntry) -> None:
        self.log.append(entry.text)
        if entry.text.startswith("take bead "):
            self._due.append(MoveBead(int(entry.text.split()[2]), *NOWHERE_PX))

    def _on_status(self, status: SystemStatus) -> None:
        self.statuses.append(status)
        while self._due:
            self.supervisor.command(self._due.pop())


@dataclass(frozen=True)
class Found:
    """What a run has shown; z and height are of the reference bead, from the truth.

    Attributes
    ----------
    aim_nm, rms_nm, overshoot : float
        Where the bead was held; rms from there after settling; beyond it, relative to the step.
    latency_ms, interval_ms : float
        Medians: end of exposure to correction sent; correction to correction.
    let_go_s, last_way_nm : float
        From the loss of the bead to letting go, and how far the focus was sent in that time.
    """

    aim_nm: float
    rms_nm: float
    overshoot: float
    latency_ms: float
    interval_ms: float
    let_go_s: float
    last_way_nm: float


def analyse(path: Path, step_frame: int, end_frame: int, settle_frames: int = 300) -> Found:
    """Compare a dataset with its truth."""
    data = open_dataset(path)
    events = data.events
    corrections = [event for event in events if event["kind"] == "z_lock"]
    locked = next(event for event in events if event.get("text") == "locked")["frame_id"]
    gone = next(event for event in events if event.get("command") == "MoveBead")
    let_go = next(event for event in events if event.get("lock") == "z_lock" and event["stage"] == "off")
    frames, z_nm = true_z(data, min(data.bead_ids))
    before = (frames > locked) & (frames < step_frame)
    calm = before | ((frames > step_frame + settle_frames) & (frames < end_frame))
    aim_nm = float(z_nm[before].mean())
    after = z_nm[(frames > step_frame) & (frames < end_frame)]
    sent = np.array([event["timestamp_ns"] for event in corrections], float)
    late = np.array([event["timestamp_ns"] - event["t_ns"] for event in corrections], float)
    last = [event["correction_nm"] for event in corrections if event["timestamp_ns"] > gone["timestamp_ns"]]
    return Found(
        aim_nm,
        float(np.sqrt(np.mean((z_nm[calm] - aim_nm) ** 2))),
        float(max(0.0, (aim_nm - after.min()) / STEP_NM)),
        1e-6 * float(np.median(late)),
        1e-6 * float(np.median(np.diff(sent))),
        1e-9 * (let_go["timestamp_ns"] - gone["timestamp_ns"]),
        float(np.abs(last).sum()),
    )


def true_z(data: Any, bead_id: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return frames and true z of the simulated bead on which a tracked one sits."""
    first = data.tracks(bead_id)[:1]
    truth = data.truth()
    there = truth[truth["frame_id"] == first["frame_id"][0]]
    off = np.hypot(there["x_nm"] - first["x_nm"][0], there["y_nm"] - first["y_nm"][0])
    mine = truth[truth["bead_id"] == there["bead_id"][np.argmin(off)]]
    return mine["frame_id"].astype(np.int64), mine["z_nm"]
