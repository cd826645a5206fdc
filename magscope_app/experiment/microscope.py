"""The microscope as a protocol sees it: move, read, record, wait."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from magscope_app.config import Config, RecordingMode
from magscope_app.datatypes import MatrixBuffer
from magscope_app.devices import SettingValue
from magscope_app.engine import ExecutionEngine
from magscope_app.errors import MagscopeError
from magscope_app.experiment.news import News
from magscope_app.messages import (
    AddNote,
    Bead,
    BeadsChanged,
    CameraSettings,
    CommandRefused,
    Message,
    MoveMotor,
    RecordingFinished,
    RecordingStarted,
    SetCameraSetting,
    StartRecording,
    StopMotors,
    StopRecording,
)
from magscope_app.processes.handles import Handles

_Answer = TypeVar("_Answer", bound=Message)
Rows = npt.NDArray[np.float64]
#: Axes and rows are looked at this often.
_LOOK_S = 0.01
_ANSWER_S = 5.0
_FINISH_S = 20.0


class Microscope:
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
        self._handles = handles
        self._send = send
        self._news = news
        self.engine = engine
        self._beads: tuple[Bead, ...] = ()
        self._check: Callable[[], object] = lambda: None
        self._wait: Callable[[float], object] = time.sleep
        self._tokens = itertools.count(1)
        self._tracks = handles.tracks()
        self._telemetry: dict[str, MatrixBuffer] = {}

    @property
    def config(self) -> Config:
        """The config that is run."""
        return self._handles.config

    @property
    def beads(self) -> tuple[Bead, ...]:
        """The bead list as it is now."""
        return self._beads

    # --- axes --------------------------------------------------------------------------------

    def position(self, motor: str) -> float:
        """Return where an axis is, in its unit.

        Raises
        ------
        MagscopeError
            There is no such axis, or nothing is known of it yet.
        """
        return float(self._newest(motor)[1])

    def move(self, motor: str, position: float, *, timeout_s: float = 60.0, wait: bool = True) -> float:
        """Move an axis and wait until it has arrived.

        Parameters
        ----------
        motor : str
            Its name in the config.
        position : float
            In its unit.
        timeout_s : float
            Longest wait.
        wait : bool
            False: return at once.

        Returns
        -------
        float
            Where the axis is.

        Raises
        ------
        MagscopeError
            The move was refused, or did not end in time; the text says where the axis stands.
        """
        self._newest(motor)
        since, token = self._news.now, next(self._tokens)
        asked_ns = time.perf_counter_ns() - self._handles.session_start_ns
        self._send(MoveMotor(motor, float(position), token))
        deadline = time.monotonic() + timeout_s
        while wait:
            refused = self._news.wait_for(
                lambda message: (
                    message.text if isinstance(message, CommandRefused) and message.token == token else None
                ),
                since,
                _LOOK_S,
                self._check,
            )
            if refused is not None:
                raise MagscopeError(refused)
            t_ns, at, target, _, at_target = self._newest(motor)
            if t_ns > asked_ns and target == position and at_target:
                break
            if time.monotonic() > deadline:
                where = f"it is at {at:g}; look at the axis"
                raise MagscopeError(f"{motor} did not reach {position:g} within {timeout_s:g} s: {where}")
        return self.position(motor)

    def stop_motors(self) -> None:
        """Stop all axes at once."""
        self._send(StopMotors())

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
        ndarray, (n_rows, 13)
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
            self._wait(_LOOK_S)
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
            The camera refuses, or does not answer.
        """
        since = self._news.now
        self._send(SetCameraSetting(name, value))
        self._answer(CameraSettings, since, _ANSWER_S, f"the camera did not answer to {name} = {value}")

    def start_recording(
        self, name: str | None = None, *, mode: RecordingMode | None = None, folder: Path | None = None
    ) -> Path:
        """Start a dataset and return its folder; what is left out comes from the config.

        Raises
        ------
        MagscopeError
            It was not started.
        """
        since = self._news.now
        self._send(StartRecording(folder, name, mode))
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

    # --- for the experiment process ----------------------------------------------------------

    def hear(self, message: Message) -> None:
        """Take in what the supervisor says."""
        if isinstance(message, BeadsChanged):
            self._beads = message.beads
        self._news.add(message)

    def obey(self, check: Callable[[], object], wait: Callable[[float], object]) -> None:
        """Use these to wait: they end when the running protocol is to end."""
        self._check, self._wait = check, wait

    def close(self) -> None:
        """Detach from the shared memory."""
        self._tracks.close()
        for telemetry in self._telemetry.values():
            telemetry.close()

    def _newest(self, motor: str) -> Rows:
        if motor not in [entry.name for entry in self.config.motors]:
            known = ", ".join(entry.name for entry in self.config.motors) or "none"
            raise MagscopeError(f"there is no motor {motor!r}; there is: {known}")
        if motor not in self._telemetry:
            self._telemetry[motor] = self._handles.telemetry(motor)
        rows = self._telemetry[motor].newest(1)
        if not len(rows):
            raise MagscopeError(f"nothing is known of {motor} yet; wait until the motors are open")
        newest: Rows = rows[0]
        return newest

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
