"""A real recording process on real buffers, fed with frames and rows by the test itself."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import psutil
from numpy.typing import NDArray

from magscope_app.clock import WallAnchor
from magscope_app.config import load_config
from magscope_app.datatypes import MatrixBuffer, Session
from magscope_app.devices import FrameFormat
from magscope_app.messages import (
    CommandRefused,
    Message,
    RecordingFinished,
    RecordingOrder,
    RecordingProgress,
    RecordingStarted,
    RenameRecording,
    StopRecording,
    VideoReady,
)
from magscope_app.processes.children import Child, Children
from magscope_app.processes.handles import make_handles
from magscope_app.processes.segments import LOCK_SHAPES, Segments, matrix_shapes
from magscope_app.storage import open_dataset
from tests.data.rows import make_rows

FORMAT = FrameFormat(40, 24, 8)
N_BEADS, ROI_PX = 2, 8
_PATIENCE_S = 30.0
_Wanted = TypeVar("_Wanted", bound=Message)


def image(frame_id: int) -> NDArray[np.uint8]:
    """Return the frame with this id."""
    rng = np.random.default_rng(frame_id)
    return rng.integers(0, 255, (FORMAT.height_px, FORMAT.width_px), dtype=np.uint8)


class Rig:
    """Buffers of a session, the recording process, and the camera and tracking that the test plays."""

    def __init__(self, children: Children, segments: Segments, tracks: MatrixBuffer, anchor: WallAnchor):
        self.children = children
        self.anchor = anchor
        self._tracks = tracks
        self.video = segments.create_video(FORMAT)
        self._heard: list[Message] = []
        self._path: Path | None = None
        self.next_id = 0

    def start(self) -> None:
        """Start the recording process, anew if it has ended."""
        self.children.start(["recording"])
        self.children.send("recording", VideoReady(FORMAT))

    def wanted(
        self, folder: Path, mode: Any, resume: Path | None = None, name: str = "fed"
    ) -> RecordingOrder:
        """Return an order for a dataset, or to go on with one."""
        return RecordingOrder(
            folder, name, mode, b"[session]\n", self.anchor, {"motors": [], "roi_px": ROI_PX}, resume
        )

    def order(self, folder: Path, mode: Any, resume: Path | None = None, name: str = "fed") -> None:
        """Order a dataset, or to go on with one."""
        self.children.send("recording", self.wanted(folder, mode, resume, name))

    def record(self, folder: Path, mode: Any, resume: Path | None = None, name: str = "fed") -> Path:
        """Order a dataset and return its folder when it takes data."""
        self.order(folder, mode, resume, name)
        self._path = self.hear(RecordingStarted).path
        return self._path

    def feed(self, count: int, *, tracked: bool = True, n_beads: int = N_BEADS) -> None:
        """Give so many frames and, where they are `tracked` at once, their rows."""
        for frame_id in range(self.next_id, self.next_id + count):
            slot = self.video.begin()
            assert slot is not None, "the ring is full"
            slot[:] = image(frame_id)
            assert self.video.commit(timestamp_ns=frame_id * 10_000_000) == frame_id
            if tracked:
                self.track(frame_id, 1, n_beads)
        self.next_id += count

    def track(self, first_id: int, count: int, n_beads: int = N_BEADS) -> None:
        """Give the rows of frames."""
        self._tracks.write(make_rows(range(first_id, first_id + count), n_beads))

    def await_recorded(self, count: int) -> None:
        """Wait until so many frames are acknowledged."""
        self.hear(RecordingProgress, lambda message: message.frames_recorded >= count)

    def await_rows(self, count: int) -> None:
        """Wait until the recorder has taken so many frames' rows."""
        reader = self._tracks.reader_counters("recording")
        deadline = time.monotonic() + _PATIENCE_S
        while reader.position < count * N_BEADS:
            assert time.monotonic() < deadline
            time.sleep(0.01)
            reader = self._tracks.reader_counters("recording")

    def rename(self, name: str) -> None:
        """Give the dataset another name, and wait until it has it."""
        assert self._path is not None
        self.children.send("recording", RenameRecording(name))
        deadline = time.monotonic() + _PATIENCE_S
        while open_dataset(self._path).description["name"] != name:
            assert time.monotonic() < deadline, f"the dataset is not called {name}"
            time.sleep(0.01)

    def stop(self) -> RecordingFinished:
        """Finish the dataset."""
        self.children.send("recording", StopRecording())
        return self.hear(RecordingFinished)

    def refusal(self) -> str:
        """Wait for the sentence with which an order is refused."""
        return self.hear(CommandRefused).text

    def kill(self) -> None:
        """End the recording process as kill -9 does."""
        child = self._child()
        process = child._process
        process.kill()
        process.join(10)
        child.bury()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let the recording process do nothing for a moment."""
        process = psutil.Process(self._child().process_state().pid)
        process.suspend()
        try:
            yield
        finally:
            process.resume()

    def hear(self, kind: type[_Wanted], matches: Callable[[_Wanted], bool] = lambda message: True) -> _Wanted:
        """Wait for a message; those before it are dropped."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            self._heard += self._child().messages()
            while self._heard:
                message = self._heard.pop(0)
                if isinstance(message, kind) and matches(message):
                    return message
            assert not self._child().has_died(), "the recording process has died"
            self.children.wait(0.1)
        raise AssertionError(f"no {kind.__name__} came")

    def messages(self) -> list[Message]:
        """Return what the process has said since it was heard last."""
        heard, self._heard = [*self._heard, *self._child().messages()], []
        return heard

    def _child(self) -> Child:
        (child,) = self.children
        return child


@contextmanager
def fed_recorder(*settings: str) -> Iterator[Rig]:
    """Make everything, with overrides such as ``"recording.storage=mine:Full"``; release it in any case."""
    context = multiprocessing.get_context("spawn")
    config = load_config("demo.toml", ["buffer.seconds=1", *settings]).config
    config = config.model_copy(update={"motors": ()})
    anchor = WallAnchor.measure()
    with closing(Session.create()) as session:
        shapes = {
            name: shape
            for name, shape in matrix_shapes(config).items()
            if name == "tracks" or name in LOCK_SHAPES
        }
        handles = make_handles(context, config, session, anchor.session_start_ns, shapes)
        with closing(Segments(handles, shapes)) as segments, closing(handles.tracks()) as tracks:
            children = Children(context, handles)
            try:
                rig = Rig(children, segments, tracks, anchor)
                rig.start()
                yield rig
            finally:
                children.end_all()
