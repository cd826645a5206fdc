"""The windows before and after a run, when nothing is being acquired."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PyQt6.QtWidgets import QApplication, QDialog, QFileDialog, QMessageBox


@contextmanager
def _application() -> Iterator[None]:
    """Have an application for as long as a dialog needs it: the run that follows makes its own."""
    existing = QApplication.instance()
    application = existing or QApplication(["magscope-app"])
    application.setApplicationName("MagScope App")
    yield
    del application
    gc.collect()


def choose_config(folder: Path) -> Path | None:
    """Return the config file that the user chooses, None where the dialog is closed.

    Parameters
    ----------
    folder : Path
        Where the dialog starts.
    """
    with _application():
        dialog = QFileDialog(None, "Choose a config for MagScope App", str(folder), "Configs (*.toml)")
        dialog.setObjectName("chooser")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        chosen = dialog.selectedFiles() if dialog.exec() == QDialog.DialogCode.Accepted else []
        dialog.deleteLater()
        del dialog
    return Path(chosen[0]) if chosen else None


def show_error(text: str) -> None:
    """Show why a run has ended, for somebody without a console; the text can be copied."""
    with _application():
        box = QMessageBox(QMessageBox.Icon.Warning, "MagScope App", text)
        box.setObjectName("chooser.error")
        box.setTextInteractionFlags(
            box.textInteractionFlags() | box.textInteractionFlags().TextSelectableByMouse
        )
        box.exec()
        box.deleteLater()
        del box
