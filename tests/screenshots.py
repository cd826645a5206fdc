"""Pictures of the window for the docs, from the running twin: ``python -m tests.screenshots [FOLDER]``.

Every panel in both themes, and the whole window. They never age: run it again when the window has changed.
Without a display it draws offscreen; ``--size WIDTHxHEIGHT`` chooses another size of the window.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

from PIL import Image

from magscope_app.config import load_config
from magscope_app.processes import children
from magscope_app.processes.link import Link
from magscope_app.processes.options import Listeners, RunOptions
from magscope_app.processes.supervisor import Supervisor

_FOLDER, _SIZE, _ONLY = "MAGSCOPE_PICTURES", "MAGSCOPE_PICTURES_SIZE", "MAGSCOPE_PICTURES_ONLY"
_SETTLE_S, _PANEL_S = 16.0, 1.2


def run(link: Link, handles: Any) -> int:
    """Open the real window and take its pictures; the target of the GUI process."""
    import gui.app
    import gui.application as application_module

    original = application_module.open_window
    kept: list[Any] = []

    def open_and_look(application: Any, session: Any, folder: Path | None = None) -> Any:
        window = original(application, session, Path(tempfile.mkdtemp(prefix="magscope-pictures-")))
        kept.append(_Photographer(window))
        return window

    application_module.open_window = open_and_look
    return gui.app.run(link, handles)


class _Photographer:
    """Takes one picture after the other, giving the window time to draw."""

    def __init__(self, window: Any) -> None:
        from PyQt6.QtCore import QTimer

        self._window = window
        self._folder = Path(os.environ[_FOLDER])
        width, height = (int(part) for part in os.environ[_SIZE].split("x"))
        window.resize(width, height)
        QTimer.singleShot(100, window.arrange)
        self._steps = self._scenario(whole_only=bool(os.environ.get(_ONLY)))
        self._due_s = time.monotonic() + _SETTLE_S
        self._timer = QTimer(window)
        self._timer.timeout.connect(self._turn)
        self._timer.start(50)

    def _turn(self) -> None:
        if time.monotonic() < self._due_s:
            return
        try:
            self._due_s = time.monotonic() + next(self._steps)
        except StopIteration:
            self._timer.stop()
            self._window.session.stop_recording()
            self._window.leave()

    def _scenario(self, *, whole_only: bool) -> Generator[float, None, None]:
        from gui.panels.registry import PANELS

        window = self._window
        window.desk.preferences.hints_seen[:] = ["beads", "several", "record", "search", "docks"]
        window.hints.restart()
        window.session.start_recording()
        window.session.select(max(window.session.state.beads))
        for theme in ("dark", "light"):
            window.desk.choose_theme(theme)
            window.arrange()
            yield 2.5
            self._save(window, f"window-{theme}")
            if whole_only:
                continue
            for entry in PANELS:
                window.show_panel(entry.key)
                window.image.tools.levels.setChecked(entry.key == "image")
                yield _PANEL_S
                self._save(window.panels[entry.key], f"{entry.key}-{theme}")
        window.palette_bar.open()
        window.palette_bar.field.setText("re")
        yield 0.5
        self._save(window, "search")

    def _save(self, widget: Any, name: str) -> None:
        widget.grab().save(str(self._folder / f"{name}.png"), "PNG", 0)


def main() -> int:
    """Run the twin with a window that photographs itself."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(__file__).resolve().parents[1] / "docs" / "images"
    parser.add_argument("folder", nargs="?", type=Path, default=default)
    parser.add_argument("--size", default="1920x1080", help="of the window, such as 1366x768")
    parser.add_argument("--window-only", action="store_true", help="leave out the single panels")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    os.environ |= {_FOLDER: str(given.folder), _SIZE: given.size, _ONLY: "1" if given.window_only else ""}
    if "DISPLAY" not in os.environ:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    children.TARGETS["gui"] = "tests.screenshots:run"
    with tempfile.TemporaryDirectory() as data:
        loaded = load_config("demo.toml", [f"recording.folder={Path(data).as_posix()}", "camera.fps=50"])
        listeners = Listeners(lambda entry: None, lambda status: None)
        exit_code = Supervisor(loaded, RunOptions(duration_s=150), listeners).run().exit_code
    for path in given.folder.glob("*.png"):
        # A window has few colours: the docs stay small.
        Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
