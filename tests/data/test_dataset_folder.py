from __future__ import annotations

import json
import os
import sys
import threading
import time
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magscope_app import __version__
from magscope_app.errors import MagscopeError
from magscope_app.storage import DatasetFolder, validate_dataset_name
from magscope_app.storage.provenance import git_commit
from tests.data.children import full_disk_after

STARTED = datetime(2026, 3, 4, 15, 6, 7).astimezone()


def new_folder(root: Path, name: str = "beads", **options: Any) -> DatasetFolder:
    return DatasetFolder.create(root, name, config_text=b"[a]\r\nb = 1\n", started=STARTED, **options)


def read(folder: DatasetFolder) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder.path / "dataset.json").read_text(encoding="utf-8"))
    return content


def test_a_new_folder_holds_what_is_known_at_the_start(tmp_path: Path) -> None:
    facts = {
        "pixel_size_nm": np.float64(100.5),
        "config": {"folder": Path("x")},
        "clock": {"uncertainty_ns": 40},
        "versions": {"driver": "3", "python": "2"},
        "exit_status": "odd",
    }
    folder = new_folder(tmp_path / "new" / "root", facts=facts, unix_start_ns=10**18)
    assert folder.path == tmp_path / "new" / "root" / "2026-03-04_150607_beads"
    assert (folder.path / "config.toml").read_bytes() == b"[a]\r\nb = 1\n"
    about = read(folder)
    assert about["exit_status"] == "running"
    assert about["pixel_size_nm"] == 100.5
    assert about["config"] == {"folder": "x"}
    assert about["clock"] == {"uncertainty_ns": 40, "unix_start_ns": 10**18}
    assert about["versions"]["magscope-app"] == __version__
    assert about["versions"]["python"] != "2"
    assert datetime.fromisoformat(about["started"]) == STARTED
    assert set(about["counters"].values()) == {0}
    assert len(about["counters"]) == 9
    assert about["versions"]["driver"] == "3"
    assert about["host"]["name"]
    assert folder.description == about


def test_the_same_second_gives_another_folder(tmp_path: Path) -> None:
    names = [new_folder(tmp_path).path.name for _ in range(3)]
    assert names == ["2026-03-04_150607_beads", "2026-03-04_150607_beads_002", "2026-03-04_150607_beads_003"]


def test_a_second_dataset_of_a_name_gets_a_number_whenever_it_is_recorded(tmp_path: Path) -> None:
    def recorded(name: str, minute: int) -> str:
        started = STARTED.replace(minute=minute)
        return DatasetFolder.create(tmp_path, name, config_text=b"", started=started).path.name

    (tmp_path / "2026-03-04_150000_beads_of_mine").mkdir()
    (tmp_path / "beads").mkdir()
    assert recorded("beads", 1) == "2026-03-04_150107_beads"
    assert recorded("beads", 2) == "2026-03-04_150207_beads_002"
    assert recorded("Beads", 3) == "2026-03-04_150307_Beads_003"
    assert recorded("beads_of", 4) == "2026-03-04_150407_beads_of"
    assert recorded("be.ds", 5) == "2026-03-04_150507_be.ds"


def test_updates_and_the_end(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    folder.update(counters={"frames_recorded": int(np.int64(5))}, operator="me")
    folder.update(
        counters={"frames_lost": 2}, ledger=[{"first_id": 3, "count": 2, "where": "ring", "why": "full"}]
    )
    assert read(folder)["counters"]["frames_recorded"] == 5
    folder.finish(
        "interrupted", {"frames_acquired": 7}, stopped=datetime(2026, 3, 4, 16, tzinfo=UTC), reason="Ctrl-C"
    )
    about = read(folder)
    assert about["exit_status"] == "interrupted"
    assert about["operator"] == "me"
    assert about["reason"] == "Ctrl-C"
    assert about["counters"]["frames_acquired"] == 7
    assert about["counters"]["frames_lost"] == 2
    assert about["ledger"] == [{"first_id": 3, "count": 2, "where": "ring", "why": "full"}]
    assert datetime.fromisoformat(about["stopped"]) == datetime(2026, 3, 4, 16, tzinfo=UTC)
    assert sorted(path.name for path in folder.path.iterdir()) == ["config.toml", "dataset.json", "zluts"]


class _EarlierClock(datetime):
    """The computer's clock after somebody has set it back."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls.fromtimestamp(time.time() - 3600, tz)


@pytest.mark.parametrize("again", [False, True])
def test_the_end_is_not_before_the_start_whatever_the_clock_does(
    again: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = DatasetFolder.create(tmp_path, "x", config_text=b"")
    monkeypatch.setattr("magscope_app.storage.dataset_folder.datetime", _EarlierClock)
    if again:
        folder = DatasetFolder.open(folder.path)
    folder.finish("completed")
    about = read(folder)
    passed = datetime.fromisoformat(about["stopped"]) - datetime.fromisoformat(about["started"])
    assert 0 <= passed.total_seconds() < 60


def test_unknown_counters_and_states_are_refused(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    before = read(folder)
    with pytest.raises(ValueError, match="frames_tracked"):
        folder.update(counters={"frames_dropped": 1, "frames_lost": 1})
    with pytest.raises(ValueError, match="interrupted"):
        folder.finish("done")
    assert read(folder) == before == folder.description


def test_a_restarted_recorder_goes_on(tmp_path: Path) -> None:
    first = new_folder(tmp_path, unix_start_ns=10**18)
    first.events.append("note", timestamp_ns=1)
    first.next_tracks_path().touch()
    first.next_video_part()
    again = DatasetFolder.open(first.path)
    again.events.append("note", timestamp_ns=2)
    again.update(counters={"frames_lost": 1})
    assert again.next_tracks_path().name == "tracks-0002.h5"
    assert again.next_video_part() == first.path / "video" / "0002"
    assert len((first.path / "events.jsonl").read_text().splitlines()) == 2
    assert read(again)["started"] == STARTED.isoformat()
    for wrong in (tmp_path, tmp_path / "absent"):
        with pytest.raises(MagscopeError, match="is no dataset"):
            DatasetFolder.open(wrong)


def test_parts_are_numbered(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    assert [folder.next_video_part().name for _ in range(3)] == ["0001", "0002", "0003"]
    names = []
    for _ in range(3):
        names.append(folder.next_tracks_path().name)
        folder.next_tracks_path().touch()
    assert names == ["tracks.h5", "tracks-0002.h5", "tracks-0003.h5"]


def test_zluts_are_kept_once(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    source = tmp_path / "lut.npz"
    source.write_bytes(b"one")
    assert folder.add_zlut(source) == folder.path / "zluts" / "lut.npz"
    assert folder.add_zlut(b"one", "lut.npz").name == "lut.npz"
    assert folder.add_zlut(b"two", "lut.npz").name == "lut_002.npz"
    assert [path.read_bytes() for path in folder.zlut_paths] == [b"one", b"two"]
    wrong: list[tuple[str | bytes, str | None]] = [(b"x", None), (b"x", "../lut"), ("no", None)]
    for source_or_bytes, name in wrong:
        with pytest.raises(MagscopeError, match="Z-LUT"):
            folder.add_zlut(source_or_bytes, name)


def test_events_are_written_at_once_with_frame_and_time(tmp_path: Path) -> None:
    folder = new_folder(tmp_path, unix_start_ns=1_700_000_000_000_000_000)
    folder.events.append(
        "setting", frame_id=7, timestamp_ns=1_500_000_000, name="gain", value=np.float32(2), to=Path("x")
    )
    lines = (folder.path / "events.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "kind": "setting",
            "frame_id": 7,
            "timestamp_ns": 1_500_000_000,
            "utc": "2023-11-14T22:13:21.500000+00:00",
            "name": "gain",
            "value": 2.0,
            "to": "x",
        }
    ]
    with pytest.raises(ValueError, match="utc"):
        folder.events.append("note", timestamp_ns=0, utc="now")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of the file size")
def test_a_full_disk_leaves_no_half_event(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    folder.events.append("note", timestamp_ns=1, text="x" * 100)
    with full_disk_after(300), pytest.raises(MagscopeError, match="check the disk"):
        folder.events.append("note", timestamp_ns=2, text="y" * 200)
    folder.events.append("note", timestamp_ns=3)
    lines = (folder.path / "events.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["timestamp_ns"] for line in lines] == [1, 3]


def test_events_of_several_threads_do_not_mix(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)

    def write(who: int) -> None:
        for number in range(50):
            folder.events.append("note", timestamp_ns=number, who=who, text="ä\n" * 100)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    events = [
        json.loads(line) for line in (folder.path / "events.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    for who in range(4):
        assert [event["timestamp_ns"] for event in events if event["who"] == who] == list(range(50))


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of the file size")
def test_places_that_cannot_be_written_are_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MagscopeError, match="choose another folder") as caught:
        new_folder(tmp_path / "file")
    assert "\n" not in str(caught.value)
    with full_disk_after(100), pytest.raises(MagscopeError, match="choose another folder"):
        new_folder(tmp_path / "full")
    assert list((tmp_path / "full").iterdir()) == []
    folder = new_folder(tmp_path)
    (folder.path / "dataset.json").unlink()
    (folder.path / "dataset.json").mkdir()
    before = folder.description
    with pytest.raises(MagscopeError, match=r"dataset\.json"):
        folder.update(operator="me")
    assert folder.description == before
    assert [path.name for path in folder.path.glob(".*.tmp")] == []


REFUSED = [
    "",
    "  ",
    "a/b",
    "a\\b",
    "a:b",
    "a*",
    "what?",
    '"',
    "<",
    ">",
    "|",
    "a\nb",
    "a\0",
    "tab\t",
    "end.",
    "end ",
]
REFUSED += [" a", "CON", "con.txt", "nul", "LPT1", "com9.h5", "COM¹", "x" * 201, "ä" * 101, ".."]
REFUSED += ["\u202eabc"]


def test_names_that_no_file_system_takes_are_refused(tmp_path: Path) -> None:
    for name in REFUSED:
        assert validate_dataset_name(name) is not None
        with pytest.raises(MagscopeError, match="the dataset name"):
            new_folder(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


@given(st.text(max_size=60))
def test_names_that_are_accepted_can_be_made(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    if validate_dataset_name(name) is None:
        folder = tmp_path_factory.getbasetemp() / f"2026-03-04_{name}"
        folder.mkdir(exist_ok=True)
        assert folder.parent == tmp_path_factory.getbasetemp()


def test_ordinary_names_are_accepted(tmp_path: Path) -> None:
    for name in ("beads", "2 µm beads, run 3", ".hidden", "console", "v1.2", "磁気ピンセット"):
        assert validate_dataset_name(name) is None
        assert new_folder(tmp_path, name).path.is_dir()


def test_the_commit_of_a_checkout_is_found(tmp_path: Path) -> None:
    assert git_commit(tmp_path) is None
    git = tmp_path / ".git"
    git.mkdir()
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    assert git_commit(tmp_path) is None
    (git / "packed-refs").write_text("# pack-refs\naaaa refs/heads/main\n")
    assert git_commit(tmp_path) == "aaaa"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "refs" / "heads" / "main").write_text("bbbb\n")
    assert git_commit(tmp_path) == "bbbb"
    (git / "HEAD").write_text("cccc\n")
    assert git_commit(tmp_path) == "cccc"
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / ".git").write_text("gitdir: ../.git\n")
    assert git_commit(tree) == "cccc"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no umask")
def test_files_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o002)
    try:
        folder = new_folder(tmp_path)
    finally:
        os.umask(before)
    assert (folder.path / "dataset.json").stat().st_mode & 0o777 == 0o664
