"""Invariants of the design that no single part could break by itself: each fails when broken anywhere."""

from __future__ import annotations

import ast
import re
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psutil
import pytest

from tests.line.running import ROOT, running

_DOCUMENT = ROOT / "docs" / "reliability.md"


def _sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


@cache
def _nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def _calls(path: Path) -> list[ast.Call]:
    return [node for node in _nodes(path) if isinstance(node, ast.Call)]


@pytest.mark.skipif(sys.platform == "win32", reason="the start of an interpreter counts there, too")
@pytest.mark.slow
def test_nothing_polls_hot() -> None:
    """At 1 fps, without beads and window, all processes together take next to nothing."""
    quiet = ("--set", "camera.fps=1", "--set", "beads.find=false")
    with running("demo.toml", "--headless", *quiet) as line:
        line.wait_for(" fps · ")
        time.sleep(2.5)

        def used_s() -> float:
            family = [psutil.Process(line.process.pid), *line.children()]
            return sum(sum(process.cpu_times()[:2]) for process in family)

        before, began = used_s(), time.monotonic()
        time.sleep(6.0)
        share = (used_s() - before) / (time.monotonic() - began)
    # 3 % of a core on an idle computer.
    assert share < 0.05


_WAITS = {"sleep", "wait", "wait_for", "recv", "acquire", "join", "communicate", "result"}
_FILES = {
    "open",
    "read_text",
    "write_text",
    "read_bytes",
    "write_bytes",
    "fromfile",
    "tofile",
    "load",
    "save",
    "listdir",
    "scandir",
    "walk",
    "iterdir",
    "glob",
    "rglob",
    "copy",
}
#: Functions of the engine that read and write files.
_ENGINE = {"open", "write_atomically", "open_dataset"}
#: Nothing of these is done without waiting for another program or computer.
_OTHERS = {"subprocess", "socket", "urllib", "http", "select", "asyncio", "ftplib", "requests", "shutil"}
#: Functions that touch files or look as if they waited, and why they may.
_MAY = {
    ("background.py", "deliver"): "only what is done",
    ("drawing_rate.py", "count_drawing"): "a meter's result",
    ("kept_file.py", "write_json"): "given to Background by desk.py and session_files.py",
    ("session_files.py", "write"): "given to Background in the next lines",
}


def _in_functions(node: ast.AST, function: str = "") -> Iterator[tuple[ast.AST, str]]:
    """Yield everything with the innermost function that it stands in."""
    for child in ast.iter_child_nodes(node):
        inner = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
        yield child, function
        yield from _in_functions(child, inner)


def _waits(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(name.name.partition(".")[0] in _OTHERS for name in node.names)
    if isinstance(node, ast.ImportFrom):
        names = {name.name for name in node.names}
        asleep = node.module == "time" and names & {"sleep", "*"}
        return str(node.module).partition(".")[0] in _OTHERS or bool(asleep)
    if isinstance(node, ast.Attribute):
        return ast.unparse(node) == "time.sleep"
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id in ("__import__", "sleep")
    return (
        isinstance(node.func, ast.Attribute)
        and node.func.attr in _WAITS
        and not isinstance(node.func.value, ast.Constant)
    )


def _touches_a_file(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id in _ENGINE
    if not isinstance(node.func, ast.Attribute) or node.func.attr not in _FILES | _ENGINE:
        return False
    # What is opened, loaded and saved elsewhere are menus, painters and the window's own commands.
    plain = node.func.attr in ("open", "load", "save", "copy")
    return not plain or ast.unparse(node.func.value) in ("io", "os", "np", "numpy", "json", "shutil")


def test_the_window_never_waits() -> None:
    found, allowed = [], set()
    for path in _sources("gui"):
        for node, function in _in_functions(ast.parse(path.read_text(encoding="utf-8"))):
            place = (path.name, function)
            if not _waits(node) and not _touches_a_file(node):
                continue
            if place in _MAY:
                allowed.add(place)
            else:
                found.append(f"{path.name}:{getattr(node, 'lineno', 0)} {ast.unparse(node)}")
    assert found == []
    assert allowed == set(_MAY)


@pytest.mark.parametrize(
    "source",
    [
        "from time import sleep as nap",
        "import subprocess as s",
        "from subprocess import run",
        "__import__('subprocess').run(['sync'])",
        "thread.join()",
        "future.result()",
        "import shutil",
        "from time import *",
        "nap = time.sleep",
    ],
)
def test_what_would_wait_in_the_window_is_seen(source: str) -> None:
    assert any(_waits(node) for node in ast.walk(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        "open('x').read()",
        "Path('x').write_text('')",
        "os.open('x', 0)",
        "os.listdir('x')",
        "Path('x').iterdir()",
        "open_dataset('x')",
        "atomic.write_atomically(path, b'')",
    ],
)
def test_what_would_touch_a_file_in_the_window_is_seen(source: str) -> None:
    assert any(_touches_a_file(node) for node in ast.walk(ast.parse(source)))


#: What `operating_system` cannot answer for others, and why they ask.
_MAY_ASK = {
    "magscope_app/cli/display.py": "whether there is a display is asked before anything else is loaded",
    "gui/libraries.py": "Qt's own libraries are missing on Linux only; asked before Qt is loaded",
    "gui/panels/about.py": "shows it",
    "magscope_app/cli/report.py": "writes it down",
    "magscope_app/processes/supervisor.py": "writes it down",
    "magscope_app/storage/provenance.py": "writes it down",
}
_PLATFORM = {
    "sys": ("platform", "getwindowsversion"),
    "os": ("name", "uname"),
    "platform": ("system", "platform", "uname", "release", "version", "win32_ver", "mac_ver"),
}


def _asks_for_the_platform(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        # Under another name the question would not be seen.
        return any(name.name in _PLATFORM and name.asname is not None for name in node.names)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.attr in _PLATFORM.get(node.value.id, ())
    if isinstance(node, ast.ImportFrom):
        return any(name.name in _PLATFORM.get(str(node.module), ()) for name in node.names)
    return False


@pytest.mark.parametrize(
    "source",
    [
        "sys.platform == 'win32'",
        "from os import name",
        "x = os.name",
        "platform.system()",
        "import sys as s",
        "os.uname().sysname",
        "platform.platform()",
    ],
)
def test_a_question_for_the_platform_is_seen(source: str) -> None:
    assert any(_asks_for_the_platform(node) for node in ast.walk(ast.parse(source)))


#: Whose `Process` is a spawned one, or none that is started.
_SPAWNING = {"context", "self._context", "psutil"}


def _starts_otherwise_than_by_spawn(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    of, _, function = name.rpartition(".")
    if function == "get_context":
        return ast.unparse(call) != "multiprocessing.get_context('spawn')"
    if function == "Process":
        return of not in _SPAWNING
    # Without a module it is a class of the trackers.
    is_pool = function == "Pool" and bool(of)
    return is_pool or function in ("fork", "forkpty", "ProcessPoolExecutor", "set_start_method")


@pytest.mark.parametrize(
    "source",
    [
        "mp.Process(target=f)",
        "multiprocessing.Pool(2)",
        "ProcessPoolExecutor()",
        "multiprocessing.set_start_method('fork')",
        "get_context()",
        "os.fork()",
    ],
)
def test_what_does_not_spawn_is_seen(source: str) -> None:
    assert any(
        _starts_otherwise_than_by_spawn(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
    )


def test_processes_are_spawned_and_platforms_differ_in_one_place() -> None:
    # Reading what cannot hold any of it takes most of the time.
    sources = {path: path.read_text(encoding="utf-8") for path in _sources("magscope_app", "hardware", "gui")}
    starting = re.compile(r"get_context|Process|fork|Pool|set_start_method")
    for path in (path for path, text in sources.items() if starting.search(text)):
        for call in _calls(path):
            assert not _starts_otherwise_than_by_spawn(call), f"{path}:{call.lineno}"
    asking = {
        path.relative_to(ROOT).as_posix()
        for path, text in sources.items()
        if re.search(r"platform|os\.(name|uname)|from os|import (sys|os) as|getwindowsversion", text)
        and any(_asks_for_the_platform(node) for node in _nodes(path))
    }
    assert asking == {"magscope_app/operating_system.py", *_MAY_ASK}


def test_the_document_names_tests_that_exist() -> None:
    text = _DOCUMENT.read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
    assert len(named) > 20
    for file, test in named:
        source = (ROOT / file).read_text(encoding="utf-8")
        assert not test or f"def {test}(" in source, f"{file}::{test}"
    # Every invariant has its row.
    assert [int(number) for number in re.findall(r"^\| (\d+)\. ", text, re.MULTILINE)] == list(range(1, 13))
