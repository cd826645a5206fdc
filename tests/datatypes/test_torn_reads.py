"""No validated read is ever torn, on a ring where an unvalidated one is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from magscope_app.datatypes import VideoBuffer
from tests.datatypes.torn_reads import KINDS, Counts, overwritten_ring, raw

Kind = Callable[[VideoBuffer, int], Counts]


def check(length: int, kind: Kind, reads: int) -> None:
    with overwritten_ring(length) as video:
        control = raw(video, 1_000_000, 3)
        assert control.torn >= 3, "the control never tore: this test shows nothing"
        counts = kind(video, reads)
    assert counts.reads >= reads
    assert counts.torn == 0


@pytest.mark.parametrize(("length", "kind"), KINDS)
def test_no_validated_read_is_torn_where_a_raw_one_is(length: int, kind: Kind) -> None:
    check(length, kind, 10_000)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("length", "kind"), KINDS)
def test_no_validated_read_in_a_million_is_torn(length: int, kind: Kind) -> None:
    check(length, kind, 500_000)
