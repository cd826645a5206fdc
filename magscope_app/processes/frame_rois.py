"""Where the beads are in a frame: the ROIs that it was tracked in, as its own rows say."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from magscope_app.datatypes import TRACKS_COLUMNS, BeadRoiBuffer, MatrixBuffer, VideoBuffer
from magscope_app.datatypes.reader_entries import Start
from magscope_app.processes.rows import NO_BEAD
from magscope_app.processes.status_board import reader_counters

_FRAME = TRACKS_COLUMNS.index("frame_id")
_PLACE = [TRACKS_COLUMNS.index(name) for name in ("bead_id", "roi_x_px", "roi_y_px")]


class FrameRois:
    """Reads rows with a cursor of its own, so that images are cut as their frames were tracked.

    The bead list may have changed since: it counts for frames only that have no rows, because tracking has
    lost them or does not run.

    Parameters
    ----------
    rows : MatrixBuffer
        The tracks; closed with this.
    video : VideoBuffer
        The ring, which knows how far tracking is.
    listed : BeadRoiBuffer
        The bead list as it is now.
    roi_px : int
        Side of every ROI while something is recorded.
    start : str
        ``"newest"``, or ``"resume"`` where an earlier recorder may have read rows of frames still to be cut.
    """

    def __init__(
        self, rows: MatrixBuffer, video: VideoBuffer, listed: BeadRoiBuffer, roi_px: int, *, start: Start
    ) -> None:
        self._matrix = rows
        self._video = video
        self._listed = listed
        self._roi_px = roi_px
        self._reader = rows.reader("recording-rois", start="newest")
        self._lost = self._reader.counters.lost
        self._rows: dict[int, npt.NDArray[np.float64]] = {}
        if start == "resume":
            written = rows.rows_written
            earlier = rows.newest(written)
            self._add(earlier, after_loss=len(earlier) < written)

    def known_from(self, position: int) -> int | None:
        """Return for how many frames from a ring position on the ROIs are known; None without tracking."""
        # First how far tracking is, then the rows: it lets go of frames whose rows are written.
        tracking = reader_counters(self._video, "tracking")
        rows = self._reader.read()
        lost, self._lost = self._lost, self._reader.counters.lost
        self._add(rows, after_loss=self._lost > lost)
        return None if tracking is None else max(0, tracking.position - position)

    def of(self, frame_id: int) -> tuple[list[int], list[list[int]]]:
        """Return bead ids and ROIs (x0, x1, y0, y1) of a frame; those before it are forgotten."""
        while self._rows and (earliest := next(iter(self._rows))) < frame_id:
            del self._rows[earliest]
        rows = self._rows.pop(frame_id, None)
        if rows is None:
            ids, rois = self._listed.get_beads()
            return ids.tolist(), rois.tolist()
        places = rows[rows[:, 0] != NO_BEAD].astype(np.int64).tolist()
        size = self._roi_px
        return [bead for bead, _, _ in places], [[x, x + size, y, y + size] for _, x, y in places]

    def mosaic_shape(self) -> tuple[int, int] | None:
        """Return (height, width) of the mosaic of the beads that there are now; None without beads."""
        n_beads = len(self._listed.get_beads()[0])
        return (n_beads * self._roi_px, self._roi_px) if n_beads else None

    def close(self) -> None:
        """Let go of the rows."""
        self._matrix.close()

    def _add(self, rows: npt.NDArray[np.float64], *, after_loss: bool) -> None:
        """Keep the rows of whole frames: the first ones after a loss may be a part."""
        if not len(rows):
            return
        ids = rows[:, _FRAME].astype(np.int64)
        firsts = np.flatnonzero(np.diff(ids, prepend=ids[0] - 1))
        parts = zip(ids[firsts].tolist(), np.split(rows[:, _PLACE], firsts[1:]), strict=True)
        for frame_id, part in list(parts)[int(after_loss) :]:
            self._rows[frame_id] = part
