"""Ranges of frame ids behave as the sets they stand for."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from magscope_app.processes.id_ranges import Range, SeenIds, clip, subtract, total, union

RANGES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6)


def as_set(ranges: list[Range]) -> set[int]:
    return {number for first, stop in ranges for number in range(first, stop)}


@given(RANGES, RANGES)
def test_ranges_are_sets(one: list[Range], other: list[Range]) -> None:
    assert as_set(union([*one, *other])) == as_set(one) | as_set(other)
    assert as_set(subtract(one, other)) == as_set(one) - as_set(other)
    assert as_set(clip(one, (5, 20))) == as_set(one) & set(range(5, 20))
    assert total(one) == len(as_set(one))


@given(RANGES)
def test_union_is_sorted_and_apart(ranges: list[Range]) -> None:
    joined = union(ranges)
    assert all(left[1] < right[0] for left, right in pairwise(joined))


@given(st.sets(st.integers(3, 60)), st.data())
def test_what_did_not_come_is_missing(arrived: set[int], data: st.DataObject) -> None:
    seen = SeenIds(3)
    ids = sorted(arrived)
    while ids:
        size = data.draw(st.integers(1, len(ids)))
        seen.add(ids[:size])
        ids = ids[size:]
    assert as_set(seen.missing(61)) == set(range(3, 61)) - arrived
    assert seen.overwritten == []


@given(st.sets(st.integers(3, 60)), st.randoms())
def test_single_ids_may_come_out_of_order(arrived: set[int], random: Random) -> None:
    seen = SeenIds(3)
    ids = sorted(arrived)
    random.shuffle(ids)
    for number in ids:
        seen.add_one(number)
    assert as_set(seen.missing(61)) == set(range(3, 61)) - arrived
    assert seen.count == len(arrived)


def test_of_a_long_gap_nothing_is_remembered_but_its_ends() -> None:
    seen = SeenIds(0)
    for number in [*range(100), *range(200, 20_000)]:
        seen.add_one(number)
    assert seen.missing(20_001) == [(100, 200), (20_000, 20_001)]
    assert seen.count == 19_900


def test_what_was_overwritten_is_told_apart() -> None:
    seen = SeenIds(0)
    seen.add([0, 1, 4])
    seen.add([9, 11], after_loss=True)
    assert seen.missing(12) == [(2, 4), (5, 9), (10, 11)]
    assert seen.overwritten == [(5, 9)]
