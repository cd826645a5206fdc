"""One recording: from the buffers into a dataset folder, with every frame accounted for."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from magscope_app.datatypes import BeadRoiBuffer, Gap, VideoBuffer
from magscope_app.errors import FOREIGN, MagscopeError
from magscope_app.messages import Counters, Message, RecordingFinished, RecordingOrder
from magscope_app.processes.accounting import account
from magscope_app.processes.disk_watch import DiskWatch, in_minutes
from magscope_app.processes.draining import Drain
from magscope_app.processes.handles import Handles
from magscope_app.processes.keeper import Keeper
from magscope_app.processes.recorder_files import open_files
from magscope_app.processes.resumption import EVENT as RESTARTED
from magscope_app.processes.resumption import Earlier

_log = logging.getLogger(__name__)
#: Rows are flushed to the operating system this often; house rule: at most 0.5 s behind.
_FLUSH_EVERY_S = 0.2
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
        self._video_error = ""
        self._publish_due = 0.0
        self._seams: tuple[Gap, ...] = ()
        events = files.earlier.events if files.earlier is not None else ()
        self._keeper = Keeper(self._folder, handles.session_start_ns, events)
        if files.earlier is None:
            self._note("recording started", mode=order.mode)
        else:
            self._take_over(files.earlier, files.earlier.seam(order.mode, next_frame_id))

    def _take_over(self, earlier: Earlier, seam: Gap) -> None:
        """Go on with a dataset; frames of the seam that the ring still has are recorded, too."""
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
        while self._take_frames() and time.monotonic() < self._flush_due:
            self._watch_disk()
        if time.monotonic() >= self._flush_due:
            self._flush_due = time.monotonic() + _FLUSH_EVERY_S
            self._tracks.move()
            self._watch_disk()
            self._publish_counters()

    def _take_frames(self, stop_id: int | None = None) -> bool:
        """Take frames for the video, which ends by what disk or processor raise; False if there are none."""
        if self._frames is None:
            return False
        try:
            return self._frames.take(stop_id)
        except FOREIGN as error:
            self._end_video(f"video has stopped: {describe(error)}")
            return False

    def keep(self, message: Message) -> None:
        """Keep what belongs into the dataset (see `Keeper`). Raises MagscopeError where that cannot be."""
        self._keeper.keep(message)

    @property
    def frames_recorded(self) -> int:
        """Frames that are whole in every file and that the operating system has.

        A frame whose image is left out on purpose is recorded by its rows, or not at all.
        """
        counts = [self._tracks.frames_durable] if self._tracks.wants_tracks else []
        if self._frames is not None and not self._frames.closed:
            done = self._frames.frames_done
            counts.append(done if counts else done - self._left_out)
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
        written, waiting = 0, 0
        if self._frames is not None:
            written, waiting = self._frames.bytes_written, self._frames.bytes_waiting
        disk.look(written + self._tracks.bytes_written, waiting)
        if disk.is_low and not self._warned:
            self._warned = True
            _log.warning("the disk will be full %s at this rate", in_minutes(disk.minutes_so_far))
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
        recorded = self.frames_recorded
        tracked = self._tracks.frames_durable if self._tracks.wants_tracks else recorded + self._left_out
        counts = {
            "frames_acquired": tracked,
            "frames_tracked": tracked,
            "frames_recorded": recorded,
            "frames_left_out": self._left_out,
        }
        self._folder.update(counters=counts | self._duplicates)

    def _note(self, kind: str, **fields: object) -> None:
        self._keeper.note(kind, self._video.counters().next_frame_id, **fields)

    # --- the end -----------------------------------------------------------------------------

    def finish(
        self,
        exit_status: str,
        stop_id: int | None,
        reason: str = "",
        may_wait: Callable[[], bool] = lambda: True,
    ) -> RecordingFinished:
        """Record what was acquired before `stop_id` (None: until now) and complete the dataset.

        Parameters
        ----------
        exit_status : str
            ``"completed"``, ``"interrupted"`` or ``"failed"``.
        stop_id : int or None
            The id after the last frame.
        reason : str
            Why it failed, if it did.
        may_wait : callable
            Asked again and again while frames are waited for; False where they are not to be.
        """
        head = self._video.counters()
        stop = head.next_frame_id if stop_id is None else min(stop_id, head.next_frame_id)
        errors: list[str] = []
        _attempt(errors, partial(self._drain, Drain(self._video, head.acquired, may_wait), stop))
        _attempt(errors, partial(self._tracks.settle, stop))
        if self._frames is not None:
            _attempt(errors, self._frames.finish)
        # Notes and a name that came while images were stored.
        _attempt(errors, may_wait)
        errors[:0] = [text for text in (self._video_error, reason) if text]
        rows = self._tracks.seen if self._tracks.wants_tracks else None
        frames = self._frames.seen() if self._frames is not None else None
        window = (self.start_id, max(stop, self.start_id))
        why = "; ".join(errors) or "the disk did not keep up"
        gaps = [*self._video.ledger(), *self._seams]
        counters, ledger = account(window, gaps, rows, frames, why, self._left_out)
        without_image = 0
        if rows is not None and frames is not None:
            in_rows, _ = account(window, gaps, rows, None)
            without_image = counters.lost_recording - in_rows.lost_recording
        status = "failed" if errors else exit_status
        _attempt(errors, partial(self._note, "recording ended", exit_status=status))
        for gap in ledger:
            _attempt(errors, partial(self._note_loss, gap))
        _attempt(errors, partial(self._tracks.finish, status))
        _attempt(errors, partial(self._finish_folder, status, counters, ledger, errors))
        path = self._folder.take_name()
        if errors and not path.is_dir():
            # Every file has its own complaint: one reason is enough.
            errors = [f"the folder {path} was deleted or moved: start another recording"]
        return RecordingFinished(path, status, counters, "; ".join(dict.fromkeys(errors)), without_image)

    def _drain(self, drain: Drain, stop: int) -> None:
        """Take what is still on its way through tracking and ring, as long as that makes sense."""
        drift_deadline = 0.0
        while drain.goes_on(self._progress):
            self._tracks.move(stop)
            self._watch_disk()
            if self._take_frames(stop):
                continue
            if drain.tracked and (self._frames is None or self._frames.caught_up_with(drain.head)):
                drift_deadline = drift_deadline or time.monotonic() + _DRIFT_S
                if not self._tracks.awaits_drift or time.monotonic() > drift_deadline:
                    break
            time.sleep(0.005)

    @property
    def _progress(self) -> tuple[int, int]:
        """How many rows' and images' frames have been dealt with."""
        images = self._frames
        return self._tracks.frames_durable, images.progress if images is not None else 0

    def _note_loss(self, gap: Gap) -> None:
        self._keeper.note("loss", gap.first_id, **asdict(gap))

    def _finish_folder(self, status: str, counters: Counters, ledger: list[Gap], errors: list[str]) -> None:
        counts = asdict(counters) | {"frames_lost": counters.frames_lost} | self._duplicates
        gaps = [asdict(gap) for gap in ledger]
        said = list(dict.fromkeys(errors))
        self._folder.finish(status, counts, gaps, start_frame_id=self.start_id, errors=said)


def _attempt(errors: list[str], step: Callable[[], object]) -> None:
    """Take a step of the end; what goes wrong is kept and said, the next steps are taken all the same."""
    try:
        step()
    except FOREIGN as error:
        errors.append(describe(error))


def describe(error: BaseException) -> str:
    """Return what went wrong in one sentence: ours speak for themselves, others with their kind and notes."""
    if isinstance(error, MagscopeError):
        return str(error)
    return " ".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
