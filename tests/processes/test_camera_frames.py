"""The loop of the camera process: which frames count as lost."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest

from magscope_app.config import load_config
from magscope_app.datatypes import Session, VideoBuffer
from magscope_app.devices import FrameFormat
from magscope_app.messages import (
    AcquisitionStopped,
    CommandRefused,
    FirstFrame,
    Message,
    SetCameraSetting,
    Shutdown,
    StartAcquisition,
    StopAcquisition,
    VideoReady,
)
from magscope_app.processes import camera
from magscope_app.processes.handles import Handles, make_handles
from magscope_app.processes.message_check import why_malformed
from tests.processes.counting_camera import CountingCamera

FORM = FrameFormat(8, 4, 8)
DEMO = ["camera.driver='tests.processes.counting_camera:CountingCamera'", "camera.fps=100"]


class Script:
    """The supervisor's end: its messages one after the other, and the last ones once the frames are there."""

    def __init__(self, video: VideoBuffer, *first: Message, until: int) -> None:
        self._video, self._until = video, until
        self._first: deque[Message] = deque(first)
        self._last: deque[Message] = deque([StopAcquisition(), Shutdown()])
        self._deadline = time.monotonic() + 60
        self.sent: list[Message] = []

    def send(self, message: Message) -> None:
        self.sent.append(message)

    def receive(self, timeout_s: float = 0.0) -> Message | None:
        if self._first:
            return self._first.popleft()
        counters = self._video.counters()
        if counters.next_frame_id >= self._until or time.monotonic() > self._deadline:
            return self._last.popleft() if self._last else None
        return None


@pytest.fixture
def handles() -> Iterator[Handles]:
    session = Session.create()
    config = load_config("demo.toml", DEMO).config
    yield make_handles(get_context("spawn"), config, session, 0, {})
    session.close()


@pytest.fixture
def video(handles: Handles) -> Iterator[VideoBuffer]:
    sizes: dict[str, Any] = {
        "n_stacks": 8,
        "n_images": 4,
        "width": FORM.width_px,
        "height": FORM.height_px,
        "bits": 8,
    }
    buffer = VideoBuffer(
        create=True, locks=handles.locks, default_reader=False, session=handles.session, **sizes
    )
    yield buffer
    buffer.close()


def take(
    handles: Handles, video: VideoBuffer, numbers: Iterable[Any], *messages: Message, began_ns: int = 0
) -> list[Message]:
    """Run the camera process's work until it has taken these frames; return what it said."""
    planned = list(numbers)
    CountingCamera.plan, CountingCamera.began_ns = iter(planned), began_ns
    until = video.counters().next_frame_id + len(planned)
    script = Script(video, VideoReady(FORM), *messages, until=until)
    camera.run(script, handles)  # type: ignore[arg-type]  # a messenger like the real one
    assert video.counters().next_frame_id == until
    return script.sent


def test_time_without_acquisition_is_no_loss(handles: Handles, video: VideoBuffer) -> None:
    """The process dies while nothing is taken; the next one is told to start two seconds later."""
    take(handles, video, range(5), StartAcquisition())
    again = replace(handles, restarted=True)
    take(again, video, range(5), StartAcquisition(), began_ns=2_000_000_000)
    assert video.ledger() == ()


@pytest.mark.parametrize(("fps", "missed"), [(100, 5), (200, 11)])
def test_what_the_camera_took_while_its_process_was_away_is_lost(
    handles: Handles, video: VideoBuffer, fps: int, missed: int
) -> None:
    take(handles, video, range(5), StartAcquisition())
    orders = SetCameraSetting("fps", fps), StartAcquisition(resuming=True)
    take(handles, video, range(5), *orders, began_ns=100_000_000)
    assert [(gap.first_id, gap.count, gap.where) for gap in video.ledger()] == [(5, missed, "camera")]
    take(handles, video, range(5), StartAcquisition(), began_ns=2_000_000_000)
    assert video.counters().lost_upstream == missed


@pytest.mark.parametrize("kind", [int, np.int64, np.uint32, np.uint16])
def test_a_driver_may_count_in_numbers_of_numpys(handles: Handles, video: VideoBuffer, kind: type) -> None:
    sent = take(handles, video, [kind(number) for number in (0, 1, 2, 4, 7)], StartAcquisition())
    assert video.counters().lost_upstream == 3
    assert [why_malformed(message) for message in sent] == [None] * len(sent)
    assert [message.timestamp_ns for message in sent if isinstance(message, FirstFrame)] == [0]
    (stopped,) = [message for message in sent if isinstance(message, AcquisitionStopped)]
    assert stopped.seconds == pytest.approx(0.07 * 5 / 4)


@pytest.mark.parametrize("error", [OSError, SystemExit, KeyboardInterrupt])
def test_frames_go_on_whatever_a_setting_raises(
    handles: Handles, video: VideoBuffer, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CountingCamera, "refuses", error)
    sent = take(handles, video, range(5), SetCameraSetting("fps", 50), StartAcquisition())
    (refused,) = [message for message in sent if isinstance(message, CommandRefused)]
    assert refused.text.startswith(f"the camera did not set fps ({error.__name__}: the line is busy)")
