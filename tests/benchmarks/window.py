"""Cost of the window: ``python -m tests.benchmarks.window``, under X or ``QT_QPA_PLATFORM=offscreen``.

A feeder writes 2048 × 2048 frames of 16 bit at 100 fps and rows of 200 beads into the real buffers; the real
GUI process shows them at 1920 × 1080. Printed are updates of the image per second and the share of a core
that the GUI process uses; both again (`_long`) while the traces' panel draws 100 000 points per axis each
time; the time from a click to the repainted image; what it costs to draw those traces once; and memory and
the refresh of the traces before and after an hour's rows. Times are of this machine; run it when nothing
else runs.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from magscope_app.config import CameraConfig, Config, Optics
from magscope_app.datatypes import TRACKS_COLUMNS, MatrixBuffer, ReaderMode, Session, VideoBuffer
from magscope_app.devices import FrameFormat
from magscope_app.messages import Bead, ProcessReady, Shutdown, VideoReady
from magscope_app.processes.bead_owner import BeadOwner
from magscope_app.processes.child import ChildStart, child_main
from magscope_app.processes.handles import make_handles
from magscope_app.processes.link import Link
from magscope_app.processes.segments import LOCK_SHAPES, Segments

_REPORT = "MAGSCOPE_WINDOW_REPORT"
_FORMAT = FrameFormat(2048, 2048, 16)
_FPS, _BEADS, _ROI_PX = 100.0, 200, 64
_SETTLE_S, _MEASURE_S, _CLICKS, _POINTS = 8.0, 10.0, 40, 100_000


def run(link: Link, handles: Any) -> int:
    """Open the real window and measure it; the target of the GUI process."""
    import gui.app
    import gui.application as application_module

    original = application_module.open_window
    kept: list[Any] = []

    def open_and_measure(application: Any, session: Any, folder: Path | None = None) -> Any:
        window = original(application, session, Path(tempfile.mkdtemp(prefix="magscope-bench-")))
        window.resize(1920, 1080)
        kept.append(_Meter(window))
        return window

    application_module.open_window = open_and_measure
    return gui.app.run(link, handles)


class _Meter:
    """Counts repaints, clicks, and writes a report."""

    def __init__(self, window: Any) -> None:
        from PyQt6.QtCore import QTimer

        self._window = window
        self._paints: list[float] = []
        view = window.image.view
        paint = view.paintEvent

        def counted(event: Any) -> None:
            paint(event)
            self._paints.append(time.perf_counter())

        view.paintEvent = counted
        self._report: dict[str, float] = {}
        QTimer.singleShot(int(_SETTLE_S * 1000), lambda: self._begin(""))

    def _begin(self, name: str) -> None:
        from PyQt6.QtCore import QTimer

        self._started, self._before = time.perf_counter(), len(self._paints)
        self._cpu = sum(psutil.Process().cpu_times()[:2])
        QTimer.singleShot(int(_MEASURE_S * 1000), lambda: self._end(name))

    def _end(self, name: str) -> None:
        seconds = time.perf_counter() - self._started
        self._report[f"updates_per_s{name}"] = (len(self._paints) - self._before) / seconds
        self._report[f"cpu_share{name}"] = (sum(psutil.Process().cpu_times()[:2]) - self._cpu) / seconds
        if not name:
            self._show_long_traces()
            return
        del self._window.panels["traces"].refresh
        self._report["rss_mb"] = psutil.Process().memory_info().rss / 1e6
        latencies = [self._click(index) for index in range(_CLICKS)]
        self._report["click_median_ms"] = 1000 * statistics.median(latencies)
        self._report["click_worst_ms"] = 1000 * max(latencies)
        self._report["traces_ms"] = self._draw_traces()
        self._report |= self._live_an_hour()
        Path(os.environ[_REPORT]).write_text(json.dumps(self._report), encoding="utf-8")
        self._window.leave()

    def _show_long_traces(self) -> None:
        """Let the panel draw 100 000 points per axis with each of its refreshes, and measure again."""
        from PyQt6.QtCore import QTimer

        traces, trace = self._window.panels["traces"], _long_trace()
        traces.refresh = lambda _snapshot: _draw(traces, trace)
        QTimer.singleShot(2000, lambda: self._begin("_long"))

    def _click(self, index: int) -> float:
        """Click another bead as the system delivers clicks; return the time until it is drawn as selected."""
        from PyQt6.QtCore import QEvent, QPointF, Qt
        from PyQt6.QtGui import QMouseEvent
        from PyQt6.QtWidgets import QApplication

        view = self._window.image.view
        boxes = view.overlay.boxes
        bead_id = int(boxes.ids[(37 * index + 11) % len(boxes.ids)])
        centre = boxes.centre(bead_id)
        assert centre is not None
        at = QPointF(*view.viewport_now.to_view(*centre))
        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        started = time.perf_counter()
        for kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonRelease):
            event = QMouseEvent(kind, at, view.mapToGlobal(at), left, left, none)
            QApplication.postEvent(view, event)
        while view.overlay.selection.shown != bead_id or self._paints[-1] < started:
            QApplication.processEvents()
            if time.perf_counter() - started > 5.0:
                raise TimeoutError(f"bead {bead_id} was not selected")
        latency_s = self._paints[-1] - started
        until = time.perf_counter() + 0.08
        while time.perf_counter() < until:
            QApplication.processEvents()
        return latency_s

    def _draw_traces(self) -> float:
        """Draw x, y and z of 100 000 points each, as the panel does; return the ms of one update."""
        from PyQt6.QtWidgets import QApplication

        traces = self._window.panels["traces"]
        trace, costs = _long_trace(), []
        self._window.timer.stop()
        for _ in range(15):
            started = time.perf_counter()
            _draw(traces, trace)
            traces.plots.viewport().repaint()
            QApplication.processEvents()
            costs.append(time.perf_counter() - started)
        return 1000 * statistics.median(costs)

    def _live_an_hour(self) -> dict[str, float]:
        """Give the window the rows of an hour; return what that did to memory and to the traces' refresh."""
        snapshot = self._window.session.pull()
        history, beads = snapshot.history, len(snapshot.state.beads)
        before_ms, before_b = self._refresh_ms(snapshot), psutil.Process().memory_info().rss
        at_once = 50
        rows = np.zeros((at_once * beads, len(TRACKS_COLUMNS)))
        rows[:, 2:5] = np.random.default_rng(3).normal(0, 20, (len(rows), 3))
        rows[:, 5] = np.tile(np.fromiter(snapshot.state.beads, float), at_once)
        start_ns = int(history.newest_t_s * 1e9)
        for first in range(0, int(3600 * _FPS), at_once):
            frames = np.repeat(np.arange(first, first + at_once), beads)
            rows[:, 0], rows[:, 1] = 1e9 + frames, start_ns + (frames + 1) * int(1e9 / _FPS)
            history.add(rows)
        return {
            "refresh_ms": before_ms,
            "refresh_after_an_hour_ms": self._refresh_ms(snapshot),
            "an_hour_mb": (psutil.Process().memory_info().rss - before_b) / 1e6,
        }

    def _refresh_ms(self, snapshot: Any) -> float:
        """Return the ms in which the traces' panel takes in the last minute and draws it."""
        traces = self._window.panels["traces"]
        traces._window.setCurrentIndex(3)
        costs = []
        for _ in range(15):
            started = time.perf_counter()
            traces.refresh(snapshot)
            traces.plots.viewport().repaint()
            costs.append(time.perf_counter() - started)
        return 1000 * statistics.median(costs)


def _long_trace() -> Any:
    from gui.models.frame_ring import Trace

    x_nm, y_nm, z_nm = np.random.default_rng(1).normal(0, 30, (3, _POINTS)).astype(np.float32)
    return Trace(
        np.linspace(-1000.0, 0.0, _POINTS), x_nm, y_nm, z_nm, np.arange(_POINTS), np.zeros(_POINTS, np.uint8)
    )


def _draw(traces: Any, trace: Any) -> None:
    for axis in "xyz":
        traces._draw(axis, (0,), [trace], 1000.0, 0.0)


class _Feeder(threading.Thread):
    """Plays camera and tracking."""

    def __init__(self, video: VideoBuffer, tracks: MatrixBuffer, beads: list[Bead], start_ns: int) -> None:
        super().__init__(name="feeder", daemon=True)
        self._video, self._tracks, self._beads, self._start_ns = video, tracks, beads, start_ns
        self.stop = threading.Event()
        rng = np.random.default_rng(1)
        self._images = rng.normal(30_000, 600, (4, _FORMAT.height_px, _FORMAT.width_px)).astype(np.uint16)

    def run(self) -> None:
        """Write frames and rows at the rate of the camera."""
        frame_id, due_s = 0, time.perf_counter()
        rows = np.zeros((len(self._beads), len(TRACKS_COLUMNS)))
        rows[:, 5] = [bead.id for bead in self._beads]
        places = np.array([(bead.x_px, bead.y_px) for bead in self._beads])
        rng = np.random.default_rng(2)
        reader = self._video.reader("tracking", ReaderMode.LOSSLESS)
        while not self.stop.is_set():
            t_ns = time.perf_counter_ns() - self._start_ns
            slot = self._video.begin()
            if slot is not None:
                slot[:] = self._images[frame_id % 4]
                self._video.commit(timestamp_ns=t_ns, camera_frame=frame_id, device_tick=0)
                rows[:, 0], rows[:, 1] = frame_id, t_ns
                rows[:, 2:5] = rng.normal(0, 20, (len(rows), 3))
                rows[:, 2:4] += 100.0 * places
                self._tracks.write(rows)
                frame_id += 1
            batch = reader.acquire(16)
            if batch is not None:
                batch.release()
            due_s += 1 / _FPS
            time.sleep(max(0.0, due_s - time.perf_counter()))
        reader.close()


def measure(config: Config) -> dict[str, float]:
    """Feed a real GUI process and return its report."""
    context = multiprocessing.get_context("spawn")
    shared = Session.create()
    start_ns = time.perf_counter_ns()
    shapes = {"tracks": (200_000, len(TRACKS_COLUMNS)), **LOCK_SHAPES}
    handles = make_handles(context, config, shared, start_ns, shapes)
    segments = Segments(handles, shapes)
    near, far = context.Pipe()
    link = Link(near, "benchmark")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        os.environ[_REPORT] = str(report)
        process = context.Process(
            target=child_main, args=(ChildStart("gui", "tests.benchmarks.window:run", far, handles),)
        )
        video = segments.create_video(_FORMAT)
        beads = [Bead(i, 70 + 130.0 * (i % 15), 70 + 130.0 * (i // 15)) for i in range(_BEADS)]
        assert segments.rois is not None
        owner = BeadOwner(segments.rois, _ROI_PX)
        owner.format = _FORMAT
        owner.add(beads)
        tracks = handles.tracks()
        feeder = _Feeder(video, tracks, beads, start_ns)
        feeder.start()
        process.start()
        far.close()
        try:
            _serve(link, owner, report, time.monotonic() + 110.0)
            link.send(Shutdown())
            link.flush(1.0)
            process.join(15)
            return dict(json.loads(report.read_text(encoding="utf-8")))
        finally:
            feeder.stop.set()
            feeder.join(2)
            if process.is_alive():
                process.terminate()
                process.join(5)
            link.close()
            tracks.close()
            segments.close()
            shared.close()


def _serve(link: Link, owner: BeadOwner, report: Path, until_s: float) -> None:
    """Answer the window until it has reported."""
    while not report.exists() and time.monotonic() < until_s:
        message = link.receive(0.1)
        if isinstance(message, ProcessReady):
            link.send(VideoReady(_FORMAT))
            link.send(owner.changed())


def main() -> None:
    """Print a line per round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    rounds = parser.parse_args().rounds
    config = Config(
        camera=CameraConfig(driver="some.where:Camera", fps=_FPS),
        optics=Optics(pixel_pitch_um=5.0, magnification=50.0),
        buffer={"seconds": 0.5},
        beads={"roi_px": _ROI_PX, "max_beads": 1000},
    )
    for _ in range(rounds):
        print({name: round(value, 2) for name, value in measure(config).items()}, flush=True)


if __name__ == "__main__":
    main()
