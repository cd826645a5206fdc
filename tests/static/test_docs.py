"""What is made from the code is made anew when the code changes."""

from __future__ import annotations

import json
import re
from pathlib import Path

from magscope_app.config.model import Config
from magscope_app.config.reference import markdown

ROOT = Path(__file__).resolve().parents[2]


def test_config_reference_is_up_to_date() -> None:
    assert (ROOT / "docs" / "config.md").read_text(encoding="utf-8") == markdown()
    schema = json.loads((ROOT / "docs" / "config.schema.json").read_text(encoding="utf-8"))
    assert schema == Config.model_json_schema()


def test_links_between_documents_lead_somewhere() -> None:
    for document in [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_readme_has_exactly_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("<!-- run command -->") == text.count("<!-- test command -->") == 1
