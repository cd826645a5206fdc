"""Sessions that end while others want something of them, files that cannot be read or removed just then."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from magscope_app import operating_system as system
from magscope_app.datatypes import MatrixBuffer, Session, reap_dead_sessions, session_file
from magscope_app.datatypes import session as sessions
from tests.datatypes.conftest import LockMap


def matrix(locks: LockMap, name: str, session: str | None) -> MatrixBuffer:
    return MatrixBuffer(create=True, locks={name: locks["m"]}, name=name, shape=(5, 1), session=session)


class Waiting:
    """Has a buffer made in another thread as soon as this thread holds the lock of the session's file.

    The file is not removed before that thread has had its answer: what is in it must tell that thread enough.
    """

    def __init__(self, make: Callable[[], MatrixBuffer], monkeypatch: pytest.MonkeyPatch) -> None:
        self._real = system._try_to_lock
        self._waits = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._make = make
        self.answers: list[MatrixBuffer | OSError] = []
        monkeypatch.setattr(system, "_try_to_lock", self._try_to_lock)
        self._remove = system.remove_file
        monkeypatch.setattr(system, "remove_file", self._remove_late)

    def _run(self) -> None:
        try:
            self.answers.append(self._make())
        except OSError as error:
            self.answers.append(error)

    def _try_to_lock(self, descriptor: int) -> bool:
        took = self._real(descriptor)
        if threading.current_thread() is self._thread:
            if not took:
                self._waits.set()
        elif took and self._thread.ident is None:
            self._thread.start()
            assert self._waits.wait(20)
        return took

    def _remove_late(self, path: Path, timeout_s: float) -> bool:
        if threading.current_thread() is not self._thread and self._thread.ident is not None:
            self._thread.join(20)
            assert not self._thread.is_alive()
        return self._remove(path, timeout_s)

    def answer(self) -> MatrixBuffer | OSError:
        self._thread.join(20)
        [answer] = self.answers
        return answer


@pytest.mark.parametrize("ended_by", ["its last buffer", "close"])
def test_whoever_waits_for_a_session_that_ends_gets_no_buffer_in_it(
    locks: LockMap, monkeypatch: pytest.MonkeyPatch, ended_by: str
) -> None:
    first = matrix(locks, "m", None)
    session = Session.current()
    assert session is not None
    waiting = Waiting(lambda: matrix(locks, "n", session.prefix), monkeypatch)
    if ended_by == "close":
        session.close()
    first.close()
    answer = waiting.answer()
    assert isinstance(answer, FileNotFoundError)
    assert "begin one with Session.create()" in str(answer)
    assert not system.segment_exists(session.segment_name("n"))
    assert list(system.runtime_folder().iterdir()) == []


def test_whoever_waits_for_no_session_in_particular_gets_another(
    locks: LockMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = matrix(locks, "m", None)
    ended = Session.current()
    waiting = Waiting(lambda: matrix(locks, "n", None), monkeypatch)
    first.close()
    answer = waiting.answer()
    assert isinstance(answer, MatrixBuffer)
    [path] = system.runtime_folder().iterdir()
    found = session_file.read(path)
    assert found is not None
    assert found.implicit
    assert ended is not None
    assert path != ended.path
    assert found.segments == (Session(path.stem).segment_name("n"),)
    answer.close()
    assert list(system.runtime_folder().iterdir()) == []


def test_a_session_that_has_ended_gets_no_file_again(session: Session) -> None:
    session.close()
    session.note_semaphores([])
    with pytest.raises(FileNotFoundError):
        session_file.append(session.path, [{"segment": "late"}])
    assert not session.path.exists()
    session.close()


def test_a_session_ends_although_its_file_cannot_be_removed(
    session: Session, locks: LockMap, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(errno.EACCES, "another process has it open")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refused)
        session.close()
    assert session.path.exists()
    assert "cannot be removed" in caplog.text
    assert not session.runs()
    monkeypatch.setenv("MAGSCOPE_SESSION", session.prefix)
    assert Session.current() is None
    with pytest.raises(FileNotFoundError, match="there is no session"):
        matrix(locks, "m", session.prefix)
    # Its owner lives: nobody removes anything in its place.
    assert reap_dead_sessions() == ()
    assert session.path.exists()


def test_a_session_ends_although_somebody_keeps_its_lock(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "_END_TIMEOUT_S", 0.02)
    with system.file_lock(session.path, 1.0):
        session.close()
        assert not session.runs()


@pytest.mark.parametrize("failures", [2, 10**9])
def test_windows_waits_for_those_who_have_a_file_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failures: int
) -> None:
    real, left = Path.unlink, [failures]

    def unlink(self: Path, missing_ok: bool = False) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise PermissionError(errno.EACCES, "another process has it open")
        real(self, missing_ok)

    file = tmp_path / "file"
    file.write_text("x", encoding="utf-8")
    monkeypatch.setattr(Path, "unlink", unlink)
    monkeypatch.setattr(system, "_PLATFORM", "linux")
    assert not system.remove_file(file, 30.0)
    monkeypatch.setattr(system, "_PLATFORM", "win32")
    assert system.remove_file(file, 30.0 if failures == 2 else 0.02) == (failures == 2)
    assert file.exists() == (failures != 2)


def test_a_file_that_cannot_be_read_for_a_moment_is_nobodys_to_remove(
    locks: LockMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(self: Path) -> bytes:
        raise OSError(errno.EMFILE, "Too many open files")

    kept, going = matrix(locks, "m", None), matrix(locks, "n", None)
    session = Session.current()
    assert session is not None
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", unreadable)
        patch.setattr(sessions, "_UNFINISHED_S", -1.0)
        assert reap_dead_sessions() == ()
        going.close()
        with pytest.raises(OSError, match="Too many open files"):
            Session.current()
    assert session.runs()
    kept.close()
    assert not session.path.exists()
