"""Numbers as a person types them."""

from __future__ import annotations

import math
import re

#: With a point or a comma before the decimals; no groups, no underscores, no digits of other scripts.
_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
#: A comma here may part thousands or decimals: "1,000" is 1 for some and 1000 for others.
_AMBIGUOUS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)


def parsed_number(text: str) -> float | str:
    """Return the number that was typed, or in one sentence why it is none."""
    typed = text.strip().replace("−", "-")
    if _AMBIGUOUS.fullmatch(typed):
        decimals, whole = typed.replace(",", "."), typed.replace(",", "")
        return f"“{typed}” can be read in two ways; write {decimals} or {whole}"
    if not _NUMBER.fullmatch(typed):
        hint = "; write it without marks between the thousands" if re.search(r"\d[,_'\s]\d", typed) else ""
        return f"“{text}” is no number{hint}"
    value = float(typed.replace(",", "."))
    return value if math.isfinite(value) else f"“{text}” is too large"
