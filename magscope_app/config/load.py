"""Read a config file: everything that is wrong with it is reported at once."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from magscope_app.config.files import find_config
from magscope_app.config.model import Config
from magscope_app.config.overrides import apply_overrides
from magscope_app.config.partial import without_errors
from magscope_app.config.wording import said
from magscope_app.errors import ConfigError, Problem

#: Settings of a driver whose names end so are files, as seen from the config.
_SETTINGS, _FILE = "settings", "_file"


@dataclass(frozen=True)
class LoadedConfig:
    """A config and where it came from.

    Attributes
    ----------
    config : Config
        Checked, defaults filled in, paths absolute.
    path : Path
        The file.
    text : bytes
        The file byte for byte.
    overrides : tuple of str
        What was set on the command line.
    """

    config: Config
    path: Path
    text: bytes
    overrides: tuple[str, ...] = ()


def load_config(given: str | Path, overrides: Iterable[str] = ()) -> LoadedConfig:
    """Read and validate a config file.

    Parameters
    ----------
    given : str or Path
        Path of the file, or the name of a shipped config.
    overrides : iterable of str
        ``section.key=value`` from the command line; paths in them are relative to the current folder,
        paths in the file to the file. Without a value, the key counts as if the file did not have it.

    Raises
    ------
    ConfigError
        With every problem of the file.
    """
    overrides = tuple(overrides)
    path = find_config(given)
    text, data = _read(given, path)
    data.setdefault("drivers", {})
    if isinstance(data["drivers"], dict):
        # What lies beside the config is found; as a default of the model it would not know where that is.
        data["drivers"].setdefault("path", ["."])
    _anchor_paths(data, Config, path.parent)
    keys, problems = apply_overrides(data, overrides)
    for parts in keys:
        _anchor_one(data, parts)
    rest: Config | None = None
    try:
        rest = config = Config.model_validate(data)
    except ValidationError as error:
        problems += [_problem(data, entry) for entry in error.errors()]
        rest = without_errors(Config, data)
    if problems:
        raise ConfigError(str(given), problems, LoadedConfig(rest, path, text, overrides) if rest else None)
    return LoadedConfig(config, path, text, overrides)


def _read(given: str | Path, path: Path) -> tuple[bytes, dict[str, Any]]:
    def refuse(what: str, remedy: str) -> ConfigError:
        return ConfigError(str(given), [Problem("", what, remedy)])

    try:
        text = path.read_bytes()
    except OSError as error:
        raise refuse(f"cannot be read ({error.strerror})", "check the rights of the file") from error
    try:
        return text, tomllib.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise refuse("is not a text file", "give a TOML file in UTF-8, such as demo.toml") from error
    except tomllib.TOMLDecodeError as error:
        raise refuse(f"is not valid TOML: {error}", "mend that line, or start from demo.toml") from error


def _is_path(annotation: Any) -> bool:
    return annotation is Path or any(_is_path(part) for part in get_args(annotation))


def _model_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _model_of(part))), None)


def _absolute(value: Any, folder: Path) -> Any:
    if isinstance(value, str) and value:
        try:
            return str((folder / Path(value).expanduser()).resolve())
        except (ValueError, OSError, RuntimeError):
            # No path on this computer; the section that it stands in says so.
            return value
    if isinstance(value, list):
        return [_absolute(entry, folder) for entry in value]
    return value


def _anchor_paths(data: Any, model: type[BaseModel], folder: Path) -> None:
    """Make the paths of a file absolute, in place, as far as it has the right shape."""
    if isinstance(data, list):
        for entry in data:
            _anchor_paths(entry, model, folder)
    if not isinstance(data, dict):
        return
    for name, field in model.model_fields.items():
        if name not in data:
            continue
        if name == _SETTINGS and isinstance(data[name], dict):
            _anchor_settings(data[name], folder)
        elif (inner := _model_of(field.annotation)) is not None:
            _anchor_paths(data[name], inner, folder)
        elif _is_path(field.annotation):
            data[name] = _absolute(data[name], folder)


def _anchor_settings(settings: dict[str, Any], folder: Path) -> None:
    """Make the files that settings of a driver name absolute, in place."""
    for key, value in settings.items():
        if key.endswith(_FILE):
            settings[key] = _absolute(value, folder)


def _anchor_one(data: dict[str, Any], parts: tuple[str, ...]) -> None:
    """Make a path from the command line absolute, in place; take a key out that was given no value."""
    model: type[BaseModel] | None = Config
    table: Any = data
    for part in parts[:-1]:
        if isinstance(table, list):
            # An override may have given the axis another name.
            table = next((entry for entry in table if entry.get("name") == part), {})
            continue
        field = model.model_fields.get(part) if model else None
        model = _model_of(field.annotation) if field else None
        table = table[part]
    is_setting = len(parts) > 1 and parts[-2] == _SETTINGS
    known = is_setting or (model is not None and parts[-1] in model.model_fields)
    if known and isinstance(table, dict) and parts[-1] in table and table[parts[-1]] is None:
        del table[parts[-1]]
        return
    if is_setting and isinstance(table, dict) and parts[-1] in table:
        _anchor_settings(table, Path.cwd())
        return
    field = model.model_fields.get(parts[-1]) if model else None
    if field is not None and _is_path(field.annotation) and parts[-1] in table:
        table[parts[-1]] = _absolute(table[parts[-1]], Path.cwd())


def _problem(data: Mapping[str, Any], entry: Mapping[str, Any]) -> Problem:
    where = _where(data, entry["loc"])
    kind = entry["type"]
    if kind == "extra_forbidden":
        known = _known_keys(entry["loc"][:-1])
        near = difflib.get_close_matches(str(entry["loc"][-1]), known, n=1, cutoff=0.5)
        remedy = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
        return Problem(where, "there is no such key", remedy)
    if kind == "missing":
        return Problem(where, "is missing", _what_to_add(entry["loc"]))
    if kind == "value_error":
        return Problem(where, said(entry))
    return Problem(where, f"{_shown(entry['input'])} is not allowed", said(entry))


def _shown(value: Any) -> str:
    text = repr(str(value) if isinstance(value, Path) else value)
    return text if len(text) <= 60 else text[:57] + "..."


def _where(data: Mapping[str, Any], loc: tuple[int | str, ...]) -> str:
    """Name a key as the user knows it: entries of lists by their name."""
    words: list[str] = []
    table: Any = data
    for part in loc:
        try:
            table = table[part]
        except (KeyError, IndexError, TypeError):
            table = None
        name = table.get("name") if isinstance(part, int) and isinstance(table, dict) else None
        words.append(str(name if name else part))
    return ".".join(words)


def _what_to_add(loc: tuple[int | str, ...]) -> str:
    """Name the keys that a section needs that is not there."""
    model = _model_at(loc)
    needed = [name for name, field in model.model_fields.items() if field.is_required()] if model else []
    return f"add [{'.'.join(map(str, loc))}] with {' and '.join(needed)}" if needed else "add it"


def _known_keys(loc: Iterable[int | str]) -> list[str]:
    model = _model_at(loc)
    return sorted(model.model_fields) if model else []


def _model_at(loc: Iterable[int | str]) -> type[BaseModel] | None:
    """Return what a place in a config is to hold, None where that is no table."""
    model: type[BaseModel] | None = Config
    for part in loc:
        if isinstance(part, int) or model is None:
            continue
        field = model.model_fields.get(part)
        model = _model_of(field.annotation) if field else None
    return model
