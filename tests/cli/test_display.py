"""Where a window can be opened and where not."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from magscope_app.cli import display
from magscope_app.cli.display import why_no_window


@pytest.mark.parametrize(
    ("environment", "system", "said"),
    [
        ({}, "linux", "no display found (neither DISPLAY nor WAYLAND_DISPLAY is set)"),
        ({"DISPLAY": ":98765"}, "linux", "nobody answers there"),
        ({"DISPLAY": "unix:98765.0"}, "linux", "nobody answers there"),
    ],
)
def test_no_window_is_explained(environment: dict[str, str], system: str, said: str) -> None:
    reason = why_no_window(environment, system)
    assert reason is not None
    assert said in reason
    assert reason.endswith("running headless")


@pytest.mark.parametrize(
    ("environment", "system"),
    [
        ({}, "win32"),
        ({}, "darwin"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux"),
        ({"QT_QPA_PLATFORM": "offscreen"}, "linux"),
        ({"DISPLAY": "elsewhere:10.0"}, "linux"),
    ],
)
def test_a_window_can_be_opened(environment: dict[str, str], system: str) -> None:
    assert why_no_window(environment, system) is None


@pytest.mark.skipif(sys.platform == "win32", reason="X servers listen on Unix sockets")
def test_a_server_that_listens_answers(tmp_path: Path) -> None:
    path = tmp_path / "X0"
    assert not display._answers(str(path))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert display._answers(str(path))
