"""The examples in docs/dataset.md run, in their order, as one program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.dataset.making import make_dataset

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "dataset.md"


def test_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_dataset(tmp_path).rename(tmp_path / "2026-11-21_101500_first")
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) >= 5
    names: dict[str, object] = {}
    for example in examples:
        exec(compile(example, str(_PAGE), "exec"), names)
    assert names["n_frames"] == 80
