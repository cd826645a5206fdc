"""What is kept in files: bead lists, the running state as a config, the last session."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtWidgets import QWidget

from gui.models.last_session import LastSession, load_last_session, save_last_session
from gui.models.running_config import config_text
from gui.session import Session
from gui.widgets.file_dialog import ask_file
from magscope_app.errors import MagscopeError

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
        #: The session before this one, or why there is none; read at once: this one takes its place.
        self._before: LastSession | str = "no folder is known in which a last session could lie"
        if path is not None:
            session.background.run(lambda: _read(path), self._take)
        self._session = session
        self._parent = parent

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
        """Write the running state as a config."""
        session = self._session
        text = config_text(session.config, session.state, session.recording_order)

        def write() -> None:
            path.write_text(text, encoding="utf-8")

        session.background.run(write, lambda _: session.state.tell(f"the config was written to {path}"))

    def remember(self) -> None:
        """Keep beads and settings for `continue_session`; motor positions are never kept."""
        session, path = self._session, self._path
        if path is None or not session.state.video_ready:
            return
        last = LastSession.of(session.config, session.state, session.recording_order)
        session.background.run(lambda: save_last_session(last, path), lambda _: None)

    def continue_session(self) -> None:
        """Bring back the beads and settings of the session before this one; no motor moves."""
        if isinstance(self._before, str):
            self._session.state.warn(self._before)
        else:
            self._restore(self._before)

    def _take(self, before: LastSession | str) -> None:
        self._before = before

    def _restore(self, last: LastSession) -> None:
        session = self._session
        session.beads.replace(last.beads, "the last session", last.roi_px)
        known = {setting.name: setting for setting in session.state.camera_settings}
        if last.camera_driver == session.config.camera.driver:
            for name, value in last.camera_settings.items():
                setting = known.get(name)
                if setting is not None and not setting.read_only and setting.value != value:
                    session.set_camera(name, value)
        session.order_recording(last.folder, last.name, last.mode)
        said = f"{len(last.beads)} beads and the settings of the last session are back; no motor was moved"
        if last.zlut != session.config.tracking.zlut:
            session.state.warn(f"{said}; it used the Z-LUT {last.zlut}: load it to have the same z")
        else:
            session.state.tell(said)


def _read(path: Path) -> LastSession | str:
    """Return the last session, or in one sentence why there is none."""
    try:
        return load_last_session(path)
    except MagscopeError as error:
        return str(error)
