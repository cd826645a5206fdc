"""What others on the computer can reach of a run: nothing but what is the user's own."""

from __future__ import annotations

import ast
import sys
import time
from functools import cache
from pathlib import Path

import psutil
import pytest

from tests.line.running import ROOT, SMALL, running

SOURCES = [path for folder in ("magscope_app", "hardware", "gui") for path in (ROOT / folder).rglob("*.py")]


@cache
def _nodes(path: Path) -> list[ast.AST]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [node for node in nodes if isinstance(node, ast.Call | ast.Import | ast.ImportFrom)]


def _calls(path: Path) -> list[ast.Call]:
    return [node for node in _nodes(path) if isinstance(node, ast.Call)]


def test_nothing_is_unpickled() -> None:
    readers = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    imported = {
        (path.name, name.partition(".")[0])
        for path in SOURCES
        for node in _nodes(path)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [
            *(alias.name for alias in node.names),
            *([node.module or ""] if isinstance(node, ast.ImportFrom) else []),
        ]
    }
    assert [found for found in imported if found[1] in readers] == []
    for path in SOURCES:
        for call in _calls(path):
            function = ast.unparse(call.func)
            if function in ("np.load", "numpy.load", "np.savez", "np.save", "np.savez_compressed"):
                allowed = [word.value for word in call.keywords if word.arg == "allow_pickle"]
                assert [ast.literal_eval(value) for value in allowed] == [False], f"{path}:{call.lineno}"
            assert function not in ("eval", "exec"), f"{path}:{call.lineno}"


@pytest.mark.skipif(sys.platform != "linux", reason="segments are files in /dev/shm on Linux only")
def test_segments_are_the_users_only_and_nobody_listens() -> None:
    before = {entry.name for entry in Path("/dev/shm").iterdir()}
    with running("demo.toml", "--headless", "--duration", "2", *SMALL) as line:
        line.wait_for("beads found")
        made = [entry for entry in Path("/dev/shm").iterdir() if entry.name not in before]
        modes = {entry.name: entry.stat().st_mode & 0o777 for entry in made}
        assert len([name for name in modes if name.startswith("ms")]) > 5
        assert set(modes.values()) == {0o600}, modes
        family = [psutil.Process(line.process.pid), *line.children()]
        time.sleep(0.2)
        listening = [
            connection
            for process in family
            for connection in process.net_connections("all")
            if connection.status == psutil.CONN_LISTEN or connection.laddr
        ]
        assert listening == []
        assert line.process.wait(30) == 0, line.output
