"""The user's choices about the window while it runs; they are kept in a file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtGui import QAction

from gui.background import Background
from gui.models.preferences import PREFERENCES, Preferences, save_preferences

#: Keys that mean something wherever the keyboard is: moving ROIs, editing a text, leaving a field.
_RESERVED = frozenset(
    [f"{held}{arrow}" for held in ("", "Shift+") for arrow in ("Left", "Right", "Up", "Down")]
    + ["Esc", "Return", "Enter", "Tab", "Backtab", "Shift+Tab", "Backspace", "Ctrl+C", "Ctrl+V", "Ctrl+X"]
)
#: The action that always has a key.
_ALWAYS = "stop_all"


class Desk(QObject):
    """Preferences with a signal.

    Parameters
    ----------
    preferences : Preferences
        Changed by the methods.
    background : Background
        Writes the file.
    path : Path or None
        Where they are kept; None: nowhere.
    """

    #: Theme or size of the text.
    looks_changed = pyqtSignal()
    #: An action has another key.
    keys_changed = pyqtSignal()
    #: The hints are to be shown again.
    hints_wanted = pyqtSignal()

    def __init__(self, preferences: Preferences, background: Background, path: Path | None = None) -> None:
        super().__init__()
        self.preferences = preferences
        self._background = background
        self._path = path
        #: Everything that has a key, by name.
        self.actions: dict[str, QAction] = {}
        #: What they are called, whatever their text says of the moment ("Undo moving bead 3").
        self.titles: dict[str, str] = {}
        self._first_keys: dict[str, list[str]] = {}

    def add_action(self, name: str, action: QAction) -> None:
        """Give an action the key that the user has chosen for it, if any."""
        self.actions[name] = action
        self.titles[name] = action.text().replace("&", "")
        self._first_keys[name] = _keys_of(action)
        if name in self.preferences.shortcuts:
            action.setShortcut(self.preferences.shortcuts[name])

    def settle_keys(self) -> str:
        """Take back chosen keys that are none or belong to two actions; say in a sentence which.

        Call it when all actions are known; without such keys the sentence is empty.
        """
        taken_back: list[str] = []
        while wrong := self._wrong_keys():
            for name in wrong:
                taken_back.append(f"{self.preferences.shortcuts.pop(name)} for “{self.titles[name]}”")
                self.actions[name].setShortcuts(self._first_keys[name])
        self.keys_changed.emit()
        if not taken_back:
            return ""
        said = f"{', '.join(taken_back)} cannot be used: it is no key, or that of something else"
        return f"{self._path or PREFERENCES}: {said}; the first keys are back, Preferences has them all"

    def _wrong_keys(self) -> list[str]:
        keys = {name: _keys_of(action) for name, action in self.actions.items()}
        count = Counter(key for of_one in keys.values() for key in of_one)
        chosen = {name: key for name, key in self.preferences.shortcuts.items() if name in keys}
        return [
            name
            for name, wanted in chosen.items()
            if keys[name] != self._first_keys[name]
            and (
                _taken(name, wanted)
                or (wanted and not keys[name])
                or any(count[key] > 1 for key in keys[name])
            )
        ]

    def choose_theme(self, name: str) -> None:
        """Use "dark", "light", "system", or "" for what the config says."""
        self.preferences.theme = name
        self.looks_changed.emit()
        self.save()

    def choose_font(self, size_px: int) -> None:
        """Use this size of text; 0 for the desktop's."""
        self.preferences.font_px = size_px
        self.looks_changed.emit()
        self.save()

    def choose_key(self, name: str, key: str) -> str | None:
        """Give an action another key; says in one sentence why not, or returns None."""
        if taken := _taken(name, key):
            return taken
        other = next((n for n, a in self.actions.items() if n != name and key in _keys_of(a)), None)
        if other is not None:
            said = f"{key} is a key of “{self.titles[other]}”"
            return f"{said}; choose another, or change that one first"
        first = self._first_keys[name]
        if [key] == first[:1] or key == "".join(first):
            self.actions[name].setShortcuts(first)
            self.preferences.shortcuts.pop(name, None)
        else:
            self.actions[name].setShortcut(key)
            self.preferences.shortcuts[name] = key
        self.keys_changed.emit()
        self.save()
        return None

    def key_of(self, name: str) -> str:
        """Return the first key of an action, with which it can be told; empty where it has none."""
        action = self.actions.get(name)
        return "" if action is None else action.shortcut().toString()

    def with_key(self, text: str, name: str) -> str:
        """Return a text with the key of an action behind it."""
        key = self.key_of(name)
        return f"{text} ({key})" if key else text

    def show_hints_again(self) -> None:
        """Begin the hints anew."""
        self.preferences.hints_seen.clear()
        self.hints_wanted.emit()
        self.save()

    def save(self) -> None:
        """Write the file, beside the window."""
        path, preferences = self._path, self.preferences
        if path is not None:
            self._background.run(lambda: save_preferences(preferences, path), lambda _: None)


def _keys_of(action: QAction) -> list[str]:
    return [keys.toString() for keys in action.shortcuts()]


def _taken(name: str, key: str) -> str:
    """Say why an action cannot have this key, whatever the other actions have; empty if it can."""
    if key in _RESERVED:
        return f"{key} moves ROIs, edits text or leaves a field; choose another key"
    if name == _ALWAYS and not key:
        return "The motors can always be stopped with a key; choose another, or leave this one"
    return ""
