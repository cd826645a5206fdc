"""The code in the documents, as files."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[3] / "docs"


def write_examples(document: str, folder: Path) -> list[Path]:
    """Write the Python blocks of a document that begin with their file name, and return the files."""
    text = (DOCS / document).read_text(encoding="utf-8")
    files = []
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        name = re.match(r"# (\w+\.py)", code)
        assert name is not None, f"{document}: a block of code does not say in which file it stands"
        path = folder / name[1]
        path.write_text(code, encoding="utf-8")
        files.append(path)
    return files


def write_config(document: str, folder: Path) -> Path:
    """Write the one TOML block of a document, which begins with its file name, and return the file."""
    text = (DOCS / document).read_text(encoding="utf-8")
    ((name, block),) = re.findall(r"```toml\n# (\w+\.toml)\n(.*?)```", text, re.DOTALL)
    path = folder / str(name)
    path.write_text(str(block), encoding="utf-8")
    return path


def commands_of(document: str) -> list[list[str]]:
    """Return the words of every command of the application that a document shows."""
    text = (DOCS / document).read_text(encoding="utf-8")
    return [line.split() for line in re.findall(r"^    magscope-app (.*?)(?:  .*)?$", text, re.MULTILINE)]
