"""Panel: versions, for a bug report."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from PyQt6.QtCore import PYQT_VERSION_STR, QT_VERSION_STR
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QPlainTextEdit, QPushButton, QVBoxLayout

from gui.panels.panel import Panel, PanelContext
from gui.snapshot import Snapshot
from magscope_app import __version__
from magscope_app.config import Config

_PACKAGES = ("numpy", "numba", "pyqtgraph", "pymmcore-plus", "ndstorage", "h5py", "pydantic")


def versions_text(config: Config) -> str:
    """Return what a bug report should say about the program and the computer."""
    lines = [f"magscope-app {__version__}", *(f"{name} {_version(name)}" for name in _PACKAGES)]
    lines += [
        f"Qt {QT_VERSION_STR}, PyQt {PYQT_VERSION_STR}",
        f"Python {sys.version.split()[0]}",
        f"{platform.system()} {platform.release()} {platform.machine()}",
        f"camera {config.camera.driver}",
        *(f"motor {motor.name}: {motor.driver}" for motor in config.motors),
        f"tracking {config.tracking.method}, {config.tracking.threads} threads, ROI {config.beads.roi_px} px",
    ]
    return "\n".join(lines)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


class AboutPanel(Panel):
    """Names of programs and drivers with their versions, and a button that copies them."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.text = QPlainTextEdit(f"MagScope App, GPL-3.0-or-later\n\n{versions_text(self.session.config)}")
        self.text.setObjectName("about.text")
        self.text.setReadOnly(True)
        copy = QPushButton("Copy for a bug report")
        copy.setObjectName("about.copy")
        copy.setToolTip("Put all of this on the clipboard")
        copy.clicked.connect(self._copy)
        column = QVBoxLayout(self)
        column.addWidget(self.text, 1)
        column.addWidget(copy)

    def _copy(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self.text.toPlainText())

    def refresh(self, snapshot: Snapshot) -> None:
        """Nothing here changes."""
