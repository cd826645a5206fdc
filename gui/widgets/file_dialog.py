"""File dialogs beside the window: they hold nothing up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QFileDialog, QWidget


def ask_file(
    parent: QWidget, title: str, kinds: str, then: Callable[[Path], None], *, save_as: str = ""
) -> QFileDialog:
    """Open a dialog; `then` gets the file that is chosen.

    Parameters
    ----------
    parent : QWidget
        The dialog is its child, named "file.dialog".
    title : str
        Of the dialog.
    kinds : str
        Such as ``"Bead lists (*.csv)"``.
    then : callable
        Called when a file was chosen.
    save_as : str
        Name that is proposed for a file to be written; empty for a file to be read.
    """
    dialog = QFileDialog(parent, title)
    dialog.setObjectName("file.dialog")
    dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setNameFilter(kinds)
    dialog.setModal(False)
    if save_as:
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(Path(save_as).suffix.lstrip("."))
        dialog.selectFile(save_as)
    else:
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.fileSelected.connect(lambda path: then(Path(path)))
    dialog.show()
    return dialog
