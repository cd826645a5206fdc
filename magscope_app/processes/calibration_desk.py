"""The supervisor's view of calibration: sweeps go to the experiment process, Z-LUTs to tracking."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from magscope_app.calibration.messages import (
    CancelSweep,
    FocusIsFree,
    MakeSweepBuffer,
    PauseSweep,
    SaveZLUTs,
    StartSweep,
    SweepBegins,
    SweepBufferReady,
    SweepEnded,
    SweepProgress,
    UseZLUTs,
    ZLUTsLoaded,
    ZLUTsSaved,
    ZLUTsUsed,
)
from magscope_app.calibration.unfinished import remove_abandoned
from magscope_app.config import Config
from magscope_app.errors import MagscopeError
from magscope_app.messages import Message
from magscope_app.processes.children import Children
from magscope_app.processes.lock_desk import LockDesk

SWEEP_COMMANDS = (StartSweep, PauseSweep, CancelSweep, SaveZLUTs, UseZLUTs)
SWEEP_NEWS = (SweepBegins, SweepProgress, SweepEnded, ZLUTsSaved, ZLUTsLoaded, ZLUTsUsed, MakeSweepBuffer)


class CalibrationDesk:
    """Passes commands about sweeps and Z-LUTs on, and their news back.

    Parameters
    ----------
    config : Config
        Names the Z-LUTs of the start.
    children : Children
        The processes.
    locks : LockDesk
        Keeps off the focus during a sweep, and must know by which Z-LUTs z is measured.
    order : callable
        Completes a `StartSweep` and sends it to the experiment process, which it starts if need be.
    create : callable
        Makes the buffer of a sweep's profiles.
    keep : callable
        Tells the recorder what belongs into the running dataset.
    on_news : callable
        Told what the window is told.
    log, refuse : callable
        For the user.
    """

    def __init__(
        self,
        config: Config,
        children: Children,
        locks: LockDesk,
        order: Callable[[StartSweep], None],
        create: Callable[[MakeSweepBuffer], None],
        keep: Callable[[Message], None],
        on_news: Callable[[Message], None],
        log: Callable[[int, str], None],
        refuse: Callable[[str], None],
    ) -> None:
        self._children = children
        self._locks = locks
        self._order = order
        self._create = create
        self._keep = keep
        self._on_news = on_news
        self._log = log
        self._refuse = refuse
        #: The Z-LUTs that beads are tracked with.
        self.zlut: Path | None = config.tracking.zlut
        self._copy: Path | None = None
        self._other_zlut = False
        self._folder = config.recording.folder
        self._halted = False
        self.sweeping = False
        self._warned = 0

    def command(self, message: Message) -> None:
        """Carry out one of SWEEP_COMMANDS."""
        if isinstance(message, UseZLUTs):
            self._locks.expect_zluts(message)
            self._children.send("tracking", message)
        elif isinstance(message, StartSweep):
            if self.sweeping:
                self._refuse("a sweep is running already; wait until it has ended, or cancel it")
                return
            self.sweeping, self._halted, self._warned = True, False, 0
            self._order(message)
        elif not self._children.alive("experiment"):
            self._refuse("there was no sweep yet; start one first")
        else:
            self._children.send("experiment", message)

    def news(self, message: Message) -> None:
        """Take in one of SWEEP_NEWS, and pass it on."""
        if isinstance(message, SweepBegins):
            self._locks.begin_sweep(lambda: self._children.send("experiment", FocusIsFree()))
            return
        if isinstance(message, MakeSweepBuffer):
            self._make_buffer(message)
            return
        if isinstance(message, ZLUTsLoaded):
            self._on_loaded(message.copy)
            return
        if isinstance(message, SweepProgress | SweepEnded):
            self._warn(message.warnings)
        if isinstance(message, SweepEnded):
            self._on_ended(message)
        elif isinstance(message, ZLUTsSaved):
            self._log(logging.INFO, f"the Z-LUTs of {message.n_beads} beads are in {message.path}")
        elif isinstance(message, ZLUTsUsed):
            # A tracking process that was started again goes on with those that the dataset has.
            if message.frame_id or message.path != self.zlut:
                self._keep(message)
            self.zlut, self._copy, self._other_zlut = message.path, message.copy, True
            self._locks.use_zluts(message)
            self._log(logging.INFO, f"beads are tracked with {message.path}")
        self._on_news(message)
        self._children.send("gui", message)

    def _warn(self, warnings: tuple[str, ...]) -> None:
        """Log what was not known before."""
        for warning in warnings[self._warned :]:
            self._log(logging.WARNING, f"sweep: {warning}")
        self._warned = max(self._warned, len(warnings))

    def _on_loaded(self, copy: Path) -> None:
        """Keep what tracking has begun with; one that was started again is told with what to go on."""
        if self._copy is None and self.zlut is not None:
            self._copy = copy
            self._locks.use_zluts(ZLUTsUsed(self.zlut, 0, copy))

    @property
    def stored(self) -> Path | None:
        """The Z-LUTs as beads are tracked with them, whatever was written into their file since."""
        return self._copy or self.zlut

    def _make_buffer(self, message: MakeSweepBuffer) -> None:
        try:
            self._create(message)
        except (MagscopeError, OSError) as error:
            self._refuse(f"the sweep cannot be watched: {error}")
            return
        for name in ("experiment", "gui"):
            self._children.send(name, SweepBufferReady())

    def _on_ended(self, message: SweepEnded) -> None:
        self.sweeping = False
        self._locks.end_sweep()
        if message.error:
            self._log(logging.ERROR, f"the sweep failed: {message.error}")
        elif message.cancelled and self._halted:
            text = "the sweep has ended, since all motors were stopped; nothing was kept"
            self._log(logging.WARNING, f"{text}, and the focus stays where it is")
        elif message.cancelled:
            self._log(logging.INFO, "the sweep was cancelled; nothing was kept")
        else:
            good = sum(report.verdict == "good" for report in message.reports)
            self._log(logging.INFO, f"{good} of {len(message.reports)} beads have a good Z-LUT")
            if message.drift and message.drift not in message.warnings:
                self._log(logging.INFO, message.drift)

    def messages(self) -> list[Message]:
        """Return what a window must know that opens late."""
        return [ZLUTsUsed(self.zlut)] if self._other_zlut and self.zlut is not None else []

    def halt(self) -> None:
        """All motors were told to stop: a sweep must not move them again, not even back."""
        if self.sweeping:
            self._halted = True
            self._children.send("experiment", CancelSweep(stay=True))

    def cancel(self) -> None:
        """End a sweep in order."""
        if self.sweeping:
            self._children.send("experiment", CancelSweep())

    def leave(self) -> None:
        """Say what a sweep leaves behind that is not waited for any more."""
        if self.sweeping:
            self._log(
                logging.WARNING,
                "the sweep was broken off and nothing was kept: focus and magnets stay where they are, and "
                "were not brought back; look where they are before the next sweep",
            )

    def on_experiment_lost(self, text: str) -> None:
        """Say that a sweep has died with its process, and remove what it leaves."""
        if not self.sweeping:
            return
        self._log_abandoned()
        self.news(SweepEnded(error=f"{text}; nothing was kept, and the focus was not brought back"))

    def _log_abandoned(self) -> None:
        if abandoned := remove_abandoned(self._folder):
            self._log(logging.INFO, abandoned)

    def on_tracking_back(self) -> None:
        """Give a tracking process that was started again the Z-LUTs of the one before."""
        if self.zlut is not None:
            self._children.send("tracking", UseZLUTs(self.zlut, self._copy))
