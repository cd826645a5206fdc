"""The microscope as a protocol sees it: move, read, record, wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from magscope_app.calibration.messages import FocusIsFree, MakeSweepBuffer, SweepBegins, SweepBufferReady
from magscope_app.config import RecordingMode
from magscope_app.datatypes import ZLUTSweepDataset
from magscope_app.devices import SettingValue
from magscope_app.engine import ExecutionEngine
from magscope_app.errors import MagscopeError
from magscope_app.experiment.axes import LOOK_S, Rows
from magscope_app.experiment.locks import Locks
from magscope_app.experiment.news import News
from magscope_app.messages import (
    AddNote,
    Bead,
    BeadsChanged,
    CameraSettings,
    CommandRefused,
    Fault,
    FaultCaused,
    Message,
    RecordingFinished,
    RecordingRenamed,
    RecordingStarted,
    RenameRecording,
    SetCameraSetting,
    StartRecording,
    StopRecording,
)
from magscope_app.processes.handles import Handles
from magscope_app.processes.message_check import why_malformed

_Answer = TypeVar("_Answer", bound=Message)
_ANSWER_S = 5.0
_FINISH_S = 20.0
#: Where the locks' process hangs, it is ended first.
_FREE_S = 30.0


class Microscope(Locks):
    """Commands the running line and reads its data; every wait ends when the protocol is stopped or aborted.

    Parameters
    ----------
    handles : Handles
        To the shared memory.
    send : callable
        Sends a command to the supervisor.
    news : News
        What comes back.
    engine : ExecutionEngine
        In which the protocol runs; it may submit events of its own.
    """

    def __init__(
        self, handles: Handles, send: Callable[[Message], None], news: News, engine: ExecutionEngine
    ) -> None:
        super().__init__(handles, send, news)
        self.engine = engine
        self._beads: tuple[Bead, ...] = ()
        self._wait: Callable[[float], object] = time.sleep
        self._tracks = handles.tracks()

    @property
    def beads(self) -> tuple[Bead, ...]:
        """The bead list as it is now."""
        return self._beads

    # --- data --------------------------------------------------------------------------------

    def tracks(self, n_frames: int, *, timeout_s: float = 60.0) -> Rows:
        """Wait for the next frames and return their bead rows.

        Parameters
        ----------
        n_frames : int
            Frames from now on.
        timeout_s : float
            Longest wait.

        Returns
        -------
        ndarray, (n_rows, 14)
            TRACKS_COLUMNS, in frame order; positions in nm.

        Raises
        ------
        MagscopeError
            They did not come in time.
        """
        reader = self._tracks.reader(f"experiment-{next(self._tokens)}", start="newest")
        try:
            return self._collect(reader.read, n_frames, time.monotonic() + timeout_s)
        finally:
            reader.close()

    def _collect(self, read: Callable[[], Rows], n_frames: int, deadline: float) -> Rows:
        blocks: list[Rows] = []
        frames: set[float] = set()
        while len(frames) <= n_frames:
            rows = read()
            if len(rows):
                blocks.append(rows)
                frames.update(np.unique(rows[:, 0]).tolist())
            elif time.monotonic() > deadline:
                raise MagscopeError(
                    f"{len(frames)} of {n_frames} frames were tracked in time; is the camera running?"
                )
            self._wait(LOOK_S)
        kept = sorted(frames)[:n_frames]
        rows = np.concatenate(blocks)
        wanted: Rows = rows[rows[:, 0] <= kept[-1]]
        return wanted

    # --- camera and recording ----------------------------------------------------------------

    def set_camera(self, name: str, value: SettingValue) -> None:
        """Change a setting of the camera and wait until it has.

        Raises
        ------
        MagscopeError
            The camera refuses, or does not answer, or the value is no number, text or bool.
        """
        plain = value.item() if isinstance(value, np.generic) else value
        since, order = self._news.now, SetCameraSetting(name, plain)
        if wrong := why_malformed(order):
            raise MagscopeError(wrong)
        self._send(order)
        self._answer(CameraSettings, since, _ANSWER_S, f"the camera did not answer to {name} = {value}")

    def cause_fault(
        self,
        device: str,
        kind: str,
        *,
        duration_s: float | None = None,
        count: int = 1,
        at_position: float | None = None,
    ) -> None:
        """Let a simulated device go wrong now, to practise.

        Parameters
        ----------
        device : str
            ``"camera"``, or the name of a motor.
        kind : str
            As in ``simulation.faults``.
        duration_s, count, at_position
            How long, how many frames, where: what the kind needs.

        Raises
        ------
        MagscopeError
            There is no such device, it cannot go wrong in this way, or it does not answer.
        """
        since, token = self._news.now, next(self._tokens)
        order = Fault(device, kind, duration_s, count, at_position, token)
        if wrong := why_malformed(order):
            raise MagscopeError(wrong)
        self._send(order)

        def look(message: Message) -> Message | None:
            mine = isinstance(message, CommandRefused | FaultCaused) and message.token == token
            return message if mine else None

        answer = self._news.wait_for(look, since, _ANSWER_S, self._check)
        if answer is None:
            raise MagscopeError(f"{device} did not answer to {kind} within {_ANSWER_S:g} s; look at the log")
        if isinstance(answer, CommandRefused):
            raise MagscopeError(answer.text)

    def start_recording(
        self, name: str | None = None, *, mode: RecordingMode | None = None, folder: Path | None = None
    ) -> Path:
        """Start a dataset and return its folder; what is left out comes from the config.

        Raises
        ------
        MagscopeError
            There is no such mode, or it was not started.
        """
        since, order = self._news.now, StartRecording(folder, name, mode)
        # What is malformed the supervisor does not answer.
        if wrong := order.why_no_mode() or why_malformed(order):
            raise MagscopeError(wrong)
        self._send(order)
        return self._answer(RecordingStarted, since, _ANSWER_S, "the recording did not start").path

    def stop_recording(self) -> RecordingFinished:
        """Finish the running dataset and return what is in it.

        Raises
        ------
        MagscopeError
            It was not finished in time.
        """
        since = self._news.now
        self._send(StopRecording())
        return self._answer(RecordingFinished, since, _FINISH_S, "the recording was not finished")

    def rename_recording(self, name: str) -> None:
        """Give the running dataset another name; its folder follows when it is finished.

        Raises
        ------
        MagscopeError
            No disk takes that name, or nothing is recorded.
        """
        since, order = self._news.now, RenameRecording(name)
        if wrong := why_malformed(order):
            raise MagscopeError(wrong)
        self._send(order)
        self._answer(RecordingRenamed, since, _ANSWER_S, f"the recording is not called {name!r}")

    def note(self, text: str) -> None:
        """Keep a sentence in the running dataset."""
        self._send(AddNote(text))

    def wait(self, seconds: float) -> bool:
        """Wait; True if the protocol was asked to stop.

        Raises
        ------
        EventAborted
            The protocol was aborted.
        """
        return bool(self._wait(seconds))

    def take_focus(self) -> None:
        """Have the Z-lock off the focus for the length of a sweep; return when it has let go.

        Raises
        ------
        MagscopeError
            It did not.
        """
        since = self._news.now
        self._send(SweepBegins())

        def look(message: Message) -> bool | None:
            return isinstance(message, FocusIsFree) or None

        if not self._news.wait_for(look, since, _FREE_S, self._check):
            raise MagscopeError(f"the Z-lock did not let go of the focus within {_FREE_S:g} s; switch it off")

    def make_sweep_buffer(self, sizes: MakeSweepBuffer) -> ZLUTSweepDataset:
        """Ask for shared memory for the profiles of a sweep, and attach to it.

        Raises
        ------
        MagscopeError
            There is none.
        """
        since = self._news.now
        self._send(sizes)
        self._answer(SweepBufferReady, since, _ANSWER_S, "the buffer of the sweep was not made")
        return self._handles.sweep()

    # --- for the experiment process ----------------------------------------------------------

    def hear(self, message: Message) -> None:
        """Take in what the supervisor says."""
        if isinstance(message, BeadsChanged):
            self._beads = message.beads
        self._hear_motors(message)
        self._news.add(message)

    def obey(self, check: Callable[[], object], wait: Callable[[float], object]) -> None:
        """Use these to wait: they end when the running protocol is to end."""
        self._check, self._wait = check, wait

    def close(self) -> None:
        """Detach from the shared memory."""
        self._tracks.close()
        for telemetry in self._telemetry.values():
            telemetry.close()

    def _answer(self, kind: type[_Answer], since: int, timeout_s: float, what: str) -> _Answer:
        """Return the answer of this kind; a refusal is raised."""

        def look(message: Message) -> _Answer | None:
            if isinstance(message, CommandRefused):
                raise MagscopeError(message.text)
            return message if isinstance(message, kind) else None

        answer = self._news.wait_for(look, since, timeout_s, self._check)
        if answer is None:
            raise MagscopeError(f"{what} within {timeout_s:g} s; look at the log")
        return answer
