"""The log of a run, and the file for a bug report made of it."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
import zipfile
from pathlib import Path

import pytest

from magscope_app.cli import main
from magscope_app.cli.discretion import masked
from magscope_app.clock import WallAnchor
from magscope_app.messages import LogEntry
from magscope_app.run_log import LOG_NAME, RunLog, crash_file, logs_folder, run_folders
from tests.line.running import SMALL, running


@pytest.fixture(autouse=True)
def own_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the logs of this test, and of the runs it starts, into a folder of its own."""
    folder = tmp_path / "state"
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    monkeypatch.setattr("platformdirs.user_log_dir", lambda *_, **__: str(folder / "magscope-app" / "log"))
    return folder


def _log(told: list[LogEntry]) -> RunLog:
    return RunLog(WallAnchor.measure(), b"[camera]\n", told.append)


def _entry(text: str) -> LogEntry:
    return LogEntry(time.perf_counter_ns(), "tracking", logging.WARNING, text)


def test_an_entry_is_written_with_time_process_and_level() -> None:
    told: list[LogEntry] = []
    log = _log(told)
    log.write(_entry("two\nlines"))
    log.close()
    (folder,) = run_folders()
    first, second = (folder / LOG_NAME).read_text(encoding="utf-8").splitlines()
    assert first[:10] == time.strftime("%Y-%m-%d")
    assert first.split()[1:] == ["tracking", "WARNING", "two"]
    assert second.strip() == "lines"
    assert [entry.text for entry in told] == ["two\nlines"]


def test_a_log_is_cut_into_parts_and_stays_small() -> None:
    log = _log([])
    for _ in range(300):
        log.write(_entry("x" * 100_000))
    log.close()
    sizes = [path.stat().st_size for path in run_folders()[0].glob(f"{LOG_NAME}*")]
    assert len(sizes) == 5
    assert sum(sizes) < 30e6


def test_a_log_that_cannot_be_made_is_said_once_and_the_run_goes_on(own_logs: Path) -> None:
    own_logs.mkdir()
    (own_logs / "magscope-app").write_text("in the way", encoding="utf-8")
    told: list[LogEntry] = []
    log = _log(told)
    log.write(_entry("first"))
    log.write(_entry("second"))
    log.close()
    assert [entry.text for entry in told][1:] == ["first", "second"]
    assert "cannot be written" in told[0].text
    assert log.folder is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_ends_the_log_and_not_the_run() -> None:
    told: list[LogEntry] = []
    log = _log(told)
    assert log.folder is not None
    (log.folder / LOG_NAME).unlink(missing_ok=True)
    log.close()
    (log.folder / LOG_NAME).symlink_to("/dev/full")
    for text in ("first", "second"):
        log.write(_entry(text))
    log.close()
    assert [entry.text for entry in told if "cannot be written" not in entry.text] == ["first", "second"]
    assert sum("cannot be written" in entry.text for entry in told) == 1


def test_the_oldest_logs_are_removed() -> None:
    for day in range(40):
        (logs_folder() / f"2020-01-{day:02d}_000000_1").mkdir(parents=True)
    log = _log([])
    log.close()
    folders = run_folders()
    assert len(folders) == 30
    assert folders[-1] == log.folder


def test_a_clock_that_was_set_back_costs_no_run_its_own_log() -> None:
    now = time.time()
    for day in range(40):
        folder = logs_folder() / f"2099-01-{day:02d}_000000_1"
        folder.mkdir(parents=True)
        (folder / LOG_NAME).touch()
        # Half of them were written while the clock was ahead, the others are only called so.
        at = now + 3600 + day if day % 2 else now - 3600 + day
        os.utime(folder / LOG_NAME, (at, at))
    for run in range(2):
        log = _log([])
        log.write(_entry(f"run {run}"))
        log.close()
        assert log.folder is not None
        assert log.folder.is_dir()
        os.utime(log.folder / LOG_NAME, (now - 10 + run, now - 10 + run))
        if not run:
            log.folder.rename(log.folder.with_name("2026-01-01_000000_1"))
    newest = [(folder / LOG_NAME).read_text(encoding="utf-8").split()[-1] for folder in run_folders()[-2:]]
    assert newest == ["0", "1"]
    assert len(run_folders()) == 30


def _reported(config: Path, out: Path) -> dict[str, str]:
    assert main(["report", str(config), "--out", str(out)]) == 0
    with zipfile.ZipFile(out) as bundle:
        return {name: bundle.read(name).decode() for name in bundle.namelist()}


@pytest.mark.parametrize(("home", "left"), [("/", "/home/ann/x /homeless"), ("/home", "~/ann/x /homeless")])
def test_only_the_home_folder_is_left_out_of_paths(
    home: str, left: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("# /home/ann/x /homeless\n", encoding="utf-8")
    monkeypatch.setattr(Path, "home", lambda: Path(home))
    assert left in _reported(config, tmp_path / "report.zip")["config.toml"]


_SECRETS = r'''
password = "hush 1, \" hush 2"
api_key = 'hush3'
settings = { Token = "hush4", keyboard = 5, n = 1 }
client-secret = """
hush5
"""
tokens = [
  "hush]6", ["hush7"],
]
credentials = { user = "hush8", where = { x = "hush9" } } # why
"my password" = "hush10"
apiKey = "hush11"
passphrase.value = "hush12"
address = "rtsp://ann:hush13@192.168.0.1/x"
note = "password: hush14"
pwd = 7447
x = 2
[camera.settings.API_KEYS]
value = "hush15"
[camera]
fps = 10
'''
_NO_SECRETS = """
monkey = "banana"
turnkey = 5
max_tokens = 4
key = "Q"
hotkey_interval = 5
token_ring = "x"
address = "http://localhost:80/a@b"
"""


@pytest.mark.parametrize("tail", ["", "\nthis is no TOML\n"])
def test_what_is_secret_in_a_config_is_not_in_the_report(tail: str, tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text(_NO_SECRETS + _SECRETS + tail, encoding="utf-8")
    text = _reported(config, tmp_path / "report.zip")["config.toml"]
    assert "hush" not in text
    assert "7447" not in text
    assert text.startswith(_NO_SECRETS)
    assert all(kept in text for kept in ("keyboard = 5", "n = 1", "# why", "x = 2", "api_key = ", "fps = 10"))


@pytest.mark.parametrize(
    "line",
    [
        "x.toml --set camera.settings.password=hush --set camera.fps=3",
        '--set camera.settings.token="two hush" --set camera.fps=3',
        "--password hush --set camera.fps=3",
        "--api-key=hush camera.fps=3",
        "password: hush camera.fps=3",
        "{'password': 'hush', 'camera.fps=3': 1}",
        '{"token":"hush","camera.fps=3":1}',
        "'camera.password=hush' and camera.fps=3",
        "http://ann:hu@sh:hush@lab/ camera.fps=3",
        "Authorization: Bearer hush camera.fps=3",
    ],
)
def test_what_is_secret_in_a_log_is_masked_and_nothing_else(line: str) -> None:
    text = masked(line)
    assert "hush" not in text
    assert "camera.fps=3" in text


def test_a_secret_of_the_config_is_not_told_by_a_log(tmp_path: Path) -> None:
    log = _log([])
    log.write(_entry("the camera was given a-long-one and answered"))
    log.close()
    config = tmp_path / "mine.toml"
    config.write_text('password = "a-long-one"\n', encoding="utf-8")
    texts = _reported(config, tmp_path / "report.zip")
    assert not any("a-long-one" in text for text in texts.values())
    assert any("was given *** and answered" in text for text in texts.values())


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "piece", ["x", "password", "password=[", "password='", 'token="""', "--", "x.-", "://a:"]
)
def test_a_long_text_is_masked_in_time_that_grows_with_its_length(piece: str) -> None:
    # Looking again from every character would take many minutes.
    text = masked(piece * 50_000)
    assert text.startswith(piece[:2])


def test_the_newest_runs_are_in_the_report_and_the_machine_is_discreet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    config = tmp_path / "mine.toml"
    config.touch()
    for day in range(5):
        folder = logs_folder() / f"2020-01-{day:02d}_000000_1"
        folder.mkdir(parents=True)
        (folder / LOG_NAME).touch()
        os.utime(folder / LOG_NAME, (day, day))
    texts = _reported(config, tmp_path / "r.zip")
    days = {name.split("/")[1][8:10] for name in texts if name.startswith("logs/")}
    assert days == {"02", "03", "04"}
    assert f"logs {Path('~')}{os.sep}state" in texts["machine.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX signal makes the crash")
def test_a_run_that_crashed_is_in_the_report(tmp_path: Path) -> None:
    never = ("--set", "supervisor.restart.tracking=never")
    with running("demo.toml", "--headless", *SMALL, *never) as line:
        line.wait_for("beads found")
        line.child("tracking").send_signal(signal.SIGSEGV)
        assert line.process.wait(20) == 1
    (folder,) = run_folders()
    assert "Fatal Python error" in crash_file(folder, "tracking").read_text(encoding="utf-8")
    assert not crash_file(folder, "camera").exists()
    out = tmp_path / "report.zip"
    assert main(["report", "demo.toml", "--out", str(out)]) == 0
    with zipfile.ZipFile(out) as bundle:
        texts = {name: bundle.read(name).decode() for name in bundle.namelist()}
    log = texts[f"logs/{folder.name}/{LOG_NAME}"]
    assert "the tracking process ended unexpectedly" in log
    assert "camera runs" in log
    assert "[camera]" in texts["config.toml"]
    assert "numpy" in texts["machine.txt"]
    assert not any(str(Path.home()) in text for text in texts.values())


def test_a_report_of_a_broken_config_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    config, out = tmp_path / "mine.toml", tmp_path / "report.zip"
    config.write_text("[camera]\nfps = -1\n", encoding="utf-8")
    assert main(["report", str(config), "--out", str(out)]) == 0
    with zipfile.ZipFile(out) as bundle:
        assert "camera.fps" in bundle.read("config-check.txt").decode()


def test_a_report_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "report.zip"
    out.write_text("mine", encoding="utf-8")
    assert main(["report", "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert out.read_text(encoding="utf-8") == "mine"
    assert main(["report", "--out", str(tmp_path / "absent" / "r.zip")]) == 2
    assert main(["report", str(tmp_path / "none.toml")]) == 2
