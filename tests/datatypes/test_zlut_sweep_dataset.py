"""The profiles of a sweep, as its document describes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from magscope_app.datatypes import BufferOverflow, DatasetNotReadyError, Session, ZLUTSweepDataset, layout
from tests.datatypes.conftest import LockMap

SIZES: dict[str, Any] = {
    "capacity": 6,
    "profile_length": 3,
    "n_steps": 2,
    "n_beads": 2,
    "profiles_per_bead": 1,
}
STATES = range(8)
ATTACHABLE = {ZLUTSweepDataset.STATE_READY, ZLUTSweepDataset.STATE_CAPTURING}
ATTACHABLE |= {ZLUTSweepDataset.STATE_COMPLETE, ZLUTSweepDataset.STATE_FAILED}
#: How to get to each state from READY.
PATHS = {2: [], 3: [3], 4: [3, 4], 5: [5], 6: [6], 7: [5, 7]}


@pytest.fixture
def sweep(locks: LockMap, session: Session) -> Iterator[ZLUTSweepDataset]:
    made = ZLUTSweepDataset.create(locks=locks, **SIZES)
    yield made
    made.close()


def write(sweep: ZLUTSweepDataset, beads: list[int], step: int, **changes: object) -> None:
    count = len(beads)
    values: dict[str, object] = {
        "bead_ids": np.array(beads),
        "step_indices": np.full(count, step),
        "timestamps": np.arange(count) + 0.5,
        "motor_z_values": np.full(count, 10.0 * step),
        "valid_flags": np.array([bead != 5 for bead in beads]),
        "profiles": np.arange(3.0 * count).reshape(count, 3) + 100 * step,
    }
    sweep.write(**{**values, **changes})  # type: ignore[arg-type]  # arrays and what is no array


def test_rows_come_back_as_they_were_written(sweep: ZLUTSweepDataset, locks: LockMap) -> None:
    assert ZLUTSweepDataset.name == ZLUTSweepDataset.NAME == sweep.name
    attached = ZLUTSweepDataset.attach(locks=locks)
    assert {name: getattr(attached, name) for name in SIZES} == SIZES
    write(sweep, [4, 5], 0)
    write(attached, [4, 5], 1)
    rows = attached.peak()
    assert {name: (values.dtype.name, values.shape) for name, values in rows.items()} == {
        "bead_ids": ("uint32", (4,)),
        "step_indices": ("uint32", (4,)),
        "timestamps": ("float64", (4,)),
        "motor_z_values": ("float64", (4,)),
        "valid_flags": ("uint8", (4,)),
        "profiles": ("float64", (4, 3)),
    }
    assert rows["bead_ids"].tolist() == [4, 5, 4, 5]
    assert rows["valid_flags"].tolist() == [1, 0, 1, 0]
    np.testing.assert_array_equal(rows["profiles"][2], [100, 101, 102])
    assert (sweep.get_count(), sweep.get_capacity()) == (4, 6)
    write(sweep, [4], 0)
    assert len(rows["bead_ids"]) == 4
    attached.close()


def test_the_preview_shows_one_bead(sweep: ZLUTSweepDataset) -> None:
    empty = sweep.read_preview()
    assert (empty["available_bead_ids"], empty["selected_bead_id"], empty["motor_z_min"]) == ([], None, None)
    write(sweep, [4, 5], 0)
    write(sweep, [4, 5], 1)
    for selected, shown in ((None, 4), (5, 5), (9, 4)):
        preview = sweep.read_preview(selected)
        assert preview["selected_bead_id"] == shown
        assert preview["available_bead_ids"] == [4, 5]
        assert (preview["state"], preview["count"], preview["capacity"]) == (2, 4, 6)
        assert (preview["motor_z_min"], preview["motor_z_max"]) == (0.0, 10.0)
        np.testing.assert_array_equal(np.asarray(preview["step_indices"]), [0, 1])
        assert np.asarray(preview["profiles"]).shape == (2, 3)


def test_beyond_the_capacity_nothing_is_written(sweep: ZLUTSweepDataset) -> None:
    write(sweep, [1, 2, 1, 2], 0)
    with pytest.raises(BufferOverflow, match="4 of 6"):
        write(sweep, [1, 2, 1], 1)
    assert sweep.get_count() == 4
    write(sweep, [1, 2], 1)


def test_beads_that_the_sweep_does_not_have_are_refused(sweep: ZLUTSweepDataset, locks: LockMap) -> None:
    """It has two, whatever their numbers, and whoever wrote their rows."""
    with pytest.raises(ValueError, match=r"the sweep has 2 beads, and rows of others were given \(bead 9\)"):
        write(sweep, [4, 5, 9], 0)
    assert sweep.get_count() == 0
    write(sweep, [4], 0)
    attached = ZLUTSweepDataset.attach(locks=locks)
    write(attached, [5], 0)
    for one in (sweep, attached):
        with pytest.raises(ValueError, match="the sweep has 2 beads"):
            write(one, [9], 1)
    write(sweep, [5, 4], 1)
    assert sweep.get_count() == 4
    attached.close()


@pytest.mark.parametrize(
    "changes",
    [
        {"timestamps": np.zeros(3)},
        {"profiles": np.zeros((2, 4))},
        {"valid_flags": np.zeros((2, 1))},
        {"bead_ids": 3},
    ],
)
def test_wrong_shapes_are_refused(sweep: ZLUTSweepDataset, changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="shape"):
        write(sweep, [1, 2], 0, **changes)
    assert sweep.get_count() == 0


@pytest.mark.parametrize("state", PATHS)
def test_who_may_attach_and_write_in_which_state(sweep: ZLUTSweepDataset, locks: LockMap, state: int) -> None:
    for step in PATHS[state]:
        sweep.set_state(step)
    assert sweep.state == state
    if state in ATTACHABLE:
        ZLUTSweepDataset.attach(locks=locks).close()
    else:
        with pytest.raises(DatasetNotReadyError):
            ZLUTSweepDataset.attach(locks=locks)
    if state in (sweep.STATE_READY, sweep.STATE_CAPTURING):
        write(sweep, [1], 0)
    else:
        with pytest.raises(ValueError, match="READY or CAPTURING"):
            write(sweep, [1], 0)


@pytest.mark.parametrize("state", PATHS)
def test_only_allowed_changes_of_state_are_made(sweep: ZLUTSweepDataset, state: int) -> None:
    allowed = {2: {2, 3, 4, 5, 6}, 3: {2, 3, 4, 5, 6}, 4: {4, 5, 6}, 5: {5, 6, 7}, 6: {5, 6, 7}, 7: {7}}
    for step in PATHS[state]:
        sweep.set_state(step)
    for target in [-1, *STATES, 8]:
        if target not in allowed[state]:
            with pytest.raises(ValueError, match=r"states|cannot become"):
                sweep.set_state(target)
    assert sweep.state == state


def test_life_and_death(sweep: ZLUTSweepDataset, locks: LockMap) -> None:
    with pytest.raises(FileExistsError):
        ZLUTSweepDataset.create(locks=locks, **SIZES)
    attached = ZLUTSweepDataset.attach(locks=locks)
    with pytest.raises(RuntimeError, match="creator"):
        attached.destroy()
    write(attached, [1], 0)
    sweep.destroy()
    sweep.destroy()
    assert attached.state == ZLUTSweepDataset.STATE_DESTROYED
    attached.close()
    attached.close()
    for use in (
        attached.peak,
        attached.get_count,
        attached.get_capacity,
        attached.read_preview,
        sweep.peak,
        lambda: sweep.set_state(3),
        lambda: write(attached, [1], 0),
    ):
        with pytest.raises(RuntimeError, match="closed"):
            use()
    with pytest.raises(DatasetNotReadyError, match="does not exist"):
        ZLUTSweepDataset.attach(locks=locks)
    ZLUTSweepDataset(create=True, locks=locks, **SIZES).close()


def test_wrong_sizes_are_named_at_once(locks: LockMap, session: Session) -> None:
    with pytest.raises(ValueError, match=r"capacity.*n_beads"):
        ZLUTSweepDataset.create(locks=locks, **{**SIZES, "capacity": 0, "n_beads": -1})


def test_a_dataset_that_is_being_made_is_not_attached_to(sweep: ZLUTSweepDataset, locks: LockMap) -> None:
    for state, name in (
        (ZLUTSweepDataset.STATE_CREATING, "CREATING"),
        (ZLUTSweepDataset.STATE_ABSENT, "ABSENT"),
    ):
        sweep._block.words[layout.RESERVED] = state
        with pytest.raises(DatasetNotReadyError, match=name):
            ZLUTSweepDataset.attach(locks=locks)
    sweep._block.words[layout.RESERVED] = ZLUTSweepDataset.STATE_CREATING
    for target in STATES:
        if target not in (1, 2, 6):
            with pytest.raises(ValueError, match="CREATING and cannot become"):
                sweep.set_state(target)
    sweep.set_state(sweep.STATE_READY)
    ZLUTSweepDataset.attach(locks=locks).close()


def test_another_schema_is_refused(sweep: ZLUTSweepDataset, locks: LockMap) -> None:
    sweep._block.words[layout.GEOMETRY + 5] += 1
    with pytest.raises(ValueError, match="has schema 2, this program needs 1"):
        ZLUTSweepDataset.attach(locks=locks)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"bead_ids": [-1, 0]}, "bead_ids must be whole numbers from 0 to 4294967295"),
        ({"bead_ids": [0, 2**32]}, "bead_ids"),
        ({"step_indices": [1.7, 1]}, "step_indices"),
        ({"step_indices": [float("nan"), 1]}, "step_indices"),
        ({"valid_flags": [256, 1]}, "valid_flags must be whole numbers from 0 to 255"),
        ({"step_indices": [2, 1]}, "step_indices must be from 0 to 1, as the sweep has 2 steps, not 2"),
        ({"valid_flags": [2, 1]}, "valid_flags must be 0 or 1, not 2"),
        ({"timestamps": ["x", "y"]}, "timestamps must be real numbers"),
        ({"timestamps": [0.0, float("nan")]}, "timestamps must be finite"),
        ({"profiles": np.ones((2, 3)) * 1j}, "profiles must be real numbers"),
    ],
)
def test_numbers_that_a_column_cannot_hold_are_refused(
    sweep: ZLUTSweepDataset, changes: dict[str, object], match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        write(sweep, [1, 2], 0, **changes)
    assert sweep.get_count() == 0
    write(sweep, [1, 2], 0, bead_ids=[2.0, 3.0], valid_flags=[True, 0])
    rows = sweep.peak()
    assert (rows["bead_ids"].tolist(), rows["valid_flags"].tolist()) == ([2, 3], [1, 0])


def test_a_dataset_whose_owner_closed_takes_no_rows(sweep: ZLUTSweepDataset, locks: LockMap) -> None:
    attached = ZLUTSweepDataset.attach(locks=locks)
    write(attached, [4], 0)
    sweep.close()
    assert attached.state == ZLUTSweepDataset.STATE_DESTROYED
    with pytest.raises(ValueError, match="DESTROYED"):
        write(attached, [4], 1)
    assert attached.peak()["bead_ids"].tolist() == [4]
    attached.close()
