"""The accounts of one ring whose processes are all dead: nothing may be missing in them."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from magscope_app.datatypes import Gap, ReaderMode, VideoBuffer
from tests.datatypes.chaos_board import Board
from tests.datatypes.chaos_roles import BATCH, wrong_in

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Accounts:
    """Sums over one or more rings."""

    frames: int = 0
    delivered: int = 0
    twice: int = 0
    lost_ring: int = 0
    lost_tracking: int = 0
    rings_summed: int = 0

    def __add__(self, other: Accounts) -> Accounts:
        return Accounts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @classmethod
    def of(cls, video: VideoBuffer, board: Board, tracking_kills: int) -> Accounts:
        """Read the rest of the ring and assert that every frame id is accounted for."""
        rest = _drain(video)
        counters, mine = video.counters(), video.reader_counters("tracking")
        assert counters.acquired + counters.lost_ring == counters.next_frame_id
        assert counters.lost_upstream == 0
        assert mine.got + mine.lost == mine.cursor == counters.acquired
        gaps = {where: [g for g in video.ledger() if g.where == where] for where in ("ring", "tracking")}
        assert sum(gap.count for gap in gaps["ring"]) == counters.lost_ring
        assert sum(gap.count for gap in gaps["tracking"]) == mine.lost
        everything = np.arange(counters.next_frame_id)
        delivered = np.union1d(np.flatnonzero(board.delivered), rest)
        # A batch that was delivered and not yet released when its process was killed comes again, or counts
        # as lost.
        may_double = BATCH * tracking_kills
        assert mine.got <= len(delivered) <= mine.got + may_double
        twice = int((board.delivered > 1).sum()) + len(np.intersect1d(np.flatnonzero(board.delivered), rest))
        assert twice <= may_double
        summed = any("several" in gap.why for found in gaps.values() for gap in found)
        if not summed:
            refused = _ids(gaps["ring"], everything)
            lost = _ids(gaps["tracking"], np.setdiff1d(everything, refused))
            assert len(np.intersect1d(delivered, refused)) == 0
            assert len(np.intersect1d(delivered, lost)) <= may_double
            np.testing.assert_array_equal(np.unique(np.concatenate([delivered, refused, lost])), everything)
        return cls(len(everything), len(delivered), twice, counters.lost_ring, mine.lost, int(summed))


def _drain(video: VideoBuffer) -> Ids:
    """Read what is left, as the next tracking process would; return the ids."""
    found: list[Ids] = []
    with video.reader("tracking", ReaderMode.LOSSLESS) as reader:
        while (batch := reader.acquire(BATCH)) is not None:
            assert not wrong_in(batch).any()
            assert batch.release().all()
            found.append(batch.frame_ids.astype(np.int64))
    return np.concatenate([np.zeros(0, np.int64), *found])


def _ids(gaps: list[Gap], candidates: Ids) -> Ids:
    """Return the ids that gaps mean: from the first one on, as many as were lost, of those possible."""
    starts = [int(np.searchsorted(candidates, gap.first_id)) for gap in gaps]
    parts = [candidates[start : start + gap.count] for start, gap in zip(starts, gaps, strict=True)]
    return np.concatenate([np.zeros(0, np.int64), *parts])
