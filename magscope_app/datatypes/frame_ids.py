"""From positions in the ring to frame ids: refused frames took ids but no positions."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from magscope_app.datatypes.gaps import MERGED, Gap, Span, Why


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Positions from `first` on whose ids are larger by `shift`; only at least so when not `exact`."""

    first: int
    shift: int
    exact: bool


def in_frame_ids(gaps: Sequence[Gap], refused: Sequence[Span]) -> Iterator[Gap]:
    """Give losses by position their frame ids.

    A loss within which the ring refused frames is told in pieces, each of consecutive ids. Where of several
    refused frames only the sum is known, the piece says so: its id is then the smallest possible.

    Parameters
    ----------
    gaps : sequence of Gap
        Losses of readers, `first_id` being a position.
    refused : sequence of Span
        Losses of the ring, in the order of their ids.

    Yields
    ------
    Gap
        With frame ids; the counts add up to those given.
    """
    stretches = list(_stretches(refused))
    firsts = [stretch.first for stretch in stretches]
    for gap in gaps:
        several = gap.why.startswith(MERGED)
        first, end = gap.first_id, gap.first_id + gap.count
        for number in range(bisect_right(firsts, first) - 1, len(stretches)):
            stop = end if several or number + 1 == len(firsts) else min(end, firsts[number + 1])
            if first < stop:
                yield _told(gap, stretches[number], first, stop)
                first = stop
            if first == end:
                break


def _told(gap: Gap, stretch: _Stretch, first: int, end: int) -> Gap:
    why = gap.why if stretch.exact else f"{gap.why}; {MERGED}: the first id is the smallest possible"
    return replace(gap, first_id=first + stretch.shift, count=end - first, why=why)


def _stretches(refused: Sequence[Span]) -> Iterator[_Stretch]:
    yield _Stretch(0, 0, exact=True)
    before = 0
    for span in refused:
        if span.why is Why.MERGED:
            # One at least of the merged ones comes before any frame that was accepted among them.
            yield _Stretch(span.first - before, before + 1, exact=False)
        before += span.count
        yield _Stretch(span.end - before, before, exact=True)
