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
def _nodes(path: Path) -> list[ast.Call | ast.Import | ast.ImportFrom]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [node for node in nodes if isinstance(node, ast.Call | ast.Import | ast.ImportFrom)]


_UNPICKLE = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
_ARRAYS = {"np.load", "numpy.load", "np.savez", "np.save", "np.savez_compressed"}


def _unpickles(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(name.name.partition(".")[0] in _UNPICKLE for name in node.names)
    if isinstance(node, ast.ImportFrom):
        names = {name.name for name in node.names}
        arrays = str(node.module).startswith("numpy") and names & {"load", "read_array", "*"}
        return bool(
            str(node.module).partition(".")[0] in _UNPICKLE
            or names & (_UNPICKLE | {"ForkingPickler"})
            or arrays
        )
    if not isinstance(node, ast.Call):
        return False
    function = ast.unparse(node.func)
    said = [word.value for word in node.keywords if word.arg == "allow_pickle"]
    refused = [isinstance(value, ast.Constant) and value.value is False for value in said]
    must_refuse = function in _ARRAYS or function.endswith("format.read_array")
    return function in ("eval", "exec") or not all(refused) or (must_refuse and not refused)


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from numpy import load",
        "np.load(x)",
        "np.lib.format.read_array(x, allow_pickle=True)",
        "read_array(x, allow_pickle=always)",
        "from multiprocessing.reduction import ForkingPickler",
        "eval(x)",
    ],
)
def test_what_unpickles_is_seen(source: str) -> None:
    assert any(_unpickles(node) for node in ast.walk(ast.parse(source)))


def test_nothing_is_unpickled() -> None:
    found = [(path, node.lineno) for path in SOURCES for node in _nodes(path) if _unpickles(node)]
    # The pipe between the processes of a run, which nobody else can write to.
    assert {path.name for path, _ in found} == {"link.py"}
    assert len(found) == 1, found


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
