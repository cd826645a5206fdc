"""What the user has chosen about the window, apart from the experiment's config; kept in one small file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import platformdirs

from gui.models.kept_file import UNREADABLE, read_json, refuse, write_json

#: Raised when the file's meaning changes; a file of another version is not read.
VERSION = 1
#: Name of the file.
PREFERENCES = "window.json"
_THEMES = ("", "dark", "light", "system")
#: Size of the text in pixels.
SMALLEST_FONT, LARGEST_FONT = 8, 24


@dataclass
class Preferences:
    """Choices that outlive a session.

    Attributes
    ----------
    theme : str
        "dark", "light", "system", or "" for what the config says.
    font_px : int
        Size of the text; 0 for the desktop's.
    layout : dict of str to str
        Where the docks stand, as Qt writes it (hexadecimal), by kind of screen ("wide", "narrow").
    geometry : str
        Size and place of the window, as Qt writes it.
    shortcuts : dict of str to str
        Key by name of an action, where it is not the first one.
    hints_seen : list of str
        Hints that were dismissed.
    """

    theme: str = ""
    font_px: int = 0
    layout: dict[str, str] = field(default_factory=dict)
    geometry: str = ""
    shortcuts: dict[str, str] = field(default_factory=dict)
    hints_seen: list[str] = field(default_factory=list)


def user_folder() -> Path:
    """Return where the window keeps this user's choices and last session."""
    return Path(platformdirs.user_config_dir("magscope-app", appauthor=False))


def load_preferences(path: Path) -> tuple[Preferences, str]:
    """Read preferences; what is wrong costs only itself and never raises. A file that is no use is set aside.

    Returns
    -------
    tuple of Preferences and str
        The preferences, and a sentence about what could not be used (empty when all is well).
    """
    try:
        data = read_json(path, (VERSION,))
    except FileNotFoundError:
        return Preferences(), ""
    except UNREADABLE as error:
        return Preferences(), refuse(path, "the preferences", error, "the window starts as at first")
    known = {entry.name for entry in fields(Preferences)}
    good = {name: value for name, value in data.items() if name in known and _is_good(name, value)}
    bad = sorted(known & set(data) - set(good))
    said = f"{path}: {', '.join(bad)} cannot be used and is as at first" if bad else ""
    return Preferences(**good), said


def _is_good(name: str, value: Any) -> bool:
    if name == "theme":
        return value in _THEMES
    if name == "font_px":
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole and (value == 0 or SMALLEST_FONT <= value <= LARGEST_FONT)
    if name == "geometry":
        return isinstance(value, str) and _is_hex(value)
    if name == "layout":
        return _are_texts(value) and all(_is_hex(entry) for entry in value.values())
    if name == "shortcuts":
        return _are_texts(value)
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def _are_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(part, str) for pair in value.items() for part in pair)


def _is_hex(text: str) -> bool:
    try:
        bytes.fromhex(text)
    except ValueError:
        return False
    return True


def save_preferences(preferences: Preferences, path: Path) -> None:
    """Write preferences whole or not at all; a file there that cannot be read is set aside first.

    Raises
    ------
    OSError, MagscopeError
        The file cannot be written.
    """
    write_json(path, {"version": VERSION, **asdict(preferences)}, lambda there: read_json(there, (VERSION,)))
