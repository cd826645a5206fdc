"""How the focus goes through its planes: the real sweep on real buffers; the test plays all the others."""

from __future__ import annotations

import itertools
import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from multiprocessing.context import SpawnContext
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from magscope_app.calibration import SweepPlan
from magscope_app.calibration import sweep as sweep_module
from magscope_app.calibration.capture import Capture
from magscope_app.calibration.messages import (
    FocusIsFree,
    MakeSweepBuffer,
    SweepBegins,
    SweepBufferReady,
    SweepProgress,
)
from magscope_app.calibration.raw import RawSweep
from magscope_app.calibration.sweep import FocusSweep
from magscope_app.clock import WallAnchor
from magscope_app.config import load_config
from magscope_app.datatypes import Session
from magscope_app.devices import FrameFormat
from magscope_app.engine import ExecutionEngine
from magscope_app.experiment.microscope import Microscope
from magscope_app.experiment.news import News
from magscope_app.messages import Bead, Message, MoveMotor
from magscope_app.processes.handles import make_handles
from magscope_app.processes.segments import Segments, matrix_shapes
from magscope_app.processes.status_board import reader_counters
from magscope_app.storage import open_dataset

BEAD = Bead(0, 40.5, 40.5, "reference")
ROI_PX = 24
FRAME = FrameFormat(120, 80, 8)
PERIOD_S = 0.01
#: The focus goes so far in a millisecond; the grey level shows where it was during an exposure.
NM_PER_MS, NM_PER_GREY = 40.0, 10.0
BACKLASH_NM = 200.0
UP = SweepPlan(-300, 300, 100, 2, force_pn=None, settle_s=0.0, backlash_nm=BACKLASH_NM)
DOWN = SweepPlan(300, -300, 100, 2, force_pn=None, settle_s=0.0, backlash_nm=BACKLASH_NM)


class World:
    """A focus that takes its time and a camera that shows where it is, in a thread."""

    def __init__(self, folder: Path, plan: SweepPlan) -> None:
        config = load_config("demo.toml", [f"camera.fps={1 / PERIOD_S}", "buffer.seconds=1"]).config
        self._anchor = WallAnchor.measure()
        self._session = Session.create()
        shapes = matrix_shapes(config)
        # Nobody is spawned, and locks that are not to be handed on leave no names behind.
        kind = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
        context = cast("SpawnContext", multiprocessing.get_context(kind))
        handles = make_handles(context, config, self._session, self._anchor.session_start_ns, shapes)
        self._segments = Segments(handles, shapes)
        self._video = self._segments.create_video(FRAME)
        corner = round(BEAD.x_px - (ROI_PX - 1) / 2)
        self._segments.rois.add_beads({0: (corner, corner + ROI_PX, corner, corner + ROI_PX)})
        self._telemetry = handles.telemetry("focus")
        magnet = handles.telemetry("magnet")
        magnet.write(np.array([[0.0, 2.0, 2.0, 0.0, 1.0]]))
        magnet.close()
        self._target = self._focus = 0.0
        #: Every target that was ordered.
        self.targets: list[float] = []
        #: At this target the focus is pushed away once.
        self.pushed_at = float("nan")
        self._pushes = 3
        self._read_until: int | None = None
        #: Session time of the first row at each place.
        self.arrivals: dict[float, int] = {}
        #: So many visits to a target are too bright.
        self.flashes: dict[float, int] = {}
        #: The sweep is held before this plane, once.
        self.held_before = -1
        self.told: list[SweepProgress] = []
        self._engine = ExecutionEngine()
        self._scope = Microscope(handles, self._send, News(), self._engine)
        capture = Capture(handles, "focus", (0,), ROI_PX)
        raw = RawSweep(folder, b"[session]\n", {"motors": []}, self._anchor)
        about = {"roi_px": ROI_PX, "focal_shift_factor": 0.88}
        self.sweep = FocusSweep(plan, (BEAD,), self._scope, capture, raw, about, self._tell)
        self._say_where()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._live, name="world")
        self._thread.start()

    def run(self) -> Path:
        """Sweep and return the dataset."""
        self._engine.submit(self.sweep).await_execution(30.0)
        return self.sweep.raw.keep()

    def close(self) -> None:
        self._engine.shutdown(1.0)
        self._ending.set()
        self._thread.join(10.0)
        assert not self._thread.is_alive()
        self.sweep.close()
        for part in (self._scope, self._telemetry, self._segments, self._session):
            part.close()

    def _send(self, message: Message) -> None:
        if isinstance(message, MoveMotor):
            if self._is_flashed:
                self.flashes[self._target] -= 1
            self.targets.append(message.position)
            self._target = message.position
        elif isinstance(message, MakeSweepBuffer):
            self._segments.create_sweep(message)
            self._scope.hear(SweepBufferReady())
        elif isinstance(message, SweepBegins):
            self._scope.hear(FocusIsFree())

    def _tell(self, progress: SweepProgress) -> None:
        self.told.append(progress)
        if progress.phase == "sweep" and progress.done == self.held_before - 1:
            self.sweep.pause(True)
        elif progress.phase == "pause":
            self.sweep.pause(False)

    def _live(self) -> None:
        """Let time pass, in milliseconds; a frame is stamped when its exposure, its whole period, ends."""
        exposed: list[float] = []
        for t_ms in itertools.count():
            if self._ending.is_set():
                return
            way = self._target - self._focus
            self._focus += min(max(way, -NM_PER_MS), NM_PER_MS)
            exposed.append(self._focus)
            if t_ms % 2 == 0:
                self._say_where()
            if len(exposed) == round(1e3 * PERIOD_S):
                self._expose(exposed)
                exposed = []
            time.sleep(0.001)

    def _say_where(self) -> None:
        there = self._focus == self._target and not self._is_pushed()
        now_ns = self._anchor.session_ns()
        if there:
            self.arrivals.setdefault(self._target, now_ns)
        row = [now_ns, self._focus, self._target, not there, there]
        self._telemetry.write(np.array([row], np.float64))

    def _is_pushed(self) -> bool:
        """Say whether the focus is pushed away: for some rows, once the frames of that plane are read."""
        if self._target != self.pushed_at or not self._pushes:
            return False
        counters = reader_counters(self._video, "zlut")
        position = -1 if counters is None else counters.position
        if self._read_until is None:
            self._read_until = position
        if position == self._read_until:
            return False
        self._pushes -= 1
        return True

    @property
    def _is_flashed(self) -> bool:
        return self.flashes.get(self._target, 0) > 0

    def _expose(self, exposed: list[float]) -> None:
        """Show, one in the upper and one in the lower half, the ends of the way in this exposure."""
        slot = self._video.begin()
        if slot is None:
            return
        slot[: int(BEAD.y_px)] = 128 + round(min(exposed) / NM_PER_GREY)
        slot[int(BEAD.y_px) :] = 128 + round(max(exposed) / NM_PER_GREY)
        if self._is_flashed:
            slot[:] = 255
        self._video.commit(timestamp_ns=self._anchor.session_ns())


def swept(world: World) -> list[float]:
    """Sweep, make sure that every frame shows its plane alone, and return all targets."""
    dataset = open_dataset(world.run())
    plan, steps = world.sweep.plan, dataset.description["sweep"]["steps"]
    assert len(steps) == plan.n_steps
    for offset_nm, step in zip(plan.offsets_nm, steps, strict=True):
        assert step["focus_nm"] == pytest.approx(offset_nm)
        assert len(step["frames"]) == plan.frames
        for frame_id in step["frames"]:
            image = dataset.get_data({"time": frame_id, "step": step["step"]})
            assert (image == 128 + round(offset_nm / NM_PER_GREY)).all()
    return world.targets


@pytest.fixture(params=[UP, DOWN], ids=["up", "down"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with closing(World(tmp_path / "data", request.param)) as made:
        yield made


def test_every_plane_is_reached_from_the_same_side(world: World) -> None:
    plan = world.sweep.plan
    beyond = plan.start_nm - plan.direction * BACKLASH_NM
    # Beyond the first plane, through all, to an early one once more, and back: always the same way.
    again = plan.offsets_nm[1]
    back = [-plan.direction * BACKLASH_NM, 0.0]
    once_more = [again - plan.direction * BACKLASH_NM, again]
    assert swept(world) == pytest.approx([beyond, *plan.offsets_nm, *once_more, *back])
    assert world.sweep.warnings == []


def test_the_last_look_is_no_plane(world: World) -> None:
    """It has images of its own, beside the planes, and no rows in the profiles that are watched."""
    dataset = open_dataset(world.run())
    plan, about = world.sweep.plan, dataset.description["sweep"]
    assert [step["step"] for step in about["steps"]] == list(range(plan.n_steps))
    closing = about["closing"]
    assert (closing["step"], closing["plane"]) == (plan.n_steps, 1)
    assert closing["focus_nm"] == pytest.approx(plan.offsets_nm[1])
    assert closing["t_ns"] > max(step["t_ns"] for step in about["steps"])
    assert len(closing["frames"]) == plan.frames
    for frame_id in closing["frames"]:
        image = dataset.get_data({"time": frame_id, "step": plan.n_steps})
        assert (image == 128 + round(plan.offsets_nm[1] / NM_PER_GREY)).all()
    assert dataset.description["counters"]["frames_recorded"] == plan.frames * (plan.n_steps + 1)


def test_after_a_pause_the_next_plane_is_approached_anew(world: World) -> None:
    plan = world.sweep.plan
    world.held_before = 4
    targets = swept(world)
    assert [one.phase for one in world.told if one.phase == "pause"] == ["pause"]
    fourth = plan.offsets_nm[4]
    at = targets.index(fourth)
    assert targets[at - 1] == pytest.approx(fourth - plan.direction * BACKLASH_NM)
    assert targets[at - 2] == pytest.approx(plan.offsets_nm[3])


@pytest.mark.parametrize("world", [replace(UP, settle_s=0.12)], indirect=True)
def test_frames_count_only_once_the_focus_has_settled(world: World) -> None:
    about = open_dataset(world.run()).description["sweep"]
    for step in about["steps"]:
        # The mean of two frames that follow each other is half a frame later than the first.
        since_s = 1e-9 * (step["t_ns"] - world.arrivals[step["focus_nm"]])
        assert since_s >= world.sweep.plan.settle_s


@pytest.mark.parametrize("world", [replace(UP, settle_frames=7)], indirect=True)
def test_frames_are_passed_over_at_each_plane(world: World) -> None:
    about = open_dataset(world.run()).description["sweep"]
    assert about["plan"]["settle_frames"] == 7
    for step in (*about["steps"], about["closing"]):
        first, last = step["frames"]
        assert last == first + 1
    for step in about["steps"]:
        since_s = 1e-9 * (step["t_ns"] - world.arrivals[step["focus_nm"]])
        assert since_s >= (7 + 2) * PERIOD_S


@pytest.mark.parametrize("world", [UP], indirect=True)
def test_a_plane_that_is_too_bright_is_taken_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_module, "_BRIGHT_PAUSE_S", 0.01)
    plan = world.sweep.plan
    world.flashes = {plan.offsets_nm[2]: 1}
    swept(world)
    (warning,) = world.sweep.warnings
    assert "plane 3 of 7, attempt 1 of 3: bead 0 is saturated; reduce the exposure or the light" in warning


@pytest.mark.parametrize("world", [UP], indirect=True)
def test_planes_that_stay_too_bright_do_not_end_the_sweep(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_module, "_BRIGHT_PAUSE_S", 0.01)
    monkeypatch.setattr(sweep_module, "_BRIGHT_RETRIES", 3)
    world.flashes = dict.fromkeys(world.sweep.plan.offsets_nm, 1000)
    about = open_dataset(world.run()).description["sweep"]
    assert len(about["steps"]) == world.sweep.plan.n_steps
    # Two more tries of the first plane, one of the second; then it is known that nothing helps.
    assert [warning[:11] for warning in about["warnings"]] == ["plane 1 of ", "plane 1 of ", "plane 2 of "]


def test_a_plane_that_the_focus_left_is_taken_again_from_its_side(world: World) -> None:
    plan = world.sweep.plan
    first = world.pushed_at = plan.offsets_nm[1]
    targets = swept(world)
    (warning,) = world.sweep.warnings
    assert "plane 2 of 7, attempt 1 of 3: focus left its target while frames were taken" in warning
    behind = first - plan.direction * BACKLASH_NM
    assert targets[1:5] == pytest.approx([plan.offsets_nm[0], first, behind, first])
