"""`magscope-app report`: everything a bug report needs in one file, and no data."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil

import magscope_app
from magscope_app.cli.discretion import masked, secrets_of, without
from magscope_app.config import load_config
from magscope_app.errors import ConfigError, MagscopeError
from magscope_app.run_log import logs_folder, run_folders

#: Runs whose logs go into a report, the newest.
_RUNS = 3
_CONFIG = "config.toml"


def report(config: str | None, out: Path | None) -> int:
    """Write the logs of the last runs, the config, versions and the machine into one zip file.

    The user's home folder is written as ``~`` throughout, since it often holds a name, and what stands under
    names such as password, token, secret, credentials or api_key as ``"***"``.

    Parameters
    ----------
    config : str, optional
        A config whose text, and what is wrong with it, are to be in the report.
    out : Path, optional
        The file, which must not exist; named after the time in the current folder by default.

    Raises
    ------
    MagscopeError
        The file exists or cannot be written, or there is no such config.
    """
    target = out or Path(f"magscope-report_{datetime.now(UTC).astimezone():%Y-%m-%d_%H%M%S}.zip")
    if target.exists():
        raise MagscopeError(f"{target} exists already: give another file with --out")
    unfinished = target.with_name(f".{target.name}.unfinished")
    about_config = list(_config_parts(config))
    parts = [("machine.txt", "\n".join(_machine())), *about_config, *_logs()]
    secrets = [secret for name, text in about_config if name == _CONFIG for secret in secrets_of(text)]
    try:
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, text in parts:
                bundle.writestr(name, _discreet(without(text, secrets), toml=name == _CONFIG))
        unfinished.replace(target)
    except OSError as error:
        raise MagscopeError(
            f"{target} could not be written ({error}); give another folder with --out"
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
    runs = len(run_folders()[-_RUNS:])
    print(f"{target}: versions, this computer and the logs of {runs} runs; look at it before you send it")
    return 0


def _discreet(text: str, *, toml: bool = False) -> str:
    """Return a text without passwords and without the user's home folder."""
    text = masked(text, toml=toml)
    home = Path.home()
    if home == home.parent:
        # The root of a disk is nobody's name, and every path begins with it.
        return text
    for spelling in {str(home), home.as_posix(), str(home).replace("\\", "\\\\")}:
        text = re.sub(rf"(?<![\w.~-]){re.escape(spelling)}(?![\w-])", "~", text)
    return text


def _machine() -> Iterator[str]:
    memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(Path.cwd()))
    yield f"magscope-app {magscope_app.__version__}"
    yield f"Python {sys.version}"
    yield f"{platform.platform()}, {platform.machine()}, {platform.processor()}"
    yield f"{os.cpu_count()} processors, load {' '.join(f'{load:.1f}' for load in psutil.getloadavg())}"
    yield f"memory {memory.total / 1e9:.1f} GB, free {memory.available / 1e9:.1f} GB"
    yield f"disk {disk.total / 1e9:.0f} GB, free {disk.free / 1e9:.0f} GB"
    yield f"logs {logs_folder()}"
    yield ""
    found = {dist.metadata["Name"]: dist.version for dist in importlib.metadata.distributions()}
    yield from (f"{name} {found[name]}" for name in sorted(found, key=str.lower))


def _config_parts(config: str | None) -> Iterator[tuple[str, str]]:
    if config is None:
        return
    try:
        loaded = load_config(config)
        text, said = loaded.text.decode(errors="replace"), "no problems found"
    except ConfigError as error:
        path = Path(config)
        if not path.is_file():
            raise
        text, said = path.read_text(encoding="utf-8", errors="replace"), str(error)
    yield _CONFIG, text
    yield "config-check.txt", said


def _logs() -> Iterator[tuple[str, str]]:
    for folder in run_folders()[-_RUNS:]:
        for path in sorted(folder.iterdir()):
            try:
                yield f"logs/{folder.name}/{path.name}", path.read_text(encoding="utf-8", errors="replace")
            except OSError as error:
                yield f"logs/{folder.name}/{path.name}", f"could not be read: {error}"
