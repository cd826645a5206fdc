"""What is kept in files: bead lists, the running state as a config, the last session."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from PyQt6.QtWidgets import QWidget

from gui.models.last_session import KeptSessions, LastSession, load_last_session, save_last_session
from gui.models.running_config import running_config
from gui.session import Session
from gui.widgets.file_dialog import ask_file
from magscope_app.calibration.messages import UseZLUTs
from magscope_app.errors import MagscopeError
from magscope_app.storage.atomic import write_atomically

_BEAD_LISTS = "Bead lists (*.csv)"
_CONFIGS = "Configs (*.toml)"


class SessionFiles:
    """Reads and writes files for a window; nothing of it waits.

    Parameters
    ----------
    session : Session
        What is written, and what is changed.
    parent : QWidget
        Owns the dialogs.
    folder : Path or None
        Where the last session is kept; None: nowhere.
    """

    def __init__(self, session: Session, parent: QWidget, folder: Path | None) -> None:
        self._path = path = None if folder is None else folder / "last-session.json"
        self._kept = KeptSessions()
        #: Why there is no session before this one, where there is none.
        self._why_none = "no folder is known in which a last session could lie"
        if path is not None:
            session.background.run(lambda: _read(path, session.run), self._take)
        self._session = session
        self._parent = parent
        #: Whether that is known; nothing is kept before.
        self.has_read = path is None

    @property
    def last_session(self) -> str:
        """What `continue_session` would bring, in a few words; empty where there is nothing, or not yet."""
        return "" if self._kept.before is None else self._kept.before.summary

    def load_beads(self) -> None:
        """Ask for a bead list and make it the whole list."""
        ask_file(self._parent, "Load a bead list", _BEAD_LISTS, self._session.beads.load)

    def save_beads(self) -> None:
        """Ask for a name and write the bead list."""
        ask_file(
            self._parent, "Save the bead list", _BEAD_LISTS, self._session.beads.save, save_as="beads.csv"
        )

    def save_config(self) -> None:
        """Ask for a name and write a config that starts as the microscope runs now."""
        name = f"{self._session.config.session.name}.toml"
        ask_file(self._parent, "Save as config", _CONFIGS, self.write_config, save_as=name)

    def write_config(self, path: Path) -> None:
        """Write the running state as a config, and say what of it no config can hold."""
        session, zlut = self._session, self._session.zluts.path
        try:
            made = running_config(session.config, session.state, session.recording_order, zlut)
        except MagscopeError as error:
            session.state.warn(str(error))
            return

        def write() -> bool:
            write_atomically(path, made.text.encode())
            return zlut is None or zlut.is_file()

        def tell(zlut_is_there: bool) -> None:
            written = f"the config was written to {path}"
            if not zlut_is_there:
                session.state.warn(f"{written}, but its Z-LUT {zlut} is gone: bring it back or save another")
            elif made.left_out:
                names = ", ".join(made.left_out)
                session.state.warn(f"{written}, but it has no key for {names}: set that again after a start")
            else:
                session.state.tell(written)

        session.background.run(write, tell)

    def remember(self) -> None:
        """Keep beads, settings and Z-LUT for `continue_session`; motor positions are never kept.

        A run in which nothing was done does not take the place of the session before it.
        """
        session, path = self._session, self._path
        if path is None or not self.has_read or not session.state.video_ready:
            return
        order, zlut = session.recording_order, session.zluts.path
        last = LastSession.of(session.config, session.state, order, zlut, datetime.now(UTC))
        if self._kept.before is not None and not (self._kept.has_own or self._is_used(last)):
            return
        before = self._kept.before
        self._kept = KeptSessions(before, has_own=True)
        session.background.run(lambda: save_last_session(last, path, session.run, before), lambda _: None)

    def _is_used(self, last: LastSession) -> bool:
        """Whether somebody has done something in this run: beads, settings, Z-LUT or a recording."""
        state, edits = self._session.state, self._session.beads.edits
        is_recorded = state.recording is not None or state.finished is not None
        is_edited = bool(edits.undo_label or edits.redo_label)
        return is_recorded or is_edited or not last.is_as_started(self._session.config, state)

    def continue_session(self) -> None:
        """Bring back beads, settings and Z-LUT of the session before this one; no motor moves."""
        if self._kept.before is None:
            self._session.state.warn(self._why_none)
        else:
            self._restore(self._kept.before)

    def _take(self, found: KeptSessions | str) -> None:
        """Take what was read, or a sentence about why it cannot be used."""
        self.has_read = True
        if isinstance(found, str):
            self._why_none = found
            self._session.state.warn(found)
        else:
            self._kept = found
            self._why_none = f"{self._path}: there is no last session yet; this is the first one"

    def _restore(self, last: LastSession) -> None:
        session = self._session
        session.beads.replace(last.beads, "the last session", last.roi_px)
        session.order_recording(last.folder, last.name, last.mode)
        said = f"the {len(last.beads)} beads of the last session are back, {self._restore_camera(last)}"
        wanted = last.zlut
        if wanted is None or wanted == session.zluts.path:
            self._tell_restored(said, last)
        else:
            session.background.run(wanted.is_file, lambda there: self._restore_zlut(said, last, there))

    def _restore_camera(self, last: LastSession) -> str:
        """Set what was set, and return what came of it."""
        session = self._session
        if last.camera_driver != session.config.camera.driver:
            return f"but no camera settings: they were of {last.camera_driver}"
        known = {setting.name: setting for setting in session.state.camera_settings}
        for name, value in last.camera_settings.items():
            setting = known.get(name)
            if setting is not None and not setting.read_only and setting.value != value:
                session.set_camera(name, value)
        return "with the camera's settings"

    def _restore_zlut(self, said: str, last: LastSession, is_there: bool) -> None:
        session, wanted = self._session, last.zlut
        if wanted is None or not is_there:
            now = session.zluts.path or "none"
            session.state.warn(
                f"{said}; no motor was moved. Its Z-LUT {wanted} is gone: z is by {now}. "
                "Bring the file back and choose Use this file under Calibration, or sweep again"
            )
            return
        session.calibrate(UseZLUTs(wanted))
        self._tell_restored(f"{said} and the Z-LUT {wanted.name}", last)

    def _tell_restored(self, said: str, last: LastSession) -> None:
        state, now = self._session.state, self._session.zluts.path
        if last.zlut is None and now is not None:
            state.warn(f"{said}; no motor was moved. It had no Z-LUT: z is by {now} now")
        else:
            state.tell(f"{said}; no motor was moved")


def _read(path: Path, run: int) -> KeptSessions | str:
    """Return what is kept beside a run, or in one sentence why it cannot be used."""
    try:
        return load_last_session(path, run)
    except MagscopeError as error:
        return str(error)
