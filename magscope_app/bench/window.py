"""How often the window shows a new image."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from magscope_app.bench.scene import Scene, make_scene
from magscope_app.config import Config
from magscope_app.datatypes import TRACKS_COLUMNS, MatrixBuffer, ReaderMode, Session, VideoBuffer
from magscope_app.devices import FrameFormat
from magscope_app.errors import MagscopeError
from magscope_app.messages import Bead, Message, ProcessFailed, ProcessReady, Shutdown, VideoReady
from magscope_app.processes.bead_owner import BeadOwner
from magscope_app.processes.child import ChildStart, child_main
from magscope_app.processes.handles import TRACKS, make_handles
from magscope_app.processes.link import Link, LinkClosed
from magscope_app.processes.segments import LOCK_SHAPES, Segments

#: Counts what it draws; found by name, since the engine knows no window.
TARGET = "gui.rate:run"
#: More than any screen shows.
_FPS = 100.0
_RING_FRAMES, _TRACKS_ROWS = 50, 200_000
_START_S, _END_S = 60.0, 5.0
_BEADS = 200
_Found = TypeVar("_Found", bound=Message)


@dataclass(frozen=True, slots=True)
class WindowRate(Message):
    """How often a window has drawn the image.

    Attributes
    ----------
    updates_per_s : float
        Images drawn.
    processor : float
        Processors that its process took for it, 1 for a whole one.
    on_screen : bool
        False where there was no display, and Qt drew into memory.
    """

    updates_per_s: float
    processor: float
    on_screen: bool


def window_rate(config: Config, form: FrameFormat) -> WindowRate:
    """Open a window on frames that come at 100 a second, and return how many of them it draws.

    Parameters
    ----------
    config : Config
        For the window.
    form : FrameFormat
        Of the frames; as many beads as fit in one have their boxes in it, but 200 at most.

    Raises
    ------
    MagscopeError
        The window could not be opened; the text says why.
    """
    roi_px = config.beads.roi_px
    n_beads = min(_BEADS, (form.width_px // roi_px) * (form.height_px // roi_px))
    scene = make_scene(n_beads, roi_px, form, None, n_frames=4)
    with fed_window(config, form, scene, TARGET) as link:
        return wait_for(link, WindowRate)


class Feeder(threading.Thread):
    """Plays camera and tracking: frames and rows, at a rate.

    Parameters
    ----------
    video, tracks
        Take them.
    scene : Scene
        Is played in a loop; each ROI has a row.
    start_ns : int
        ``perf_counter_ns`` at which the session clock is 0.
    """

    def __init__(self, video: VideoBuffer, tracks: MatrixBuffer, scene: Scene, start_ns: int) -> None:
        super().__init__(name="feeder", daemon=True)
        self._video, self._tracks, self._scene, self._start_ns = video, tracks, scene, start_ns
        self.stop = threading.Event()

    def run(self) -> None:
        """Write until told to stop."""
        rng = np.random.default_rng(2)
        corners, frames = self._scene.corners, self._scene.frames
        rows = np.zeros((len(corners), len(TRACKS_COLUMNS)))
        rows[:, 5] = np.arange(len(corners))
        frame_id, due_s = 0, time.perf_counter()
        # Nobody tracks here, and what nobody reads would fill the ring.
        with closing(self._video.reader("tracking", ReaderMode.LOSSLESS)) as reader:
            while not self.stop.is_set():
                t_ns = time.perf_counter_ns() - self._start_ns
                slot = self._video.begin()
                if slot is not None:
                    slot[:] = frames[frame_id % len(frames)]
                    self._video.commit(timestamp_ns=t_ns, camera_frame=frame_id, device_tick=0)
                    rows[:, 0], rows[:, 1] = frame_id, t_ns
                    rows[:, 2:4] = 100.0 * corners
                    rows[:, 2:5] += rng.normal(0, 20, (len(rows), 3))
                    if len(rows):
                        self._tracks.write(rows)
                    frame_id += 1
                batch = reader.acquire(16)
                if batch is not None:
                    batch.release()
                due_s += 1 / _FPS
                self.stop.wait(max(0.0, due_s - time.perf_counter()))


@contextmanager
def fed_window(config: Config, form: FrameFormat, scene: Scene, target: str) -> Iterator[Link]:
    """Start a process of the window on frames and rows that come all the time; it is ended at the end.

    Parameters
    ----------
    config : Config
        For the window.
    form : FrameFormat
        Of the frames.
    scene : Scene
        The frames and their beads.
    target : str
        What the process runs, as ``"module:function"``.

    Yields
    ------
    Link
        To the process.
    """
    context = multiprocessing.get_context("spawn")
    fed = config.model_copy(
        update={
            "camera": config.camera.model_copy(update={"fps": _FPS}),
            "buffer": config.buffer.model_copy(update={"seconds": _RING_FRAMES / _FPS}),
            "motors": (),
        }
    )
    shapes = {TRACKS: (_TRACKS_ROWS, len(TRACKS_COLUMNS)), **LOCK_SHAPES}
    with ExitStack() as stack:
        session = stack.enter_context(closing(Session.create()))
        start_ns = time.perf_counter_ns()
        handles = make_handles(context, fed, session, start_ns, shapes)
        segments = stack.enter_context(closing(Segments(handles, shapes)))
        video = segments.create_video(form)
        owner = _owner(segments, form, scene, config.beads.roi_px)
        tracks = stack.enter_context(closing(handles.tracks()))
        feeder = Feeder(video, tracks, scene, start_ns)
        stack.callback(feeder.join, _END_S)
        stack.callback(feeder.stop.set)
        feeder.start()
        near, far = context.Pipe()
        link = stack.enter_context(closing(Link(near, "bench")))
        start = ChildStart("gui", target, far, handles)
        # Not a daemon: the window's process may have children of its own.
        process = context.Process(target=child_main, args=(start,), name="magscope-gui")
        try:
            process.start()
            far.close()
            wait_for(link, ProcessReady)
            link.send(VideoReady(form))
            link.send(owner.changed())
            yield link
        finally:
            link.send(Shutdown())
            process.join(_END_S)
            if process.is_alive():
                # Drawing again and again, it may not have looked.
                process.kill()
                process.join(_END_S)


def wait_for(link: Link, kind: type[_Found]) -> _Found:
    """Return the next message of a kind. Raises MagscopeError where none comes."""
    late = time.monotonic() + _START_S
    while time.monotonic() < late:
        try:
            message = link.receive(0.1)
        except LinkClosed:
            raise MagscopeError("the window's process has ended unexpectedly") from None
        if isinstance(message, ProcessFailed):
            raise MagscopeError(message.text)
        if isinstance(message, kind):
            return message
    raise MagscopeError(f"the window did not answer within {_START_S:g} s")


def _owner(segments: Segments, form: FrameFormat, scene: Scene, roi_px: int) -> BeadOwner:
    owner = BeadOwner(segments.rois, roi_px)
    owner.format = form
    middle = (roi_px - 1) / 2
    owner.add(
        [Bead(number, x0 + middle, y0 + middle) for number, (x0, y0) in enumerate(scene.corners.tolist())]
    )
    return owner
