"""What goes wrong, said to a person: one sentence with what, where and what to do."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: What a driver or a function of the user's may raise; a library may think that it is the whole program.
FOREIGN: tuple[type[BaseException], ...] = (Exception, SystemExit, KeyboardInterrupt)


class MagscopeError(Exception):
    """An error whose text is meant for the user: one sentence, without a traceback."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Not by calling the class again: it makes its text of something else.
        return _unpickled, (type(self), self.args), self.__dict__


def _unpickled(kind: type[MagscopeError], args: tuple[Any, ...]) -> MagscopeError:
    return Exception.__new__(kind, *args)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with what the user gave us.

    Attributes
    ----------
    where : str
        The key, device or option, such as ``"camera.fps"``; empty for the file as a whole.
    what : str
        What is wrong, with the value that was given.
    remedy : str
        What would be right.
    """

    where: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        text = f"{text}; {self.remedy}" if self.remedy else text
        # A key may hold what would break the line or hide in it.
        return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


class ConfigError(MagscopeError):
    """Everything that is wrong with one config file, all at once.

    Parameters
    ----------
    source : str
        The file as the user named it.
    problems : iterable of Problem
        At least one.
    rest : object, optional
        What was right, read without what was wrong, so that it can be checked further.
    """

    def __init__(self, source: str, problems: Iterable[Problem], rest: object = None) -> None:
        self.source = source
        self.problems = tuple(problems)
        self.rest = rest
        super().__init__("\n".join(f"{source}: {problem}" for problem in self.problems))


def described(error: BaseException) -> str:
    """Return an error that is not meant for the user in one line: its kind, its text, where it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"
