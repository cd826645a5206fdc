"""The files of a recording: a new dataset, or a new part of one whose recorder has ended."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass

from magscope_app.config import Config
from magscope_app.data.processor import ProcessFunction
from magscope_app.datatypes import BeadRoiBuffer, VideoBuffer
from magscope_app.datatypes.reader_entries import Start
from magscope_app.errors import MagscopeError
from magscope_app.messages import RecordingOrder
from magscope_app.processes.frame_rois import FrameRois
from magscope_app.processes.handles import Handles
from magscope_app.processes.keeper import keep_corrections
from magscope_app.processes.load_function import load_function
from magscope_app.processes.part_limits import PartLimits
from magscope_app.processes.resumption import Earlier, read_earlier
from magscope_app.processes.track_writer import TrackWriter
from magscope_app.processes.video_storage import storage_maker
from magscope_app.processes.video_writer import VideoWriter
from magscope_app.storage import DatasetFolder


@dataclass(frozen=True)
class RecorderFiles:
    """What a recorder writes into.

    Attributes
    ----------
    folder : DatasetFolder
        The dataset.
    tracks : TrackWriter
        Rows.
    frames : VideoWriter or None
        Images, if the mode has any.
    earlier : Earlier or None
        What another recorder has stored before.
    """

    folder: DatasetFolder
    tracks: TrackWriter
    frames: VideoWriter | None
    earlier: Earlier | None

    def begin(self, next_frame_id: int) -> int:
        """Write frames from this id on, or those that are not stored yet; return the recording's first."""
        earlier = self.earlier
        if earlier is None:
            self.tracks.begin(next_frame_id)
            if self.frames is not None:
                self.frames.begin(next_frame_id)
            self.folder.update(start_frame_id=next_frame_id)
            return next_frame_id
        self.tracks.begin(earlier.next_rows, earlier.rows, earlier.last_rows)
        if self.frames is not None:
            self.frames.begin(earlier.next_image, earlier.video, earlier.left_out, earlier.duplicates)
        return earlier.start_id


def open_files(
    order: RecordingOrder, handles: Handles, video: VideoBuffer, rois: BeadRoiBuffer
) -> RecorderFiles:
    """Make or continue the dataset of an order; one that cannot be begun leaves nothing behind.

    Raises
    ------
    MagscopeError
        The dataset, a part of it or the user's storage cannot be made, or the storage cannot take the images.
    """
    config = handles.config
    process_fn = _processor(config)
    if order.resume is None:
        earlier, folder = None, _new_folder(order, config)
    else:
        earlier = read_earlier(order.resume, has_processor=process_fn is not None)
        folder = earlier.folder
    with contextlib.ExitStack() as undo:
        if earlier is None:
            undo.callback(shutil.rmtree, folder.path, ignore_errors=True)
        if order.zlut is not None:
            folder.add_zlut(order.zlut)
        if earlier is None:
            folder.update(corrections=keep_corrections(folder, order.corrections))
        start: Start = "newest" if earlier is None else "resume"
        tracks = TrackWriter(order, handles, folder, _limits(config), start=start)
        undo.callback(tracks.finish, "failed")
        frames = None
        if "Video" in order.mode:
            wanted = None
            if "ROIs" in order.mode:
                roi_px = order.facts.get("roi_px", config.beads.roi_px)
                wanted = FrameRois(handles.tracks(), video, rois, roi_px, start=start)
                undo.callback(wanted.close)
            make = storage_maker(config)
            frames = VideoWriter(video, wanted, folder, _limits(config), make, process_fn, start=start)
            undo.callback(frames.finish)
            if (refusal := frames.refusal(config.recording.storage)) is not None:
                raise MagscopeError(refusal)
        undo.pop_all()
    return RecorderFiles(folder, tracks, frames, earlier)


def _new_folder(order: RecordingOrder, config: Config) -> DatasetFolder:
    storage = {"video_storage": config.recording.storage} if "Video" in order.mode else {}
    return DatasetFolder.create(
        order.folder,
        order.name,
        config_text=order.config_text,
        facts=order.facts | {"mode": order.mode} | storage,
        unix_start_ns=order.anchor.unix_ns,
    )


def _limits(config: Config) -> PartLimits:
    return PartLimits(config.recording.rotate_minutes, config.recording.rotate_gb)


def _processor(config: Config) -> ProcessFunction | None:
    name = config.recording.process_fn
    return None if name is None else load_function(name, config.drivers.path)
