"""Finding panels, settings and actions by what somebody types."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """Something that can be found.

    Attributes
    ----------
    title : str
        What is shown.
    kind : str
        "panel", "setting", "value" (of what can only be read), "action" or "not possible now".
    words : tuple of str
        Other words for it.
    key : str
        Its shortcut, shown beside it.
    run : callable
        What happens when it is chosen.
    """

    title: str
    kind: str
    words: tuple[str, ...]
    key: str
    run: Callable[[], object]


def matching(entries: Iterable[Entry], typed: str) -> list[Entry]:
    """Return the entries that have every typed word, the best first.

    A word counts most at the beginning of the title, then at the beginning of a word of the title, then of
    another word, and least inside the title: who types "move" does not mean "remove". Equal ones keep their
    order.
    """
    wanted = typed.casefold().split()
    scored = [
        (sum(_score(entry, word) for word in wanted), entry) for entry in entries if _has(entry, wanted)
    ]
    return [entry for _, entry in sorted(scored, key=lambda pair: -pair[0])]


def _has(entry: Entry, wanted: list[str]) -> bool:
    return all(_score(entry, word) > 0 for word in wanted)


def _score(entry: Entry, word: str) -> int:
    title = entry.title.casefold()
    if title.startswith(word):
        return 4
    if any(part.startswith(word) for part in title.replace("(", " ").split()):
        return 3
    if any(other.casefold().startswith(word) for other in entry.words):
        return 2
    return 1 if word in title else 0
