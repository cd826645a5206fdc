"""Where config files lie: as given, shipped with the package, or in the checkout."""

from __future__ import annotations

from pathlib import Path

import magscope_app
from magscope_app.errors import ConfigError, Problem


def shipped_config_folder() -> Path:
    """Return the folder of the configs that come with the application."""
    package = Path(magscope_app.__file__).resolve().parent
    installed = package / "_config"
    return installed if installed.is_dir() else package.parent / "config"


def find_config(given: str | Path) -> Path:
    """Return the config file that `given` names: a path, or the name of a shipped one.

    Raises
    ------
    ConfigError
        There is no such file; the text lists the shipped ones.
    """
    if not str(given).strip():
        raise ConfigError("CONFIG", [Problem("", "the name of the config file is empty", "give a TOML file")])
    path = Path(given)
    if path.is_file():
        return path.resolve()
    folder = shipped_config_folder()
    for candidate in (folder / path.name, folder / f"{path.name}.toml"):
        if candidate.suffix == ".toml" and candidate.is_file() and path.parent in (Path(), Path("config")):
            return candidate
    what = "is a folder" if path.is_dir() else "there is no such file"
    shipped = ", ".join(sorted(entry.name for entry in folder.glob("*.toml")))
    raise ConfigError(
        str(given), [Problem("", what, f"give a TOML file, or one of the shipped ones: {shipped}")]
    )
