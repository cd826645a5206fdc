"""Every frame of a recording stands in exactly one place, whatever happened."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from magscope_app.datatypes import Gap
from magscope_app.datatypes.gaps import MERGED
from magscope_app.messages import Counters
from magscope_app.processes.accounting import account
from magscope_app.processes.dead_recorder import account_for_dead
from magscope_app.processes.id_ranges import Range, SeenIds, ranges_of, subtract, union
from tests.line.running import require_identities

STOP = 60
IDS = st.sets(st.integers(0, STOP - 1), max_size=20)


def gaps_of(ids: set[int], where: str) -> list[Gap]:
    ranges = union((number, number + 1) for number in ids)
    return [Gap(first, stop - first, where, "because") for first, stop in ranges]


def seen(ids: set[int], first: int) -> SeenIds:
    made = SeenIds(first)
    made.add(sorted(number for number in ids if number >= first))
    return made


def check(counters: Counters, ledger: list[Gap]) -> None:
    require_identities(
        asdict(counters) | {"frames_lost": counters.frames_lost}, [asdict(gap) for gap in ledger]
    )


@given(refused=IDS, untracked=IDS, unwritten=IDS, first=st.integers(0, 20), jumps=IDS)
def test_every_frame_is_counted_once(
    refused: set[int], untracked: set[int], unwritten: set[int], first: int, jumps: set[int]
) -> None:
    everything = set(range(STOP))
    rows = everything - refused - untracked
    video = everything - refused - unwritten
    gaps = [
        *gaps_of(refused, "ring"),
        *gaps_of(untracked - refused, "tracking"),
        *[Gap(number, 2, "camera", "jumped") for number in jumps],
    ]
    counters, ledger = account((first, STOP), gaps, seen(rows, first), seen(video, first))
    check(counters, ledger)
    window = set(range(first, STOP))
    assert counters.frames_acquired == len(window - refused)
    assert counters.lost_ring == len(window & refused)
    assert counters.frames_recorded == len(window & rows & video)
    assert counters.lost_upstream == 2 * len({number for number in jumps if first < number})
    placed: list[Range] = [
        (gap.first_id, gap.first_id + gap.count) for gap in ledger if gap.where != "camera"
    ]
    whole = union((number, number + 1) for number in window & rows & video)
    assert subtract([(first, STOP)], [*placed, *whole]) == []


def test_rows_that_were_overwritten_are_the_recorders_loss() -> None:
    rows = SeenIds(0)
    rows.add(range(10))
    rows.add(range(20, 30), after_loss=True)
    rows.add(range(35, STOP))
    counters, ledger = account((0, STOP), gaps_of({12}, "ring"), rows, None)
    check(counters, ledger)
    assert (counters.lost_ring, counters.lost_recording, counters.lost_tracking) == (1, 9, 5)


@given(refused=IDS, untracked=IDS, recorded=IDS, first=st.integers(0, 20))
def test_a_dead_recorder_leaves_whole_counters(
    refused: set[int], untracked: set[int], recorded: set[int], first: int
) -> None:
    gaps = [*gaps_of(refused, "ring"), *gaps_of(untracked - refused, "tracking")]
    counters, ledger = account_for_dead(
        (first, STOP), gaps, ranges_of(np.array([*recorded], np.int64)), "killed"
    )
    check(counters, ledger)
    tracked = set(range(first, STOP)) - refused - untracked
    assert counters.frames_recorded == len(tracked & recorded)


@given(refused=IDS.filter(lambda ids: len(ids) > 3), first=st.integers(0, 20))
def test_losses_of_which_the_ring_knows_only_the_number_are_found(refused: set[int], first: int) -> None:
    exact = gaps_of(refused, "ring")
    merged = (
        Gap(exact[2].first_id, sum(gap.count for gap in exact[2:]), "ring", MERGED) if exact[2:] else None
    )
    gaps = [*exact[:2], *([merged] if merged else [])]
    rows = seen(set(range(STOP)) - refused, first)
    counters, ledger = account((first, STOP), gaps, rows, None)
    check(counters, ledger)
    lost = {number for gap in ledger for number in range(gap.first_id, gap.first_id + gap.count)}
    assert lost == {number for number in refused if number >= first}
    assert {gap.where for gap in ledger} <= {"ring"}


def test_ranges_are_subtracted_one_by_one() -> None:
    many = [(3 * number, 3 * number + 2) for number in range(50_000)]
    assert subtract([(0, 150_000)], many) == [(3 * number + 2, 3 * number + 3) for number in range(50_000)]
