"""What the user is told of the running line: rates, levels, losses, disk."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from magscope_app.clock import WallAnchor
from magscope_app.datatypes import ReaderCounters, RingCounters, VideoBuffer
from magscope_app.feedback.state import LockState
from magscope_app.messages import Counters, MotorStatus, ProcessState, SystemStatus
from magscope_app.processes.frame_rate import FrameRate
from magscope_app.processes.free_disk import FreeDisk
from magscope_app.processes.id_ranges import Range, clip, subtract, total


def reader_counters(video: VideoBuffer, name: str) -> ReaderCounters | None:
    """Return the counts of a reader, or None before it has registered."""
    try:
        return video.reader_counters(name)
    except KeyError:
        return None


def _lost_by(reader: str, video: VideoBuffer) -> list[Range]:
    gaps = [gap for gap in video.ledger() if gap.where == reader]
    return [(gap.first_id, gap.first_id + gap.count) for gap in gaps]


@dataclass
class StatusBoard:
    """Gathers the numbers; one per supervisor.

    Attributes
    ----------
    anchor : WallAnchor
        The session clock.
    folder : Path
        Where the next recording goes.
    """

    anchor: WallAnchor
    folder: Path
    recording: Path | None = None
    recorded: Counters = field(default_factory=Counters)
    #: Of the recordings before this one.
    _earlier: Counters = field(default_factory=Counters)
    tracking_fps: float = 0.0
    _recording_since: float = 0.0
    _has_video: bool = False
    #: What the reader of the images had lost when the recording began; None until it has come.
    _lost_before: int | None = None
    #: Where its losses ended then, and how many images this recording has lost so far.
    _lost_until: int = 0
    _lost_here: int = 0
    _rate: FrameRate = field(default_factory=FrameRate)
    _disk: FreeDisk = field(default_factory=FreeDisk)

    def start_recording(self, path: Path, *, has_video: bool) -> None:
        """Note that a dataset is being written, with or without images."""
        before, ended = self._earlier, self.recorded
        self._earlier = replace(
            before,
            frames_recorded=before.frames_recorded + ended.frames_recorded,
            frames_left_out=before.frames_left_out + ended.frames_left_out,
            lost_recording=before.lost_recording + ended.lost_recording,
        )
        self._has_video, self._lost_before, self._lost_here = has_video, None, 0
        self.recording = path
        self.recorded = Counters()
        self._recording_since = time.monotonic()

    def counters(self, video: VideoBuffer | None, *, tracking_ended: bool = False) -> Counters:
        """Return what became of the frames since the session started; recorded ones are of this recording.

        Parameters
        ----------
        video : VideoBuffer or None
            The ring.
        tracking_ended : bool
            Nobody tracks any more: what was not tracked is lost.
        """
        if video is None:
            return self.recorded
        ring = video.counters()
        tracking = reader_counters(video, "tracking")
        tracked, lost = (tracking.got, tracking.lost) if tracking else (0, 0)
        # What a reader that hangs or is dead will miss is lost already, before it comes back and counts it.
        lost += max(0, ring.acquired - tracked - lost - video.n_total_images)
        recorded = self.recorded
        if self.recording is not None and self._has_video:
            recorded = replace(recorded, lost_recording=self._lost_images(video, ring))
        return replace(
            recorded,
            lost_recording=self._earlier.lost_recording + recorded.lost_recording,
            frames_acquired=ring.acquired,
            frames_tracked=tracked,
            lost_upstream=ring.lost_upstream,
            lost_ring=ring.lost_ring,
            lost_tracking=ring.acquired - tracked if tracking_ended else lost,
        )

    def run_counters(self, video: VideoBuffer | None) -> Counters:
        """Return what became of the frames of a run that has ended, those of all its recordings together."""
        counters, before = self.counters(video, tracking_ended=True), self._earlier
        return replace(
            counters,
            frames_recorded=before.frames_recorded + counters.frames_recorded,
            frames_left_out=before.frames_left_out + counters.frames_left_out,
        )

    def _lost_images(self, video: VideoBuffer, ring: RingCounters) -> int:
        """Return how many images the recorder has lost so far: one that hangs cannot say it itself."""
        for reader in ring.readers:
            if reader.name == "recording" and reader.pid:
                lost = reader.counters.lost + reader.overdue
                if self._lost_before is None:
                    self._lost_before = lost
                    self._lost_until = max((stop for _, stop in _lost_by("recording", video)), default=0)
                if lost > self._lost_before:
                    self._lost_here = max(0, lost - self._lost_before - self._lost_twice(video))
        return self._lost_here

    def _lost_twice(self, video: VideoBuffer) -> int:
        """Return how many of the recorder's losses tracking has lost, too: there they stand in the ledger."""
        recording = clip(_lost_by("recording", video), (self._lost_until, video.counters().next_frame_id))
        return total(recording) - total(subtract(recording, _lost_by("tracking", video)))

    def take(
        self,
        video: VideoBuffer | None,
        acquiring: bool,
        beads: int,
        processes: Iterable[ProcessState],
        awake: bool,
        motors: tuple[MotorStatus, ...] = (),
        locks: tuple[LockState, ...] = (),
    ) -> SystemStatus:
        """Return the state of everything now."""
        processes = tuple(processes)
        ended = {process.name for process in processes if process.state in ("dead", "failed")}
        counters = self.counters(video, tracking_ended="tracking" in ended)
        return SystemStatus(
            timestamp_ns=self.anchor.session_ns(),
            acquiring=acquiring,
            fps=self._fps(video if acquiring else None),
            beads=beads,
            buffer_level=video.level() if video is not None else 0.0,
            counters=counters,
            recording=self.recording,
            recording_seconds=time.monotonic() - self._recording_since if self.recording else 0.0,
            free_disk_bytes=self._disk.look(self.recording or self.folder),
            processes=processes,
            awake=awake,
            motors=motors,
            tracking_fps=self.tracking_fps,
            locks=locks,
        )

    def _fps(self, video: VideoBuffer | None) -> float:
        newest = None if video is None else video.newest_time()
        if newest is None:
            self._rate.begin()
            return 0.0
        return self._rate.look(*newest, self.anchor.session_ns())
