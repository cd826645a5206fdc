"""From positions in the ring to frame ids: refused frames took ids but no positions."""

from __future__ import annotations

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
    for gap in gaps:
        several = gap.why.startswith(MERGED)
        end = gap.first_id + gap.count
        for number, stretch in enumerate(stretches):
            last = number + 1 == len(stretches)
            stop = end if last or several else min(end, stretches[number + 1].first)
            first = max(gap.first_id, stretch.first)
            if first >= stop or (several and not last and stretches[number + 1].first <= first):
                continue
            why = gap.why if stretch.exact else f"{gap.why}; {MERGED}: the first id is the smallest possible"
            yield replace(gap, first_id=first + stretch.shift, count=stop - first, why=why)
            if several:
                break


def _stretches(refused: Sequence[Span]) -> Iterator[_Stretch]:
    yield _Stretch(0, 0, exact=True)
    before = 0
    for span in refused:
        if span.why is Why.MERGED:
            # One at least of the merged ones comes before any frame that was accepted among them.
            yield _Stretch(span.first - before, before + 1, exact=False)
        before += span.count
        yield _Stretch(span.end - before, before, exact=True)
