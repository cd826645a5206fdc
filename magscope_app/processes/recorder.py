"""One recording: from the buffers into a dataset folder, with every frame accounted for."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from magscope_app.datatypes import BeadRoiBuffer, Gap, VideoBuffer
from magscope_app.errors import MagscopeError
from magscope_app.messages import Counters, Event, RecordingFinished, RecordingOrder
from magscope_app.processes.accounting import account
from magscope_app.processes.disk_watch import DiskWatch
from magscope_app.processes.handles import Handles
from magscope_app.processes.recorder_files import open_files
from magscope_app.processes.resumption import EVENT as RESTARTED
from magscope_app.processes.resumption import Earlier
from magscope_app.processes.status_board import reader_counters
from magscope_app.storage.names import validate_dataset_name

_log = logging.getLogger(__name__)
#: Rows are flushed to the operating system this often; house rule: at most 0.5 s behind.
_FLUSH_EVERY_S = 0.2
#: What was acquired may take this long to be tracked once the camera has stopped.
_DRAIN_S = 1.2
#: The drift of the last frames comes a little later than they do.
_DRIFT_S = 0.3
#: dataset.json is renewed this often.
_PUBLISH_EVERY_S = 2.0


class Recorder:
    """Writes one dataset, from its beginning or, where ``order.resume`` names one, from where it stopped.

    Parameters
    ----------
    order : RecordingOrder
        Folder, name, mode and what the dataset says about itself.
    handles : Handles
        Gives access to the buffers.
    video : VideoBuffer
        The ring.
    rois : BeadRoiBuffer
        Where the beads are, for video of ROIs.

    Raises
    ------
    MagscopeError
        The dataset cannot be made.
    """

    def __init__(
        self, order: RecordingOrder, handles: Handles, video: VideoBuffer, rois: BeadRoiBuffer
    ) -> None:
        self._handles = handles
        self._video = video
        files = open_files(order, handles, video, rois)
        self._folder, self._tracks, self._frames = files.folder, files.tracks, files.frames
        # Last: every frame from here on is read by the cursors of these files.
        next_frame_id = video.counters().next_frame_id
        self.start_id = files.begin(next_frame_id)
        self._disk = DiskWatch(self.path, handles.config.recording.free_disk_minutes)
        self._warned = False
        self._flush_due = 0.0
        self._stop_reason = ""
        self._new_name = ""
        self._video_error = ""
        self._publish_due = 0.0
        self._seams: tuple[Gap, ...] = ()
        if files.earlier is None:
            self._note("recording started", mode=order.mode)
        else:
            self._take_over(files.earlier, files.earlier.seam(order.mode, next_frame_id))

    def _take_over(self, earlier: Earlier, seam: Gap) -> None:
        """Go on with a dataset; frames of the seam that the ring still has are recorded, too."""
        self._new_name = earlier.name
        self._seams = (*earlier.seams, seam)
        self._note(RESTARTED, **asdict(seam))

    @property
    def path(self) -> Path:
        """The dataset's folder."""
        return self._folder.path

    # --- while it runs -----------------------------------------------------------------------

    def wait(self, timeout_s: float) -> None:
        """Wait until there is something to do."""
        if self._frames is not None and not self._frames.closed:
            self._frames.wait(timeout_s)
        else:
            time.sleep(timeout_s)

    def turn(self) -> None:
        """Move what has arrived to the disk. Raises what the disk or the processor says."""
        if self._frames is not None and not self._frames.closed:
            try:
                while self._frames.take() and time.monotonic() < self._flush_due:
                    pass
            except Exception as error:  # noqa: BLE001 - a disk or a function of the user's may raise anything
                self._end_video(f"video has stopped: {describe(error)}")
        if time.monotonic() >= self._flush_due:
            self._flush_due = time.monotonic() + _FLUSH_EVERY_S
            self._tracks.move()
            self._watch_disk()
            self._publish_counters()

    def event(self, event: Event) -> None:
        """Keep something that happened; the bead list also stands in dataset.json as it is now."""
        if event.kind == "beads":
            self._folder.update(beads=event.fields["beads"])
        self._folder.events.append(
            event.kind, timestamp_ns=event.timestamp_ns, frame_id=event.frame_id, **event.fields
        )

    def use_zluts(self, path: Path, frame_id: int) -> None:
        """Copy the Z-LUTs that beads are tracked with from this frame on, and say so in the events.

        Raises
        ------
        MagscopeError
            They cannot be read, or the disk does not take them.
        """
        stored = self._folder.add_zlut(path)
        now_ns = time.perf_counter_ns() - self._handles.session_start_ns
        self.event(Event("zluts", frame_id, now_ns, {"file": stored.name, "path": str(path)}))

    def rename(self, name: str) -> None:
        """Give the dataset another name; its folder, which has open files, follows at the end.

        Raises
        ------
        MagscopeError
            The name cannot stand in a file system, or the disk does not take it.
        """
        problem = validate_dataset_name(name)
        if problem is not None:
            raise MagscopeError(f"the dataset name {name!r} {problem}")
        self._folder.update(name=name)
        self._new_name = name

    @property
    def frames_recorded(self) -> int:
        """Frames that are whole in every file and that the operating system has."""
        counts = [self._tracks.frames_durable] if self._tracks.wants_tracks else []
        if self._frames is not None and not self._frames.closed:
            counts.append(self._frames.frames_stored)
        return min(counts, default=0)

    @property
    def _left_out(self) -> int:
        return self._frames.left_out if self._frames is not None else 0

    @property
    def _duplicates(self) -> dict[str, int]:
        """The counter of a processor's results with the same coordinates, where there were any."""
        count = self._frames.duplicates if self._frames is not None else 0
        return {"duplicates": count} if count else {}

    @property
    def minutes_left(self) -> float:
        """Minutes for which the disk lasts at this rate."""
        return self._disk.minutes_left

    @property
    def stop_reason(self) -> str:
        """Why the recording has to end by itself; empty while it may go on."""
        return self._stop_reason

    def _watch_disk(self) -> None:
        disk = self._disk
        written = self._frames.bytes_written if self._frames is not None else 0
        disk.look(written + self._tracks.bytes_written)
        if disk.is_low and not self._warned:
            self._warned = True
            _log.warning("the disk will be full in %.0f minutes at this rate", disk.minutes_so_far)
        if disk.too_full_for_video and self._frames is not None and not self._frames.closed:
            self._end_video(f"video has stopped: the disk of {self.path} is nearly full")
        if disk.too_full_for_tracks:
            self._stop_reason = f"the disk of {self.path} is full; free some space and start again"

    def _end_video(self, why: str) -> None:
        """Go on with the tracks alone; the dataset says that its video is not whole, and why."""
        assert self._frames is not None
        self._video_error = why
        _attempt([], self._frames.finish)
        self._note("video ended", text=why)
        if self._tracks.wants_tracks:
            _log.error("%s; tracks go on", why)
        else:
            self._stop_reason = why

    def _publish_counters(self) -> None:
        """Let readers of the growing dataset, and of one whose recorder was killed, know how far it is."""
        if time.monotonic() < self._publish_due:
            return
        self._publish_due = time.monotonic() + _PUBLISH_EVERY_S
        tracked = self._tracks.frames_durable if self._tracks.wants_tracks else self.frames_recorded
        counts = {
            "frames_acquired": tracked,
            "frames_tracked": tracked,
            "frames_recorded": self.frames_recorded,
            "frames_left_out": self._left_out,
        }
        self._folder.update(counters=counts | self._duplicates)

    def _note(self, kind: str, **fields: object) -> None:
        now_ns = time.perf_counter_ns() - self._handles.session_start_ns
        frame_id = self._video.counters().next_frame_id
        self._folder.events.append(kind, timestamp_ns=now_ns, frame_id=frame_id, **fields)

    # --- the end -----------------------------------------------------------------------------

    def finish(self, exit_status: str, stop_id: int | None, reason: str = "") -> RecordingFinished:
        """Record what was acquired before `stop_id` (None: until now) and complete the dataset.

        Parameters
        ----------
        exit_status : str
            ``"completed"``, ``"interrupted"`` or ``"failed"``.
        stop_id : int or None
            The id after the last frame.
        reason : str
            Why it failed, if it did.
        """
        head = self._video.counters()
        stop = head.next_frame_id if stop_id is None else min(stop_id, head.next_frame_id)
        errors = [text for text in (self._video_error, reason) if text]
        _attempt(errors, partial(self._drain, head.acquired, stop))
        if self._frames is not None:
            _attempt(errors, self._frames.finish)
        rows = self._tracks.seen if self._tracks.wants_tracks else None
        frames = self._frames.seen() if self._frames is not None else None
        window = (self.start_id, max(stop, self.start_id))
        why = "; ".join(errors) or "the disk did not keep up"
        gaps = [*self._video.ledger(), *self._seams]
        counters, ledger = account(window, gaps, rows, frames, why)
        counters = replace(counters, frames_left_out=self._left_out)
        status = "failed" if errors else exit_status
        _attempt(errors, partial(self._note, "recording ended", exit_status=status))
        for gap in ledger:
            _attempt(errors, partial(self._note_loss, gap))
        _attempt(errors, partial(self._tracks.finish, status))
        _attempt(errors, partial(self._finish_folder, status, counters, ledger, errors))
        path = self._final_path()
        return RecordingFinished(path, status, counters, "; ".join(dict.fromkeys(errors)))

    def _final_path(self) -> Path:
        """Rename the folder if that was asked for; where it cannot be, the name stands in dataset.json."""
        if not self._new_name:
            return self.path
        prefix = "_".join(self.path.name.split("_")[:2])
        for suffix in ("", *(f"_{number:03d}" for number in range(2, 1000))):
            target = self.path.with_name(f"{prefix}_{self._new_name}{suffix}")
            if target == self.path:
                break
            if target.exists() and not target.samefile(self.path):
                continue
            try:
                return self.path.rename(target)
            except OSError as error:
                _log.warning("%s keeps its folder's name: %s", self.path, error)
                break
        return self.path

    def _drain(self, head: int, stop: int) -> None:
        """Take what is still on its way through tracking and ring, for a limited time."""
        deadline = time.monotonic() + _DRAIN_S
        drift_deadline = time.monotonic() + _DRIFT_S
        while time.monotonic() < deadline:
            tracking = reader_counters(self._video, "tracking")
            tracked = tracking is None or tracking.position >= head
            self._tracks.move(stop)
            self._watch_disk()
            frames = self._frames is not None and self._frames.take(stop)
            busy = frames or (self._tracks.awaits_drift and time.monotonic() < drift_deadline)
            if tracked and not busy and (self._frames is None or self._frames.caught_up_with(head)):
                break
            if not frames:
                time.sleep(0.005)
        self._tracks.move(stop, final=True)

    def _note_loss(self, gap: Gap) -> None:
        now_ns = time.perf_counter_ns() - self._handles.session_start_ns
        self._folder.events.append("loss", timestamp_ns=now_ns, frame_id=gap.first_id, **asdict(gap))

    def _finish_folder(self, status: str, counters: Counters, ledger: list[Gap], errors: list[str]) -> None:
        counts = asdict(counters) | {"frames_lost": counters.frames_lost} | self._duplicates
        gaps = [asdict(gap) for gap in ledger]
        said = list(dict.fromkeys(errors))
        self._folder.finish(status, counts, gaps, start_frame_id=self.start_id, errors=said)


def _attempt(errors: list[str], step: Callable[[], object]) -> None:
    """Take a step of the end; what goes wrong is kept and said, the next steps are taken all the same."""
    try:
        step()
    except Exception as error:  # noqa: BLE001 - it is reported with the dataset
        errors.append(describe(error))


def describe(error: BaseException) -> str:
    """Return what went wrong in one sentence: ours speak for themselves, others with their kind and notes."""
    if isinstance(error, MagscopeError):
        return str(error)
    return " ".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
