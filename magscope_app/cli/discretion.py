"""What a file for others must not say: passwords and the like, found by the names that they stand under."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

#: Last words of names whose values are nobody's business.
_SECRET = {"password", "passwd", "passphrase", "pwd", "apikey", "secret", "token", "credential"}
#: What makes a key one that opens something.
_KEYS = {"api", "access", "private", "secret"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\x00-\x7f]+")
#: The head of a table of TOML, or a name and what parts it from its value. However long a word is, nothing
#: is looked at twice.
_NAME = re.compile(
    r"""(?mx) ^ [ \t]*+ \[\[?+ (?P<table> [^\[\]\n]*+ ) \]
    | (?P<flag> (?<![\w.-]) -- [\w.-]++ ) (?: [ \t]*+ = [ \t]*+ | [ \t]++ )
    | (?P<name> (?<![\w.-]) [\w.-]++ | "[^"'\n]*+" | '[^"'\n]*+' ) [ \t]*+ [=:] [ \t]*+"""
)
_STRING = re.compile(r""" "(?: [^"\\\n] | \\. )*+"? | '[^'\n]*+'? """, re.VERBOSE)
_PLAIN = re.compile(r"[^\s]*+")
_BRACKETS = re.compile(r"""["'\[\]{}]""")
_NUMBER = re.compile(r"[\d._+-]+[,;)}\]]*")
#: A value that does not end within so many characters is taken for one up to there.
_LONGEST = 8192
_ADDRESS = re.compile(r"(://[^\s/:@]*+:)[^\s/]*@")
_BEARER = re.compile(r"(?i)\b(bearer[ \t]++)[\w.~+/=-]++")
_MASK = '"***"'
#: A shorter secret is masked where it stands only: elsewhere it may be a word like any other.
_SHORTEST = 6


def is_secret(name: str) -> bool:
    """Return whether a value is nobody's business by its name, ``camera.apiKey``, or that of its table."""
    return any(_ends_secretly([word.lower() for word in _WORD.findall(part)]) for part in name.split("."))


def _ends_secretly(words: list[str]) -> bool:
    if not words:
        return False
    last = words[-1].removesuffix("s") if words[-1] not in _SECRET else words[-1]
    return last in _SECRET or (last == "key" and len(words) > 1 and words[-2] in _KEYS)


def masked(text: str, *, toml: bool = False) -> str:
    """Return a text, such as a log, with ``***`` for every value under a secret name.

    Parameters
    ----------
    text : str
        In TOML, JSON, Python or of a command line, also one that is broken.
    toml : bool
        It is TOML: what stands in a table of a secret name is masked whole.
    """
    parts, done, in_secret = [], 0, False
    while (found := _NAME.search(text, done)) is not None:
        name = found["table"] or found["flag"] or found["name"] or ""
        parts.append(text[done : found.end()])
        done = found.end()
        if found["table"] is not None:
            in_secret = toml and is_secret(name)
            continue
        if in_secret or is_secret(name):
            end = _end_of_value(text, done)
            value = text[done:end]
            counts = name.strip("\"'").lower().endswith("tokens") and _NUMBER.fullmatch(value)
            parts.append(value if counts or not value else _MASK)
            done = end
    text = "".join([*parts, text[done:]])
    return _BEARER.sub(r"\1***", _ADDRESS.sub(r"\1***@", text))


def _end_of_value(text: str, start: int) -> int:
    for quotes in ('"""', "'''"):
        if text.startswith(quotes, start):
            end = text.find(quotes, start + 3, start + _LONGEST)
            return end + 3 if end >= 0 else min(len(text), start + _LONGEST)
    if text[start : start + 1] in ("[", "{"):
        return _end_of_brackets(text, start)
    if (string := _STRING.match(text, start)) is not None:
        return string.end()
    plain = _PLAIN.match(text, start)
    end = plain.end() if plain is not None else start
    return start + len(text[start:end].rstrip(",;)}]\"'"))


def _end_of_brackets(text: str, start: int) -> int:
    depth, at, most = 0, start, min(len(text), start + _LONGEST)
    while (found := _BRACKETS.search(text, at, most)) is not None:
        at = found.end()
        if found[0] in "\"'":
            at = _end_of_value(text, found.start())
        else:
            depth += 1 if found[0] in "[{" else -1
        if depth == 0:
            return at
    return most


def secrets_of(text: str) -> list[str]:
    """Return the texts under secret names in a config that is TOML; of one that is not, none are known."""
    try:
        found = set(_texts(tomllib.loads(text), secret=False))
    except tomllib.TOMLDecodeError:
        return []
    return sorted((one for one in found if len(one) >= _SHORTEST), key=len, reverse=True)


def _texts(value: Any, *, secret: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _texts(part, secret=secret or is_secret(name))
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part, secret=secret)
    elif secret and isinstance(value, str):
        yield value


def without(text: str, secrets: list[str]) -> str:
    """Return a text without secrets that are known, wherever they stand."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
