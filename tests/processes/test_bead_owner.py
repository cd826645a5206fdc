"""The bead list: commands are carried out whole or refused with a reason."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from multiprocessing.synchronize import Lock
from pathlib import Path

import numpy as np
import pytest

from magscope_app.config import load_config
from magscope_app.datatypes import BeadRoiBuffer
from magscope_app.devices import FrameFormat
from magscope_app.errors import MagscopeError
from magscope_app.messages import AddBead, Bead, EditBeads, MoveBead, Quit, RemoveBeads, SetBeadRole
from magscope_app.processes.bead_owner import (
    BeadOwner,
    BeadRefused,
    beads_of_config,
    read_bead_file,
    roi_of,
    write_bead_file,
)

ROI_PX = 32


@pytest.fixture(scope="module")
def locks() -> dict[str, Lock]:
    return {"BeadRoiBuffer": multiprocessing.get_context("spawn").Lock()}


@pytest.fixture
def rois(locks: dict[str, Lock]) -> Iterator[BeadRoiBuffer]:
    buffer = BeadRoiBuffer(create=True, locks=locks, capacity=4)
    yield buffer
    buffer.close()


@pytest.fixture
def owner(rois: BeadRoiBuffer) -> BeadOwner:
    made = BeadOwner(rois, ROI_PX)
    made.format = FrameFormat(width_px=200, height_px=100, bits=8)
    return made


@pytest.mark.parametrize(("centre", "first"), [(15.5, 0), (16.0, 0), (16.6, 1), (40.2, 25)])
def test_the_roi_lies_around_its_centre(centre: float, first: int) -> None:
    x0, x1, y0, y1 = roi_of(centre, centre, ROI_PX)
    assert (x0, y0) == (first, first)
    assert (x1 - x0, y1 - y0) == (ROI_PX, ROI_PX)
    assert abs((x0 + x1 - 1) / 2 - centre) <= 0.5


def test_beads_are_added_moved_and_removed(owner: BeadOwner, rois: BeadRoiBuffer) -> None:
    assert owner.handle(AddBead(50.0, 40.0))
    assert owner.handle(AddBead(120.0, 60.0, "reference"))
    assert owner.handle(MoveBead(0, 60.0, 44.0))
    assert owner.handle(SetBeadRole(0, "reference"))
    assert owner.changed().beads == (Bead(0, 60.0, 44.0, "reference"), Bead(1, 120.0, 60.0, "reference"))
    ids, corners = rois.get_beads()
    np.testing.assert_array_equal(ids, [0, 1])
    np.testing.assert_array_equal(corners[0], roi_of(60.0, 44.0, ROI_PX))
    assert owner.handle(RemoveBeads((0, 7 % 4)))
    assert [bead.id for bead in owner.changed().beads] == [1]
    assert not owner.handle(Quit())


@pytest.mark.parametrize("x_px", [10.0, 190.0, -5.0])
def test_a_roi_never_leaves_the_frame(x_px: float, owner: BeadOwner, rois: BeadRoiBuffer) -> None:
    owner.handle(AddBead(50.0, 40.0))
    version = rois.version
    with pytest.raises(BeadRefused, match="leaves the frame of 200 × 100 px; place it further inside"):
        owner.handle(AddBead(x_px, 40.0))
    with pytest.raises(BeadRefused, match="leaves the frame"):
        owner.handle(MoveBead(0, x_px, 40.0))
    assert rois.version == version
    assert owner.changed().beads == (Bead(0, 50.0, 40.0),)


def test_unknown_beads_are_refused(owner: BeadOwner) -> None:
    with pytest.raises(BeadRefused, match="there is no bead 3"):
        owner.handle(MoveBead(3, 50.0, 50.0))
    with pytest.raises(BeadRefused, match="there is no bead 3"):
        owner.handle(SetBeadRole(3, "reference"))


def test_the_list_has_an_end(owner: BeadOwner) -> None:
    for x_px in (30, 60, 90, 120):
        owner.handle(AddBead(x_px, 50.0))
    with pytest.raises(BeadRefused, match=r"raise beads\.max_beads"):
        owner.handle(AddBead(150.0, 50.0))


def test_of_many_found_beads_the_best_are_taken(owner: BeadOwner) -> None:
    centres = [
        (30.0, 70.0, 9.0),
        (90.0, 30.0, 8.0),
        (60.0, 30.0, 7.0),
        (120.0, 50.0, 6.0),
        (150.0, 50.0, 1.0),
    ]
    owner.add_found(centres)
    assert [(bead.x_px, bead.y_px) for bead in owner.changed().beads] == [
        (60.0, 30.0),
        (90.0, 30.0),
        (120.0, 50.0),
        (30.0, 70.0),
    ]


def test_bead_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "beads.csv"
    path.write_text("id,x_px,y_px,role\n2,100.5,200,reference\n5,300,310,\n")
    assert read_bead_file(path) == [Bead(2, 100.5, 200.0, "reference"), Bead(5, 300.0, 310.0)]
    config = load_config("demo.toml", [f"beads.file={path}", "beads.list=[{id=1,x_px=50,y_px=50}]"]).config
    assert [bead.id for bead in beads_of_config(config)] == [1, 2, 5]


@pytest.mark.parametrize(
    "text",
    ["a,b\n1,2\n", "id,x_px,y_px\nx,1,2\n", "id,x_px,y_px,role\n1,2,3,boss\n", "id,x_px,y_px\n-1,2,3\n"],
)
def test_bad_bead_files_are_one_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "beads.csv"
    path.write_text(text)
    with pytest.raises(MagscopeError, match="not a bead list"):
        read_bead_file(path)


def test_several_beads_change_at_once(owner: BeadOwner, rois: BeadRoiBuffer) -> None:
    owner.add([Bead(0, 50.0, 40.0), Bead(1, 90.0, 50.0), Bead(2, 120.0, 60.0)])
    version = rois.version
    assert owner.handle(EditBeads((Bead(1, 92.0, 51.0, "reference"),), (0,), 24))
    assert owner.changed().beads == (Bead(1, 92.0, 51.0, "reference"), Bead(2, 120.0, 60.0))
    assert (owner.changed().roi_px, owner.roi_px) == (24, 24)
    ids, corners = rois.get_beads()
    np.testing.assert_array_equal(ids, [1, 2])
    np.testing.assert_array_equal(corners, [roi_of(92.0, 51.0, 24), roi_of(120.0, 60.0, 24)])
    assert rois.version == version + 1, "readers see all of it or nothing"


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (EditBeads((Bead(2, 60.0, 40.0), Bead(3, 5.0, 40.0))), "leaves the frame"),
        (EditBeads((Bead(4, 60.0, 40.0),)), "0 to 3"),
        (EditBeads((), (), 8), "16 to 256"),
        (EditBeads((), (), 90), "leaves the frame"),
    ],
)
def test_an_edit_that_cannot_be_changes_nothing(
    owner: BeadOwner, rois: BeadRoiBuffer, edit: EditBeads, why: str
) -> None:
    owner.add([Bead(0, 50.0, 40.0)])
    before = owner.changed()
    with pytest.raises(BeadRefused, match=why):
        owner.handle(edit)
    assert owner.changed() == before
    assert rois.version == before.version


def test_an_id_is_not_given_to_another_bead_unless_the_list_begins_anew(owner: BeadOwner) -> None:
    owner.add([Bead(0, 50.0, 40.0), Bead(1, 90.0, 50.0)])
    owner.handle(RemoveBeads((1,)))
    owner.handle(EditBeads((Bead(0, 51.0, 40.0),)))
    assert owner.changed().next_id == 2
    owner.handle(AddBead(120.0, 60.0))
    assert [bead.id for bead in owner.changed().beads] == [0, 2]
    owner.handle(EditBeads((Bead(0, 60.0, 40.0),), (0, 2)))
    assert owner.changed().next_id == 1


def test_a_bead_list_is_read_as_it_was_written(tmp_path: Path) -> None:
    beads = [Bead(0, 50.125, 40.0), Bead(7, 1 / 3, 2e-5, "reference")]
    write_bead_file(tmp_path / "beads.csv", beads)
    assert read_bead_file(tmp_path / "beads.csv") == beads
    with pytest.raises(MagscopeError, match="choose another folder"):
        write_bead_file(tmp_path / "none" / "beads.csv", beads)


def test_a_list_that_a_full_disk_does_not_take_leaves_the_old_one(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="no limit stands in for a full disk here")
    path = tmp_path / "beads.csv"
    kept = [Bead(index, 10.5 * index, 20.25) for index in range(5)]
    write_bead_file(path, kept)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(MagscopeError, match="cannot be written"):
            write_bead_file(path, [Bead(index, 10.5 * index, 20.25) for index in range(300)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert read_bead_file(path) == kept
    assert [entry.name for entry in tmp_path.iterdir()] == ["beads.csv"]
