"""Undo and redo of bead lists, without a window."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gui.models.edits import BeadList, Command, EditHistory
from gui.models.selection import Selection
from magscope_app.messages import AddBead, Bead, EditBeads, FindBeads, MoveBead, RemoveBeads, SetBeadRole

Beads = dict[int, Bead]
beads_strategy = st.dictionaries(st.integers(0, 9), st.integers(20, 90), max_size=6).map(
    lambda made: {key: Bead(key, float(x), 50.0) for key, x in made.items()}
)


def applied(beads: Beads, edit: EditBeads) -> Beads:
    left = {key: bead for key, bead in beads.items() if key not in edit.remove}
    return left | {bead.id: bead for bead in edit.put}


@given(lists=st.lists(beads_strategy, min_size=2, max_size=8))
def test_undo_goes_back_through_any_lists_and_redo_forward(lists: list[Beads]) -> None:
    history = EditHistory(lambda: 0.0)
    states = [lists[0]]
    for before, after in pairwise(lists):
        history.expect("a change", EditBeads(tuple(after.values()), tuple(before)))
        history.take(BeadList(before, 64), BeadList(after, 64))
        if before != after:
            states.append(after)
    now = states[-1]
    for expected in states[-2::-1]:
        edit = history.undo()
        assert edit is not None
        now = applied(now, edit)
        assert now == expected
    assert history.undo() is None
    for expected in states[1:]:
        edit = history.redo()
        assert edit is not None
        now = applied(now, edit)
        assert now == expected
    assert history.redo() is None


def test_what_others_have_moved_meanwhile_stays_where_it_is() -> None:
    history = EditHistory(lambda: 0.0)
    start = {0: Bead(0, 10.0, 10.0), 1: Bead(1, 20.0, 20.0)}
    history.expect("moving bead 0", MoveBead(0, 15.0, 10.0))
    locked = start | {1: Bead(1, 21.0, 20.0)}
    history.take(BeadList(start, 64), BeadList(locked, 64))
    assert history.undo_label == "", "a lock moved bead 1: that is no edit"
    moved = locked | {0: Bead(0, 15.0, 10.0)}
    history.take(BeadList(locked, 64), BeadList(moved, 64))
    edit = history.undo()
    assert edit is not None
    assert applied(moved, edit) == locked


def test_a_new_bead_is_taken_back_whatever_its_number() -> None:
    history = EditHistory(lambda: 0.0)
    history.expect("adding a bead", AddBead(1.0, 2.0))
    history.take(BeadList({}, 64), BeadList({5: Bead(5, 1.0, 2.0)}, 64))
    assert history.undo() == EditBeads((), (5,), None)
    assert history.redo() == EditBeads((Bead(5, 1.0, 2.0),), (), None)


def test_a_command_without_an_answer_is_forgotten() -> None:
    now = [0.0]
    history = EditHistory(lambda: now[0])
    history.expect("adding a bead", AddBead(1.0, 2.0))
    now[0] = 50.0
    assert not history.give_up()
    now[0] = 61.0
    assert history.give_up()
    assert not history.waits
    history.take(BeadList({}, 64), BeadList({5: Bead(5, 1.0, 2.0)}, 64))
    assert history.undo() is None


TWO = {0: Bead(0, 1.0, 1.0), 1: Bead(1, 9.0, 1.0)}


@pytest.mark.parametrize(
    "nothing",
    [
        EditBeads(tuple(TWO.values()), (0, 1)),
        EditBeads(roi_px=64),
        MoveBead(0, 1.0, 1.0),
        SetBeadRole(1, "tethered"),
        FindBeads(),
    ],
    ids=lambda command: type(command).__name__,
)
def test_a_command_that_changes_nothing_is_in_nobodys_way(nothing: Command) -> None:
    history = EditHistory(lambda: 0.0)
    history.expect("nothing", nothing)
    if not isinstance(nothing, FindBeads):
        history.take(BeadList(TWO, 64), BeadList(TWO, 64))
    locked = TWO | {0: Bead(0, 2.0, 1.0)}
    history.take(BeadList(TWO, 64), BeadList(locked, 64))
    assert history.undo_label == "", "a lock moved bead 0"
    history.expect("removing bead 1", RemoveBeads((1,)))
    history.take(BeadList(locked, 64), BeadList({0: locked[0]}, 64))
    assert history.undo_label == "removing bead 1"
    assert history.undo() == EditBeads((TWO[1],))


def test_a_refused_undo_or_redo_can_be_tried_again() -> None:
    history = EditHistory(lambda: 0.0)
    small, large = BeadList(TWO, 48), BeadList(TWO, 64)
    history.expect("resizing the ROIs", EditBeads(roi_px=64))
    history.take(small, large)
    undo = history.undo()
    history.refused()
    assert (history.undo_label, history.redo_label) == ("resizing the ROIs", "")
    assert history.undo() == undo
    history.take(large, small)
    history.redo()
    history.refused()
    assert (history.undo_label, history.redo_label) == ("", "resizing the ROIs")


def test_numbers_that_go_to_other_beads_are_known() -> None:
    before = BeadList(TWO | {2: Bead(2, 200.0, 1.0), 3: Bead(3, 300.0, 1.0)}, 64)

    def replaced(**places: float) -> object:
        moved = {int(key[1:]): Bead(int(key[1:]), x, 1.0) for key, x in places.items()}
        return before.replaced(BeadList({**before.beads, **moved}, 64))

    assert replaced(b0=9.0, b1=1.0) == {0, 1}, "renumbered, nearer than a ROI"
    assert replaced(b0=60.0, b2=210.0) == set(), "dragged"
    assert replaced(b3=400.0, b4=300.0) == {3}


def test_a_new_edit_ends_what_could_be_redone() -> None:
    history = EditHistory(lambda: 0.0)
    one, two = {0: Bead(0, 1.0, 1.0)}, {0: Bead(0, 2.0, 1.0)}
    history.expect("moving bead 0", MoveBead(0, 2.0, 1.0))
    history.take(BeadList(one, 64), BeadList(two, 64))
    history.undo()
    assert history.redo_label == "moving bead 0"
    history.expect("resizing the ROIs", EditBeads(roi_px=48))
    history.take(BeadList(one, 64), BeadList(one, 48))
    assert history.redo_label == ""
    assert history.undo() == EditBeads((), (), 64)


@pytest.mark.parametrize(
    ("toggled", "chosen", "shown"), [(2, {1, 2}, 2), (1, set[int](), None)], ids=["another", "the same"]
)
def test_one_of_the_chosen_beads_is_shown(toggled: int, chosen: set[int], shown: int | None) -> None:
    selection = Selection.of((1,)).toggled(toggled)
    assert (set(selection.chosen), selection.shown) == (chosen, shown)
    assert Selection.of((3, 5), 5).within((3, 4)) == Selection.of((3,))
