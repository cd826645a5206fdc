from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magscope_app.datatypes import TRACKS_COLUMNS
from magscope_app.storage.frames import FrameAssembler, FrameBlock
from tests.data.rows import make_rows

FRAMES = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 4)), min_size=1, max_size=8)


@given(frames=FRAMES, cuts=st.lists(st.integers(0, 40), max_size=6), takes=st.integers(1, 3))
def test_however_the_rows_are_cut_the_frames_are_the_same(
    frames: list[tuple[int, int]], cuts: list[int], takes: int
) -> None:
    parts, frame_id = [], 0
    for gap, n_beads in frames:
        frame_id += gap
        parts.append(make_rows(range(frame_id, frame_id + 1), n_beads))
    table = np.concatenate(parts)
    assembler = FrameAssembler()
    blocks: list[FrameBlock] = []
    for number, piece in enumerate(np.split(table, sorted(min(cut, len(table)) for cut in cuts))):
        assembler.add(piece)
        if number % takes == 0 and (block := assembler.take(final=False)) is not None:
            blocks.append(block)
    if (block := assembler.take(final=True)) is not None:
        blocks.append(block)
    assert assembler.take(final=True) is None
    counts = [np.diff(block.record_ends.astype(int), prepend=0) for block in blocks]
    assert np.concatenate(counts).tolist() == [n_beads for _, n_beads in frames]
    ids = np.concatenate([block.frame_ids for block in blocks])
    assert ids.tolist() == np.cumsum([gap for gap, _ in frames]).tolist()
    records = table[table[:, TRACKS_COLUMNS.index("bead_id")] >= 0]
    np.testing.assert_array_equal(np.concatenate([block.positions_nm for block in blocks]), records[:, 2:5])
    np.testing.assert_array_equal(np.concatenate([block.bead_ids for block in blocks]), records[:, 5])
    np.testing.assert_array_equal(np.concatenate([block.focus_nm for block in blocks]), 2.0 * ids)
    np.testing.assert_array_equal(
        np.concatenate([block.session_ns for block in blocks]), ids * 10_000_000 + 123
    )


def test_the_newest_frame_waits_for_a_later_one() -> None:
    assembler = FrameAssembler()
    assembler.add(make_rows(range(3, 6), 2)[:-1])
    block = assembler.take(final=False)
    assert block is not None
    assert block.frame_ids.tolist() == [3, 4]
    assembler.add(make_rows(range(5, 6), 2)[1:])
    assert assembler.take(final=False) is None
    last = assembler.take(final=True)
    assert last is not None
    assert last.bead_ids.tolist() == [0, 1]


def test_the_caller_may_use_its_array_again() -> None:
    rows = make_rows(range(2), 1)
    assembler = FrameAssembler()
    assembler.add(rows)
    rows[:] = -5
    block = assembler.take(final=True)
    assert block is not None
    assert block.frame_ids.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("frame_id", -1.0),
        ("frame_id", 0.5),
        ("frame_id", np.nan),
        ("t_ns", np.inf),
        ("bead_id", -2.0),
        ("bead_id", 65536.0),
        ("bead_id", 0.5),
        ("roi_x_px", -1.0),
        ("roi_y_px", 70000.0),
        ("roi_x_px", np.nan),
        ("flags", np.nan),
        ("flags", 256.0),
        ("frame_id", 7.0),
    ],
)
def test_rows_that_cannot_be_right_are_refused_whole(column: str, value: float) -> None:
    assembler = FrameAssembler()
    assembler.add(make_rows(range(2), 2))
    wrong = make_rows(range(2, 5), 2)
    wrong[2, TRACKS_COLUMNS.index(column)] = value
    with pytest.raises(ValueError):
        assembler.add(wrong)
    block = assembler.take(final=True)
    assert block is not None
    assert block.frame_ids.tolist() == [0, 1]


@pytest.mark.parametrize("late", [0, 1])
def test_rows_of_frames_that_are_written_are_refused(late: int) -> None:
    assembler = FrameAssembler()
    assembler.add(make_rows(range(2), 2))
    assert assembler.take(final=True) is not None
    with pytest.raises(ValueError, match="frame order"):
        assembler.add(make_rows(range(late, 3), 1))
    assembler.add(make_rows(range(2, 3), 1))


def test_positions_may_be_unknown_and_shapes_may_not() -> None:
    rows = make_rows(range(1), 3)
    rows[:, [2, 3, 4, 8, 9, 10, 11, 12]] = np.nan
    assembler = FrameAssembler()
    assembler.add(rows)
    assembler.add(np.empty((0, len(TRACKS_COLUMNS))))
    block = assembler.take(final=True)
    assert block is not None
    assert np.isnan(block.positions_nm).all()
    for shape in ((len(TRACKS_COLUMNS),), (2, 7)):
        with pytest.raises(ValueError, match="shape"):
            assembler.add(np.zeros(shape))
