"""`magscope-app-window`: choose a config with the mouse, then run it. For desktops without a terminal."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO

from gui.libraries import missing_packages, sentence
from magscope_app.cli.display import why_no_window
from magscope_app.config.files import shipped_config_folder

#: Exit codes that need no explanation: all well, and Ctrl-C.
_QUIET = (0, 130)


class Transcript(io.TextIOBase):
    """Keeps what is written, and passes it on where there is a console.

    Parameters
    ----------
    console : file or None
        None where a program has none, as on Windows desktops.
    """

    def __init__(self, console: TextIO | None) -> None:
        self._console = console
        self._kept = io.StringIO()

    def write(self, text: str, /) -> int:
        """Keep `text`."""
        if self._console is not None:
            self._console.write(text)
        return self._kept.write(text)

    def flush(self) -> None:
        """Flush the console."""
        if self._console is not None:
            self._console.flush()

    @property
    def text(self) -> str:
        """Everything that was written."""
        return self._kept.getvalue()


@contextlib.contextmanager
def _console_or_nothing() -> Iterator[None]:
    """Give the program somewhere to print to where it has no console."""
    if sys.stdout is not None:
        yield
        return
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def run_kept(command: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> tuple[int, str]:
    """Run a command and return its exit code and what it said on stderr."""
    transcript = Transcript(sys.stderr)
    with _console_or_nothing(), contextlib.redirect_stderr(transcript):
        try:
            code = command(arguments)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    return code, transcript.text.strip()


def _why_no_screen() -> str | None:
    if why_no_window() is None:
        return None
    return "There is no display to show a window on; use: magscope-app run CONFIG --headless"


def main() -> int:
    """Let the user choose a config and run it; what goes wrong is shown in a window.

    Returns
    -------
    int
        The exit code of ``magscope-app run``; 0 where nothing was chosen.
    """
    packages = missing_packages()
    reason = sentence(packages) if packages else _why_no_screen()
    if reason is not None:
        if sys.stderr is not None:
            sys.stderr.write(f"{reason}\n")
        return 1
    from gui.dialogs import choose_config, show_error
    from magscope_app.cli import main as run_command

    path = choose_config(shipped_config_folder())
    if path is None:
        return 0
    code, text = run_kept(run_command, ["run", str(path)])
    if code not in _QUIET:
        show_error(text or f"magscope-app ended with exit code {code} and said no more; see its log.")
    return code
