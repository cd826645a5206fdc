"""Video of ROIs: every image is cut as its frame was tracked, and frames without beads are left out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from magscope_app.datatypes import ReaderMode, VideoReader
from magscope_app.messages import LogEntry
from magscope_app.storage import open_dataset
from tests.line.feeding import ROI_PX, Rig, fed_recorder, image
from tests.line.running import require_identities

BOTH = "Track and Video (ROIs)"
ALONE = "Video (ROIs)"


@contextmanager
def tracked_recorder() -> Iterator[tuple[Rig, VideoReader]]:
    with fed_recorder() as rig, rig.video.reader("tracking", ReaderMode.LOSSLESS) as tracker:
        yield rig, tracker


def feed(rig: Rig, tracker: VideoReader, count: int, n_beads: int) -> None:
    """Give frames and rows, and let go of the frames as tracking does."""
    rig.feed(count, n_beads=n_beads)
    batch = tracker.acquire(count)
    assert batch is not None
    batch.release()


@pytest.mark.parametrize("mode", [BOTH, ALONE])
def test_images_are_cut_as_their_frames_were_tracked(tmp_path: Path, mode: str) -> None:
    """The bead list of the moment, which is empty here, does not count."""
    with tracked_recorder() as (rig, tracker):
        path = rig.record(tmp_path, mode)
        for count, n_beads in ((10, 2), (5, 0), (10, 1)):
            feed(rig, tracker, count, n_beads)
        counters = rig.stop().counters
    dataset = open_dataset(path)
    require_identities(dataset.counters, dataset.ledger)
    assert (counters.frames_left_out, counters.frames_lost) == (5, 0)
    assert counters.frames_recorded == (25 if mode == BOTH else 20)
    assert dataset.video_frame_ids.tolist() == [*range(10), *range(15, 25)]
    for frame_id, n_beads in ((3, 2), (9, 2), (15, 1)):
        # Where `make_rows` puts them.
        rois = [
            [10 * bead, 10 * bead + ROI_PX, 10 * bead + 1, 10 * bead + 1 + ROI_PX] for bead in range(n_beads)
        ]
        crops = [image(frame_id)[y0:y1, x0:x1] for x0, x1, y0, y1 in rois]
        np.testing.assert_array_equal(dataset[{"time": frame_id}], np.concatenate(crops))
        about = dataset.get_metadata({"time": frame_id})
        assert (about["bead_ids"], about["rois_px"]) == (list(range(n_beads)), rois)


def test_frames_that_another_recorder_cuts_keep_their_rois(tmp_path: Path) -> None:
    """Their rows were read by the one that was killed."""
    with tracked_recorder() as (rig, tracker):
        path = rig.record(tmp_path, BOTH)
        rig.feed(20)
        deadline = time.monotonic() + 30.0
        while len(open_dataset(path).frames()) < 19:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        rig.kill()
        batch = tracker.acquire(20)
        assert batch is not None
        batch.release()
        rig.start()
        rig.record(tmp_path, BOTH, resume=path)
        feed(rig, tracker, 10, 1)
        counters = rig.stop().counters
    dataset = open_dataset(path)
    # Also the newest one, whose rows the first recorder had read and not written.
    assert (counters.frames_left_out, counters.frames_lost) == (0, 0)
    assert dataset.frames()["frame_id"].tolist() == list(range(30))
    assert dataset.video_frame_ids.tolist() == list(range(30))
    assert dataset[{"time": 19}].shape == (2 * ROI_PX, ROI_PX)


def test_without_beads_nothing_is_recorded_and_that_is_said_once(tmp_path: Path) -> None:
    with tracked_recorder() as (rig, tracker):
        path = rig.record(tmp_path, ALONE)
        feed(rig, tracker, 20, 0)
        said = rig.hear(LogEntry, lambda entry: "no beads" in entry.text)
        feed(rig, tracker, 20, 0)
        finished = rig.stop()
        assert not [one for one in rig.messages() if isinstance(one, LogEntry) and "no beads" in one.text]
    assert "there are no beads in frame 0, and so no ROIs to record" in said.text
    counters = finished.counters
    assert (counters.frames_recorded, counters.frames_left_out, counters.frames_lost) == (0, 40, 0)
    dataset = open_dataset(path)
    assert dataset.counters["frames_left_out"] == 40
    require_identities(dataset.counters, dataset.ledger)
