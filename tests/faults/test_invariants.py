"""Invariants of the design that no single part could break by itself: each fails when broken anywhere."""

from __future__ import annotations

import ast
import re
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.line.running import ROOT, running

_DOCUMENT = ROOT / "docs" / "reliability.md"


def _sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def _calls(path: Path) -> list[ast.Call]:
    return [
        node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
    ]


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
        time.sleep(3.0)
        share = (used_s() - before) / (time.monotonic() - began)
    # 3 % of a core on an idle computer; one loop that does not wait takes a whole one.
    assert share < 0.25


def test_the_window_never_waits() -> None:
    waits = {"sleep", "wait", "wait_for", "recv", "acquire", "join", "communicate"}
    found = [
        f"{path.name}:{call.lineno} {ast.unparse(call)}"
        for path in _sources("gui")
        for call in _calls(path)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in waits
        and not isinstance(call.func.value, ast.Constant)
    ]
    assert found == []


def test_processes_are_spawned_and_platforms_differ_in_one_place() -> None:
    for path in _sources("magscope_app", "hardware", "gui"):
        for call in _calls(path):
            name = ast.unparse(call.func)
            if name.endswith("get_context"):
                assert ast.unparse(call) == "multiprocessing.get_context('spawn')", f"{path}:{call.lineno}"
            assert name not in ("multiprocessing.Process", "os.fork", "Process"), f"{path}:{call.lineno}"


def test_the_document_names_tests_that_exist() -> None:
    text = _DOCUMENT.read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
    assert len(named) > 20
    for file, test in named:
        source = (ROOT / file).read_text(encoding="utf-8")
        assert not test or f"def {test}(" in source, f"{file}::{test}"
    # Every invariant has its row.
    assert [int(number) for number in re.findall(r"^\| (\d+)\. ", text, re.MULTILINE)] == list(range(1, 13))
