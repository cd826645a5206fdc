"""The shared table of beads, as its document describes it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from magscope_app.datatypes import BeadRoiBuffer, Session
from tests.datatypes.conftest import LockMap


@pytest.fixture
def beads(locks: LockMap, session: Session) -> Iterator[BeadRoiBuffer]:
    made = BeadRoiBuffer(create=True, locks=locks, capacity=6)
    yield made
    made.close()


def listed(beads: BeadRoiBuffer) -> dict[int, list[int]]:
    ids, rois = beads.get_beads()
    assert (ids.dtype, rois.dtype) == (np.dtype(np.uint32), np.dtype(np.uint32))
    assert rois.shape == (len(ids), 4)
    return dict(zip(ids.tolist(), rois.tolist(), strict=True))


def test_every_change_is_seen_on_the_other_side(beads: BeadRoiBuffer, locks: LockMap) -> None:
    attached = BeadRoiBuffer(create=False, locks=locks)
    assert (attached.capacity, attached.name, attached.lock) == (6, "BeadRoiBuffer", locks["BeadRoiBuffer"])
    assert (listed(attached), attached.version, attached.get_next_available_bead_id()) == ({}, 0, 0)
    beads.add_beads({4: (1, 2, 3, 4), np.int64(2): (5, 6, 7, 8)})  # type: ignore[dict-item]  # numpy ids are usual
    assert listed(attached) == {2: [5, 6, 7, 8], 4: [1, 2, 3, 4]}
    assert (attached.version, attached.active_count, attached.max_id_plus_one) == (1, 2, 5)
    attached.update_beads({4: (9, 9, 9, 9)})
    assert listed(beads)[4] == [9, 9, 9, 9]
    beads.remove_beads([4, 0])
    assert listed(attached) == {2: [5, 6, 7, 8]}
    assert (attached.version, attached.active_count, attached.get_next_available_bead_id()) == (3, 1, 5)
    attached.close()


def test_reorder_replace_and_clear(beads: BeadRoiBuffer) -> None:
    beads.add_beads({5: (1, 2, 3, 4), 1: (5, 6, 7, 8)})
    assert beads.reorder_beads() == {1: 0, 5: 1}
    assert listed(beads) == {0: [5, 6, 7, 8], 1: [1, 2, 3, 4]}
    assert beads.max_id_plus_one == 2
    beads.replace_beads({3: (0, 1, 0, 1)})
    assert (listed(beads), beads.max_id_plus_one) == ({3: [0, 1, 0, 1]}, 4)
    beads.clear_beads()
    assert (listed(beads), beads.get_next_available_bead_id(), beads.version) == ({}, 0, 4)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda b: b.add_beads({0: (1, 2, 3, 4), 1: (1, 2, 3, 4)}), r"\[1\] exist"),
        (lambda b: b.update_beads({1: (0, 0, 0, 0), 2: (0, 0, 0, 0)}), r"\[2\] do not"),
        (lambda b: b.add_beads({6: (1, 2, 3, 4)}), "bead 6"),
        (lambda b: b.add_beads({1: (9, 2, 3, 4)}), r"bead 1 ends before it begins: \(9, 2, 3, 4\)"),
        (lambda b: b.add_beads({1: (1, 2, 9, 4)}), "bead 1 ends before it begins"),
        (lambda b: b.add_beads({1: (1.0, 2.0, 3.0, 4.0)}), r"whole numbers, 1\.0 is none"),
        (lambda b: b.add_beads({"a": (1, 2, 3, 4)}), "whole numbers, 'a' is none"),
        (lambda b: b.add_beads({-1: (1, 2, 3, 4)}), "bead -1"),
        (lambda b: b.remove_beads([1, 6]), "bead 6"),
        (lambda b: b.replace_beads({0: (1, 2, 3)}), "bead 0"),
        (lambda b: b.replace_beads({0: (1, 2, 3, -4)}), "bead 0"),
        (lambda b: b.replace_beads({0: (1, 2, 3, 2**32)}), "bead 0"),
    ],
)
def test_a_wrong_change_changes_nothing(
    beads: BeadRoiBuffer, change: Callable[[BeadRoiBuffer], None], match: str
) -> None:
    beads.add_beads({1: (1, 2, 3, 4)})
    with pytest.raises(ValueError, match=match):
        change(beads)
    assert (listed(beads), beads.version) == ({1: [1, 2, 3, 4]}, 1)


def test_a_full_table_says_so_by_its_next_id(beads: BeadRoiBuffer) -> None:
    for _ in range(6):
        beads.add_beads({beads.get_next_available_bead_id(): (0, 1, 2, 3)})
    assert beads.get_next_available_bead_id() == beads.capacity
    with pytest.raises(ValueError, match="out of range"):
        beads.add_beads({beads.get_next_available_bead_id(): (0, 1, 2, 3)})


def test_changes_are_seen_whole(beads: BeadRoiBuffer) -> None:
    stop = threading.Event()

    def change() -> None:
        value = 0
        while not stop.is_set():
            value = (value + 1) % 1000
            beads.replace_beads(dict.fromkeys(range(6), (value,) * 4))

    beads.replace_beads(dict.fromkeys(range(6), (0,) * 4))
    thread = threading.Thread(target=change)
    thread.start()
    try:
        snapshots = [beads.get_beads()[1] for _ in range(500)]
    finally:
        stop.set()
        thread.join()
    assert all(len(np.unique(rois)) == 1 for rois in snapshots)


def test_a_table_without_capacity_or_after_close_is_refused(beads: BeadRoiBuffer, locks: LockMap) -> None:
    beads.close()
    beads.close()
    with pytest.raises(RuntimeError, match="closed"):
        beads.get_beads()
    for capacity in (None, 0):
        with pytest.raises(ValueError, match="capacity"):
            BeadRoiBuffer(create=True, locks=locks, capacity=capacity)
    with pytest.raises(KeyError, match="other"):
        BeadRoiBuffer(create=True, locks=locks, capacity=3, name="other")
