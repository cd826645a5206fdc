"""What lies in the files of the window is never lost: what cannot be read is set aside under another name."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gui.models.kept_file import MAX_ASIDE, MAX_BYTES
from gui.models.last_session import KeptSessions, LastSession, load_last_session, save_last_session
from gui.models.preferences import Preferences, load_preferences, save_preferences
from magscope_app.errors import MagscopeError
from magscope_app.messages import Bead

DARK = json.dumps({"version": 1, "theme": "dark"})
SESSION = LastSession((Bead(3, 100.0, 80.0),), 48, "some.where:Camera", {}, None, None, None, None)
#: Loads a file and returns what it says of it; saves one.
LOADS: dict[str, Callable[[Path], str]] = {
    "window.json": lambda path: load_preferences(path)[1],
    "last-session.json": lambda path: _said_of_session(path),
}
SAVES: dict[str, Callable[[Path], None]] = {
    "window.json": lambda path: save_preferences(Preferences("light"), path),
    "last-session.json": lambda path: save_last_session(SESSION, path, run=2),
}
both = pytest.mark.parametrize("name", LOADS)


def _said_of_session(path: Path) -> str:
    try:
        load_last_session(path, run=2)
    except MagscopeError as error:
        return str(error)
    return ""


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@both
@pytest.mark.parametrize("text", ["", '{"version": 99, "beads": 37}', '{"version": 3, "run": 1, "sess', "[]"])
def test_a_file_that_is_refused_is_set_aside_and_its_place_is_said(
    name: str, text: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    aside = path.with_suffix(".refused.json")
    path.write_text(text)
    said = LOADS[name](path)
    assert said.startswith(str(path))
    assert "cannot be read" in said
    assert aside.name in said
    assert aside.read_text() == text
    assert LOADS[name](path) == ""
    SAVES[name](path)
    assert LOADS[name](path) == ""
    assert names(tmp_path) == sorted([name, aside.name])
    path.write_text(text + " ")
    assert path.with_suffix(".refused-2.json").name in LOADS[name](path)
    assert aside.read_text() == text


@both
def test_what_cannot_be_set_aside_is_not_overwritten(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    for _ in range(MAX_ASIDE):
        path.write_text("{")
        assert "lies beside it now" in LOADS[name](path)
    path.write_text("[")
    assert f"{MAX_ASIDE} such files" in LOADS[name](path)
    with pytest.raises(MagscopeError, match="nothing is kept there"):
        SAVES[name](path)
    assert path.read_text() == "["
    assert len(names(tmp_path)) == MAX_ASIDE + 1
    path.with_suffix(".refused-7.json").unlink()
    SAVES[name](path)
    assert path.with_suffix(".refused-7.json").read_text() == "["


@both
def test_what_a_newer_version_has_written_meanwhile_is_set_aside(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    assert LOADS[name](path) == ""
    path.write_text('{"version": 99}')
    SAVES[name](path)
    assert path.with_suffix(".refused.json").read_text() == '{"version": 99}'
    assert LOADS[name](path) == ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_may_have_been_saved_by_an_editor(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "window.json"
    path.write_text(DARK, encoding=encoding)
    assert load_preferences(path) == (Preferences("dark"), "")
    path = tmp_path / "last-session.json"
    save_last_session(SESSION, path, run=1)
    path.write_text(path.read_text(), encoding=encoding)
    assert load_last_session(path, run=2) == KeptSessions(SESSION)


def _pipe(path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("no pipe has a name in a folder")
    os.mkfifo(path)


def _endless(path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("there is no such device")
    path.symlink_to("/dev/zero")


@both
@pytest.mark.parametrize("make", [_pipe, _endless, Path.mkdir])
def test_what_is_no_regular_file_does_not_hold_the_start(
    name: str, make: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / name
    make(path)
    assert "no regular file" in LOADS[name](path)
    assert names(tmp_path) == [path.with_suffix(".refused.json").name]
    make(path)
    SAVES[name](path)
    assert LOADS[name](path) == ""


@both
@pytest.mark.skipif(sys.platform == "win32", reason="not everybody may make a link")
def test_a_link_whose_disk_is_away_stays(name: str, tmp_path: Path) -> None:
    path, far = tmp_path / name, tmp_path / "away" / name
    path.symlink_to(far)
    assert LOADS[name](path) == ""
    with pytest.raises(MagscopeError, match="which is not there: nothing is kept"):
        SAVES[name](path)
    assert path.readlink() == far
    assert names(tmp_path) == [name]


def test_half_a_pixel_is_no_size_of_a_roi(tmp_path: Path) -> None:
    path = tmp_path / "last-session.json"
    save_last_session(SESSION, path, run=1)
    path.write_text(path.read_text().replace("48", "48.5"))
    assert "a ROI of 48.5 px" in _said_of_session(path)


@both
def test_of_a_file_without_end_no_more_is_read_than_any_has(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    SAVES[name](path)
    path.write_text(path.read_text() + " " * MAX_BYTES)
    assert "larger than 4 MiB" in LOADS[name](path)
