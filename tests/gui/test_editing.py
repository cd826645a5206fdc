"""Editing beads with mouse and keyboard: several at once, undo, lists, finding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication, QFileDialog, QLineEdit, QPushButton, QSlider

from gui.window import MainWindow
from magscope_app.calibration.messages import ZLUTsUsed
from magscope_app.messages import Bead, BeadsFound, CommandRefused, EditBeads, FindBeads, MoveBead
from magscope_app.tracking import ZLUT, ZLUTSet
from tests.gui.hands import CONTROL, click, click_image, drag_image, find, look, press, retype, text_of, until
from tests.gui.rig import Rig

PLACES = (100.0, 80.0), (220.0, 150.0), (60.0, 180.0)


@pytest.fixture
def running(window: MainWindow, rig: Rig, qapp: QApplication) -> MainWindow:
    """A microscope with three beads of which the first is selected."""
    rig.open_devices()
    rig.add_beads(*PLACES)
    rig.frame()
    look(window, qapp)
    rig.heard()
    return window


def places(rig: Rig) -> dict[int, tuple[float, float]]:
    return {bead.id: (bead.x_px, bead.y_px) for bead in rig.beads.changed().beads}


def settle(window: MainWindow, rig: Rig, qapp: QApplication) -> None:
    """Let commands be carried out and their result be seen."""
    rig.heard()
    look(window, qapp)


def test_several_are_chosen_by_clicks_or_a_band_and_move_together(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    click_image(running, *PLACES[1], CONTROL)
    assert running.session.selection.chosen == {0, 1}
    click_image(running, *PLACES[1], CONTROL)
    assert running.session.selection.chosen == {0}
    drag_image(running, (30.0, 130.0), (260.0, 200.0), CONTROL)
    assert running.session.selection.chosen == {0, 1, 2}
    look(running, qapp)
    before = places(rig)
    drag_image(running, PLACES[1], (PLACES[1][0] + 10, PLACES[1][1] - 4))
    settle(running, rig, qapp)
    for bead_id, (x_px, y_px) in places(rig).items():
        assert (x_px - before[bead_id][0], y_px - before[bead_id][1]) == pytest.approx((10, -4), abs=0.6)


def test_whatever_is_done_to_beads_can_be_undone_and_redone(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    view = running.image.view
    states = [places(rig)]
    keys: list[tuple[Qt.Key, Qt.KeyboardModifier]] = [
        (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier),
        (Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier),
        (Qt.Key.Key_A, CONTROL),
        (Qt.Key.Key_Delete, Qt.KeyboardModifier.NoModifier),
    ]
    for key, modifier in keys:
        press(view, key, modifier)
        settle(running, rig, qapp)
        if places(rig) != states[-1]:
            states.append(places(rig))
    assert states[1][0] == (101.0, 80.0)
    assert states[2][0] == (101.0, 90.0)
    assert states[3] == {}
    for expected in states[-2::-1]:
        press(view, Qt.Key.Key_Z, CONTROL)
        settle(running, rig, qapp)
        assert places(rig) == expected
    assert not running.menus.actions["undo"].isEnabled()
    for expected in states[1:]:
        press(view, Qt.Key.Key_Y, CONTROL)
        settle(running, rig, qapp)
        assert places(rig) == expected
    assert running.menus.actions["undo"].text() == "Undo removing 3 beads"


def test_roles_are_set_with_keys_and_undone(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    press(running.image.view, Qt.Key.Key_A, CONTROL)
    press(running.image.view, Qt.Key.Key_R)
    settle(running, rig, qapp)
    assert {bead.role for bead in rig.beads.changed().beads} == {"reference"}
    running.menus.actions["undo"].trigger()
    settle(running, rig, qapp)
    assert {bead.role for bead in rig.beads.changed().beads} == {"tethered"}


def test_beads_are_renumbered_from_top_to_bottom(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    rig.beads.handle(MoveBead(0, 100.0, 200.0))
    rig.send(rig.beads.changed())
    look(running, qapp)
    running.menus.actions["renumber"].trigger()
    settle(running, rig, qapp)
    assert places(rig) == {0: PLACES[1], 1: PLACES[2], 2: (100.0, 200.0)}


def test_beads_keep_the_numbers_that_their_z_luts_go_by(
    running: MainWindow, rig: Rig, qapp: QApplication, tmp_path: Path
) -> None:
    z_nm = np.arange(0.0, 400.0, 50.0)
    profiles = np.cos(np.arange(16) / 2 + z_nm[:, None] / 300) * 40 + 100
    ZLUTSet({0: ZLUT(z_nm, profiles)}).save(tmp_path / "z.npz")
    rig.send(ZLUTsUsed(tmp_path / "z.npz", 0))
    until(running, qapp, lambda: bool(running.session.zluts.own_ids))
    running.session.beads.renumber()
    settle(running, rig, qapp)
    assert places(rig) == dict(enumerate(PLACES)), "already from top to bottom"
    rig.beads.handle(MoveBead(0, 100.0, 200.0))
    rig.send(rig.beads.changed())
    look(running, qapp)
    before = places(rig)
    running.menus.actions["renumber"].trigger()
    settle(running, rig, qapp)
    assert places(rig) == before
    assert "the beads keep their numbers: 1 bead has a Z-LUT by number" in running.session.state.log[-1].text


def test_a_trace_has_no_rows_of_the_bead_that_had_the_number_before(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    session = running.session

    def track() -> None:
        rig.rows(20, step_ns=1_000_000)
        session.rows_soon()
        look(running, qapp)

    def spread_nm() -> list[float]:
        traces = [session.history.every_frame(bead_id) for bead_id in session.state.beads]
        return [float(np.nanmax(trace.x_nm) - np.nanmin(trace.x_nm)) for trace in traces]

    track()
    session.beads.move((2,), 4.0, 0.0)
    settle(running, rig, qapp)
    track()
    assert np.ptp(session.history.every_frame(2).x_nm) > 300, "a bead that is dragged is the same bead"
    rig.beads.handle(MoveBead(0, 100.0, 200.0))
    rig.send(rig.beads.changed())
    look(running, qapp)
    session.beads.renumber()
    # Frames that were tracked before the list has changed come late.
    rig.rows(20, step_ns=1_000_000)
    session.rows_soon()
    for change in (session.beads.undo, lambda: session.beads.replace([Bead(0, 200.0, 200.0)], "a list")):
        settle(running, rig, qapp)
        track()
        assert max(spread_nm()) < 500
        change()
    settle(running, rig, qapp)
    track()
    assert max(spread_nm()) < 500


def test_an_undo_that_is_refused_can_be_tried_again(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    session = running.session
    session.beads.resize(48)
    settle(running, rig, qapp)
    session.beads.undo()
    rig.send(
        CommandRefused(
            "supervisor", "the ROIs keep their size while something is recorded", command="EditBeads"
        )
    )
    look(running, qapp)
    assert session.beads.edits.undo_label == "resizing the ROIs"
    assert running.menus.actions["undo"].isEnabled()


def test_all_rois_are_resized_and_a_wrong_size_is_refused_in_place(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    field = find(running, QLineEdit, "image.roi")
    retype(field, "40")
    settle(running, rig, qapp)
    rois = running.image.view.overlay.boxes.rois
    assert (rois[:, 1] - rois[:, 0] == 40).all()
    retype(field, "9")
    assert not [message for message in rig.heard() if isinstance(message, EditBeads)]
    assert field.property("refused")
    assert "16 to 256" in field.toolTip()
    press(field, Qt.Key.Key_Escape)
    running.menus.actions["undo"].trigger()
    settle(running, rig, qapp)
    assert running.session.state.roi_px == 32


def test_found_beads_are_looked_at_before_they_are_added(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    press(running.image.view, Qt.Key.Key_B)
    assert rig.expect(FindBeads).preview
    rig.send(BeadsFound(((100.5, 80.2, 0.99), (40.0, 40.0, 0.9), (280.0, 60.0, 0.5)), preview=True))
    look(running, qapp)
    assert text_of(running, "find.text") == "≥ 0.60: 2 found, 1 of them new"
    assert [place[:2] for place in running.image.view.overlay.candidates] == [(40.0, 40.0)]
    find(running, QSlider, "find.score").setValue(45)
    look(running, qapp)
    click(find(running, QPushButton, "find.add"))
    settle(running, rig, qapp)
    assert places(rig)[3] == (40.0, 40.0)
    assert places(rig)[4] == (280.0, 60.0)
    assert "0 of them new" in text_of(running, "find.text")
    press(running.image.view, Qt.Key.Key_Escape)
    assert not running.image.finder.isVisible()


def test_a_bead_list_is_written_and_read_and_undone(
    running: MainWindow, rig: Rig, qapp: QApplication, tmp_path: Path
) -> None:
    path = tmp_path / "mine.csv"
    running.menus.actions["save_beads"].trigger()
    dialog = find(running, QFileDialog, "file.dialog")
    assert not dialog.isModal()
    dialog.fileSelected.emit(str(path))
    dialog.close()
    until(running, qapp, path.exists)
    before = places(rig)
    rig.beads.handle(EditBeads((Bead(7, 50.0, 50.0, "reference"),), tuple(before)))
    rig.send(rig.beads.changed())
    look(running, qapp)
    running.session.beads.load(path)
    until(running, qapp, lambda: not rig.heard() and places(rig) == before)
    assert text_of(running, "done.text") == f"3 beads were loaded from {path}"
    running.menus.actions["undo"].trigger()
    settle(running, rig, qapp)
    assert places(rig) == {7: (50.0, 50.0)}


def test_a_broken_bead_list_is_refused_whole_in_a_sentence(
    running: MainWindow, rig: Rig, qapp: QApplication, tmp_path: Path
) -> None:
    path = tmp_path / "broken.csv"
    path.write_text("id,x_px,y_px,role\n0,10,20,sideways\n")
    running.session.beads.load(path)
    until(running, qapp, lambda: running.notice.isVisible())
    assert "broken.csv" in text_of(running, "notice.text")
    assert "sideways" in text_of(running, "notice.text")
    assert not rig.heard()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        ("id,x_px,y_px,role\n", "holds no beads; the list stays as it is"),
        ("id,x_px\n1,2\n", "y_px is missing"),
        ("id,x_px,y_px\n4,60,60\n5,90,90\n4,120,120\n", "the bead id 4 is there twice"),
    ],
)
def test_a_list_that_would_lose_beads_is_refused(
    text: str, why: str, running: MainWindow, rig: Rig, qapp: QApplication, tmp_path: Path
) -> None:
    path = tmp_path / "beads.csv"
    path.write_text(text)
    running.session.beads.load(path)
    until(running, qapp, lambda: running.notice.isVisible())
    assert str(path) in text_of(running, "notice.text")
    assert why in text_of(running, "notice.text")
    settle(running, rig, qapp)
    assert len(places(rig)) == 3


def test_a_list_that_the_owner_refuses_is_not_said_to_be_loaded(
    running: MainWindow, rig: Rig, qapp: QApplication, tmp_path: Path
) -> None:
    path = tmp_path / "beads.csv"
    path.write_text("id,x_px,y_px\n0,5000,60\n")
    running.session.beads.load(path)
    until(running, qapp, lambda: isinstance(rig.link.receive(0.05), EditBeads))
    rig.send(CommandRefused("supervisor", "it leaves the frame", command="EditBeads"), rig.beads.changed())
    look(running, qapp)
    assert text_of(running, "notice.text") == "it leaves the frame"
    assert not running.done.isVisible()
