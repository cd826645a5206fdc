"""`magscope-app replay`: a dataset's video through the line again, with its own settings."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from magscope_app.cli.run import run
from magscope_app.config.toml_text import toml_text
from magscope_app.processes.replaying import replay_config
from magscope_app.storage import open_dataset


def replay(
    dataset: Path,
    overrides: Sequence[str],
    headless: bool,
    record: Path | None,
    name: str | None,
    write: Path | None,
) -> int:
    """Track a dataset's video again; returns the exit code.

    Parameters
    ----------
    dataset : Path
        The folder.
    overrides : sequence of str
        ``section.key=value``, over what the dataset says.
    headless, record, name
        As for `run`.
    write : Path, optional
        Write the config there, and run nothing.

    Raises
    ------
    MagscopeError
        The dataset cannot be played; nothing was created.
    """
    config, said = replay_config(open_dataset(dataset.expanduser().absolute()))
    for sentence in said:
        print(sentence, file=sys.stderr)
    text = f"# {dataset} again: magscope-app replay\n\n{toml_text(config)}"
    if write is not None:
        write.write_text(text, encoding="utf-8")
        print(f"{write}: run it with magscope-app run")
        return 0
    with tempfile.TemporaryDirectory(prefix="magscope-") as folder:
        file = Path(folder) / "replay.toml"
        file.write_text(text, encoding="utf-8")
        return run(str(file), overrides, headless, None, record, name)
