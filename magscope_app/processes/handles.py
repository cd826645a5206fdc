"""What every process needs to reach the shared memory: names, locks and wake-ups, picklable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.context import SpawnContext
from multiprocessing.synchronize import Lock, Semaphore

from magscope_app.config import Config
from magscope_app.datatypes import (
    BeadRoiBuffer,
    LiveProfileBuffer,
    MatrixBuffer,
    Session,
    VideoBuffer,
    ZLUTSweepDataset,
    make_wakes,
)

TRACKS = "tracks"
TRUTH = "truth"
DRIFT, Z_LOCK, XY_LOCK = "drift", "z_lock", "xy_lock"
#: Named readers of each buffer that sleep until there is something to read.
WOKEN_READERS = {"VideoBuffer": ("tracking", "recording"), TRACKS: ("feedback",)}


def telemetry_name(motor: str) -> str:
    """Return the name of the buffer that holds an axis's positions."""
    return f"motor.{motor}"


@dataclass(frozen=True)
class Handles:
    """Everything a process needs to attach to the buffers of one session.

    Attributes
    ----------
    config : Config
        The whole config.
    session : str
        Prefix of the segments' names.
    session_start_ns : int
        ``perf_counter_ns`` at which the session clock is 0.
    locks, wakes : mapping
        By buffer, and by ``"buffer.reader"``; they can only be handed on by spawning a process.
    restarted : bool
        A process of this name was there before, and has died.
    process : str
        Name of the process that has them.
    """

    config: Config
    session: str
    session_start_ns: int
    locks: dict[str, Lock]
    wakes: dict[str, Semaphore]
    restarted: bool = False
    process: str = "supervisor"

    def video(self) -> VideoBuffer:
        """Attach to the frames; the buffer exists once VideoReady was sent."""
        return VideoBuffer(create=False, locks=self.locks, wakes=self.wakes, session=self.session)

    def tracks(self) -> MatrixBuffer:
        """Attach to the bead rows (TRACKS_COLUMNS)."""
        return self.matrix(TRACKS)

    def truth(self) -> MatrixBuffer:
        """Attach to the truth of a simulated run."""
        return self.matrix(TRUTH)

    def telemetry(self, motor: str) -> MatrixBuffer:
        """Attach to an axis's positions (TELEMETRY_COLUMNS)."""
        return self.matrix(telemetry_name(motor))

    def matrix(self, name: str) -> MatrixBuffer:
        """Attach to a matrix by name."""
        return MatrixBuffer(create=False, locks=self.locks, name=name, wakes=self.wakes, session=self.session)

    def rois(self) -> BeadRoiBuffer:
        """Attach to the bead ROIs."""
        return BeadRoiBuffer(create=False, locks=self.locks, session=self.session)

    def profile(self) -> LiveProfileBuffer:
        """Attach to the radial profile of the selected bead."""
        return LiveProfileBuffer(create=False, locks=self.locks, session=self.session)

    def sweep(self) -> ZLUTSweepDataset:
        """Attach to the profiles of the running sweep; they exist once SweepBufferReady was sent."""
        return ZLUTSweepDataset.attach(locks=self.locks, session=self.session)


def make_handles(
    context: SpawnContext,
    config: Config,
    session: Session,
    session_start_ns: int,
    matrices: Mapping[str, object],
) -> Handles:
    """Make the locks and wake-ups of a session whose matrices have these names."""
    names = ["VideoBuffer", "BeadRoiBuffer", "LiveProfileBuffer", ZLUTSweepDataset.NAME, *matrices]
    locks = {name: context.Lock() for name in names}
    session.note_semaphores(locks.values())
    wakes = make_wakes(context, WOKEN_READERS, session)
    return Handles(config, session.prefix, session_start_ns, locks, wakes)
