"""Style, types and the direction of imports are tests, so that everyone runs them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ["magscope_app", "hardware", "gui", "tests"]
pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", *SOURCES],
        ["ruff", "format", "--check", *SOURCES],
        ["mypy"],
        ["importlinter.cli", "lint-imports-command"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_static_check(command: list[str]) -> None:
    module = [sys.executable, "-m", *command]
    if command[0] == "importlinter.cli":
        module = [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
        ]
    done = subprocess.run(module, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _files() -> list[Path]:
    return [path for folder in SOURCES[:3] for path in sorted((ROOT / folder).rglob("*.py"))]


def test_files_and_functions_stay_small() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in _files()}
    assert sorted(lengths.values())[len(lengths) // 2] <= 150
    assert [path.name for path, length in lengths.items() if length > 500] == []
    long = [
        f"{path.relative_to(ROOT)}:{node.name} {node.end_lineno - node.lineno + 1}"
        for path in lengths
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and _code_lines(node) > 40
        and not _is_kernel(node)
    ]
    assert long == []


def _code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function without signature and docstring."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


def _is_kernel(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A compiled loop is one piece: splitting it costs speed."""
    return any(
        isinstance(decorator, ast.Name) and decorator.id == "kernel" for decorator in node.decorator_list
    )
