"""A stage, a piezo and a tracker in numbers: what a Z-lock sees of the world, without a process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from magscope_app.config.feedback import ZLockConfig
from magscope_app.feedback.readings import Frame, Reading
from magscope_app.feedback.z_lock import Decision, ZLock

FACTOR = 0.88
Telemetry = npt.NDArray[np.float64]


@dataclass
class Bench:
    """Runs a Z-lock in steps of a millisecond.

    Attributes
    ----------
    config : ZLockConfig
        Of the lock.
    bead_ids : tuple of int
        Reference beads.
    stage_nm : callable
        Height of the coverslip at a time in s.
    tracking_ms, piezo_ms : int
        Time from a frame to its rows, and time constant of the piezo.
    noise_nm : float
        Of each z.
    sign : float
        -1 for a focus that is mounted upside down, 0 for one that does not act on the beads.
    blind : bool
        No frames come.
    """

    config: ZLockConfig = field(default_factory=ZLockConfig)
    bead_ids: tuple[int, ...] = (0,)
    stage_nm: Callable[[float], float] = lambda _: 0.0
    tracking_ms: int = 5
    piezo_ms: int = 5
    noise_nm: float = 0.0
    sign: float = 1.0
    #: Travel after a turn that is lost.
    backlash_nm: float = 0.0
    stuck: bool = False
    blind: bool = False
    lost: set[int] = field(default_factory=set)
    moved_nm: dict[int, float] = field(default_factory=dict)
    #: Entries of every reading that are to be otherwise.
    spoilt: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lock = ZLock(self.config, FACTOR, 0.005, 0.01, lambda _: (-2000.0, 2000.0))
        self.rng = np.random.default_rng(1)
        self.t_ms = 0
        self.focus_nm = self.target_nm = self.objective_nm = 0.0
        self.decisions: list[Decision] = []
        self.z_nm: list[float] = []
        self.focus_trace_nm: list[float] = []
        self._telemetry: deque[tuple[float, ...]] = deque(maxlen=64)
        self._frames: deque[tuple[int, Frame]] = deque()

    @property
    def telemetry(self) -> Telemetry:
        return np.array(self._telemetry).reshape(-1, 5)

    def begin(self) -> None:
        self.lock.begin(self.bead_ids)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(1000 * seconds)):
            self._pass()

    def _pass(self) -> None:
        self.t_ms += 1
        if not self.stuck:
            self.focus_nm += (self.target_nm - self.focus_nm) / self.piezo_ms
        lost_nm = self.focus_nm - self.objective_nm
        self.objective_nm += lost_nm - min(max(lost_nm, 0.0), self.backlash_nm)
        now_ns = 1e6 * self.t_ms
        if self.t_ms % 5 == 0:
            there = abs(self.focus_nm - self.target_nm) < 1
            self._telemetry.append((now_ns, self.focus_nm, self.target_nm, not there, there))
            self.lock.watch(self.telemetry, now_ns)
        if self.t_ms % 10 == 0 and not self.blind:
            self._expose(now_ns)
        while self._frames and self._frames[0][0] <= self.t_ms:
            self._track(self._frames.popleft()[1], now_ns)

    def _expose(self, now_ns: float) -> None:
        z_nm = self.stage_nm(self.t_ms * 1e-3) - self.sign * FACTOR * self.objective_nm
        self.z_nm.append(z_nm)
        self.focus_trace_nm.append(self.focus_nm)
        beads = {
            bead_id: replace(
                Reading(
                    1.0,
                    1.0,
                    z_nm + self.moved_nm.get(bead_id, 0.0) + self.noise_nm * self.rng.standard_normal(),
                    1.0,
                    0.9,
                ),
                **self.spoilt,
            )
            for bead_id in self.bead_ids
            if bead_id not in self.lost
        }
        frame = Frame(len(self.z_nm), now_ns, self.focus_nm, beads)
        self._frames.append((self.t_ms + self.tracking_ms, frame))

    def _track(self, frame: Frame, now_ns: float) -> None:
        decision = self.lock.take(frame, self.telemetry)
        if decision is not None and decision.correction_nm:
            self.decisions.append(decision)
            self.target_nm = decision.focus_nm
            self.lock.sent(decision, now_ns)
