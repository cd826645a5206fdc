"""Which frames a plane takes: real buffers, in which the test plays camera and focus."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.context import SpawnContext
from typing import cast

import numpy as np
import numpy.typing as npt
import pytest

from magscope_app.calibration import capture as capture_module
from magscope_app.calibration.capture import Capture, Shot
from magscope_app.config import load_config
from magscope_app.datatypes import Session
from magscope_app.devices import FrameFormat
from magscope_app.errors import MagscopeError
from magscope_app.processes.handles import make_handles
from magscope_app.processes.segments import Segments, matrix_shapes

ROI_PX = 32
#: Corners of the ROIs by bead, in a frame of another shape.
CORNERS = {0: (4, 8), 3: (60, 50)}
#: Grey of what was exposed while the focus moved, and after its arrival.
MOVING, STILL = 50, 200
PERIOD_MS = 10
ARRIVAL_MS = 1000


class Plane:
    """A camera and a focus that stand at given times, and the capture that looks at them."""

    def __init__(self) -> None:
        config = load_config("demo.toml", ["camera.fps=100", "buffer.seconds=1"]).config
        self._session = Session.create()
        shapes = matrix_shapes(config)
        # Nobody is spawned, and locks that are not to be handed on leave no names behind.
        kind = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
        context = cast("SpawnContext", multiprocessing.get_context(kind))
        handles = make_handles(context, config, self._session, time.perf_counter_ns(), shapes)
        self.segments = Segments(handles, shapes)
        self._video = self.segments.create_video(FrameFormat(160, 96, 8))
        self.place(ROI_PX)
        self._telemetry = handles.telemetry("focus")
        self.capture = Capture(handles, "focus", tuple(CORNERS), ROI_PX)

    def close(self) -> None:
        for part in (self.capture, self._telemetry, self.segments, self._session):
            part.close()

    def place(self, roi_px: int) -> None:
        rois = {bead: (x, x + roi_px, y, y + roi_px) for bead, (x, y) in CORNERS.items()}
        self.segments.rois.replace_beads(rois)

    def expose(self, stamp_ms: int, grey: int) -> None:
        """Give a frame."""
        slot = self._video.begin()
        assert slot is not None
        slot[:] = grey
        slot[:, 60:] = grey + 1
        self._video.commit(timestamp_ns=1_000_000 * stamp_ms)

    def stand(self, t_ms: int, position: float, target: float, *, at: bool = True) -> None:
        """Give a row of telemetry."""
        self._telemetry.write(np.array([[1e6 * t_ms, position, target, float(not at), float(at)]]))

    def take(self, count: int, period_ms: int) -> list[Shot]:
        """Take frames while the camera, which stamps a frame when the next one is read, goes on."""
        stamps = iter(range(ARRIVAL_MS - 4 * period_ms + 3, 10_000, period_ms))

        def next_frame() -> None:
            stamp_ms = next(stamps)
            began_ms = stamp_ms - 2 * period_ms
            self.expose(stamp_ms, STILL if began_ms >= ARRIVAL_MS else MOVING)

        return self.capture.take(count, 1_000_000 * ARRIVAL_MS, next_frame)


@pytest.fixture
def plane() -> Iterator[Plane]:
    with closing(Plane()) as made:
        yield made


@pytest.mark.parametrize(
    "period_ms", [PERIOD_MS, pytest.param(50, id="a camera slower than the config says"), 4]
)
def test_frames_before_the_arrival_are_never_used(plane: Plane, period_ms: int) -> None:
    shots = plane.take(3, period_ms)
    assert len(shots) == 3
    for shot in shots:
        assert shot.t_ns >= 1_000_000 * (ARRIVAL_MS + 2 * period_ms)
        assert shot.mosaic.shape == (2 * ROI_PX, ROI_PX)
        # The ROIs of both beads, one below the other.
        assert (shot.mosaic[:ROI_PX] == STILL).all()
        assert (shot.mosaic[ROI_PX:] == STILL + 1).all()
        assert shot.rois_px == [list(corner) for corner in CORNERS.values()]
    # And none is left out that can be used.
    assert np.diff([shot.frame_id for shot in shots]).tolist() == [1, 1]
    late_ms = 1e-6 * shots[0].t_ns - ARRIVAL_MS - 2 * max(PERIOD_MS, period_ms)
    assert late_ms <= period_ms


def test_the_rate_in_force_counts(plane: Plane) -> None:
    """A camera that was made faster need not be waited for as one of the config's rate, a slower one must."""
    plane.capture.expect(0.004)
    shots = plane.take(2, 4)
    assert 2 * 4 <= 1e-6 * shots[0].t_ns - ARRIVAL_MS <= 3 * 4
    plane.capture.expect(0.05)
    assert 1e-6 * plane.take(2, 10)[0].t_ns - ARRIVAL_MS >= 2 * 50


def test_frames_that_come_in_a_rush_are_not_used_early(plane: Plane) -> None:
    """Two have come since the arrival, but all within a period: the next one may have begun before it."""
    stamps = iter([ARRIVAL_MS - 3, ARRIVAL_MS + 1, ARRIVAL_MS + 3, *range(ARRIVAL_MS + 12, 10_000, 10)])
    (shot,) = plane.capture.take(1, 1_000_000 * ARRIVAL_MS, lambda: plane.expose(next(stamps), STILL))
    assert shot.t_ns == 1_000_000 * (ARRIVAL_MS + 22)


def test_frames_that_the_camera_overwrites_while_they_are_copied_are_left_out(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The camera waits for nobody: it goes once round its ring in the middle of a copy."""
    stamps = iter(range(ARRIVAL_MS, 10_000, 10))

    def next_frame() -> None:
        stamp_ms = next(stamps)
        plane.expose(stamp_ms, grey_of(stamp_ms))

    def grey_of(stamp_ms: int) -> int:
        return 50 + stamp_ms // 10 % 150

    copy, late = plane.capture._mosaic, iter([300])

    def copy_slowly(frame: npt.NDArray[np.uint8], corners: list[list[int]]) -> npt.NDArray[np.uint8]:
        for _ in range(next(late, 0)):
            next_frame()
        return copy(frame, corners)

    monkeypatch.setattr(plane.capture, "_mosaic", copy_slowly)
    shots = plane.capture.take(3, 1_000_000 * ARRIVAL_MS, next_frame)
    assert len(shots) == 3
    for shot in shots:
        assert (shot.mosaic[:ROI_PX] == grey_of(shot.t_ns // 1_000_000)).all()


def test_the_arrival_is_the_first_moment_at_the_target(plane: Plane) -> None:
    plane.stand(900, 100.0, 100.0)
    plane.stand(920, 180.0, 300.0, at=False)
    # Within the tolerance for a moment, and out of it again.
    plane.stand(940, 299.0, 300.0)
    plane.stand(960, 306.0, 300.0, at=False)
    with pytest.raises(MagscopeError, match="focus does not stand at its target"):
        plane.capture.arrival_ns()
    plane.stand(980, 301.0, 300.0)
    plane.stand(1000, 300.0, 300.0)
    assert plane.capture.arrival_ns() == 980_000_000
    # Another target begins anew, however near.
    plane.stand(1020, 300.0, 301.0)
    assert plane.capture.arrival_ns() == 1_020_000_000


def shots_at(*stamps_ms: int) -> list[Shot]:
    blank = np.zeros((ROI_PX, ROI_PX), np.uint8)
    return [Shot(number, 1_000_000 * stamp, blank, []) for number, stamp in enumerate(stamps_ms)]


def test_the_position_is_that_of_the_frames(plane: Plane) -> None:
    for t_ms, position in ((1000, 304.0), (1020, 300.0), (1040, 301.0), (1060, 301.0)):
        plane.stand(t_ms, position, 300.0)
    at_nm = plane.capture.focus_nm(1_000_000_000, shots_at(1030, 1040, 1050), lambda: None)
    assert at_nm == pytest.approx((300.5 + 301.0 + 301.0) / 3)


@pytest.mark.parametrize(
    ("position", "target", "at"),
    [
        pytest.param(320.0, 300.0, False, id="pushed away"),
        pytest.param(350.0, 350.0, True, id="moved by somebody else"),
    ],
)
def test_frames_during_which_it_left_its_target_are_refused(
    plane: Plane, position: float, target: float, at: bool
) -> None:
    plane.stand(1000, 300.0, 300.0)
    plane.stand(1020, position, target, at=at)
    plane.stand(1040, 300.0, 300.0)
    plane.stand(1060, 300.0, 300.0)
    with pytest.raises(MagscopeError, match="focus left its target while frames were taken"):
        plane.capture.focus_nm(1_000_000_000, shots_at(1010, 1050), lambda: None)
    # Before the arrival it may have been anywhere.
    assert plane.capture.focus_nm(1_040_000_000, shots_at(1045, 1050), lambda: None) == 300.0


def test_what_does_not_come_is_said(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "_TELEMETRY_S", 0.05)
    monkeypatch.setattr(capture_module, "_PATIENCE_S", 0.05)
    plane.stand(1000, 300.0, 300.0)
    with pytest.raises(MagscopeError, match="the positions of focus have ended"):
        plane.capture.focus_nm(1_000_000_000, shots_at(1050), lambda: None)
    with pytest.raises(MagscopeError, match=r"0 of 2 frames came in time; is the camera running\?"):
        plane.capture.take(2, 0, lambda: None)


def test_rois_of_another_size_are_not_cut_wrongly(plane: Plane) -> None:
    plane.place(24)
    with pytest.raises(MagscopeError, match="the ROIs have 24 px now, not 32; sweep again"):
        plane.take(1, PERIOD_MS)


def test_a_bead_that_is_taken_off_the_list_is_noted(plane: Plane) -> None:
    plane.take(1, PERIOD_MS)
    assert plane.capture.removed == set()
    plane.segments.rois.remove_beads([3])
    (shot,) = plane.take(1, PERIOD_MS)
    assert plane.capture.removed == {3}
    # Its ROI stays where it was, for the others' sake.
    assert shot.rois_px == [list(corner) for corner in CORNERS.values()]
