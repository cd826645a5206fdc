"""A Z-lock frame by frame: the focus is where it was sent in the next frame. Minutes take seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from magscope_app.config.feedback import ZLockConfig
from magscope_app.feedback.readings import Frame, Reading
from magscope_app.feedback.z_lock import Decision, ZLock
from tests.feedback.bench import FACTOR

#: What a bead may jump in x and y.
LARGEST_JUMP_NM = 400.0


@dataclass
class Quick:
    """Feeds frames.

    Attributes
    ----------
    bead_ids : tuple of int
        Beads that are named.
    noise_nm : float
        Of each z; it is stated as the uncertainty where `sigma_nm` says nothing else.
    period_s : float
        Of a frame.
    """

    config: ZLockConfig = field(default_factory=ZLockConfig)
    bead_ids: tuple[int, ...] = (0,)
    noise_nm: float = 0.0
    period_s: float = 0.01
    seed: int = 1
    z_nm: float = 0.0
    moved_nm: dict[int, float] = field(default_factory=dict)
    places_nm: dict[int, tuple[float, float]] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)
    quality: float = 0.9
    sigma_nm: float | None = None

    def __post_init__(self) -> None:
        limits = -2000.0, 2000.0
        period_s = self.period_s
        self.lock = ZLock(self.config, FACTOR, period_s / 2, period_s, lambda _: limits, LARGEST_JUMP_NM)
        self.rng = np.random.default_rng(self.seed)
        self.count = 0
        self.focus_nm = 0.0
        self.focus_trace_nm: list[float] = []
        self.decisions: list[Decision] = []
        self.lock.begin(self.bead_ids)

    @property
    def now_ns(self) -> float:
        return 1e9 * self.period_s * self.count

    def frame(self) -> Decision | None:
        """Let a frame go by."""
        self.count += 1
        telemetry = np.array([[self.now_ns, self.focus_nm, self.focus_nm, 0.0, 1.0]])
        self.lock.watch(telemetry, self.now_ns)
        frame = Frame(self.count, self.now_ns + 1e9 * self.period_s, self.focus_nm, dict(self._readings()))
        decision = self.lock.take(frame, telemetry)
        if decision is not None:
            self.decisions.append(decision)
            if decision.correction_nm:
                self.focus_nm = decision.focus_nm
                self.lock.sent(decision, self.now_ns)
        self.focus_trace_nm.append(self.focus_nm)
        return decision

    def run(self, seconds: float) -> None:
        """Let time pass while the lock is on."""
        for _ in range(round(seconds / self.period_s)):
            self.frame()
            if not self.lock.on:
                return

    def held(self) -> Quick:
        """Return it with the lock on."""
        for _ in range(40):
            if self.lock.state.stage == "on":
                break
            self.frame()
        assert self.lock.state.stage == "on", self.lock.state
        return self

    def _readings(self) -> Mapping[int, Reading]:
        level_nm = self.z_nm - FACTOR * self.focus_nm
        return {
            bead_id: Reading(
                *self.places_nm.get(bead_id, (1.0, 1.0)),
                level_nm + self.moved_nm.get(bead_id, 0.0) + self.noise_nm * self.rng.standard_normal(),
                max(self.noise_nm, 1.0) if self.sigma_nm is None else self.sigma_nm,
                self.quality,
            )
            for bead_id in self.bead_ids
            if bead_id not in self.lost
        }
