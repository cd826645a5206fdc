"""Numbers in messages, with as many digits as they need."""

from __future__ import annotations

_MOST_DIGITS = 17


def apart(value: float, *others: float, digits: int = 6) -> tuple[str, ...]:
    """Write numbers so that the first reads apart from each of the others that it differs from.

    A refused value must not look like the limit that it is beyond.

    Parameters
    ----------
    value : float
        Such as a position that is refused.
    others : float
        Such as the limits.
    digits : int
        Significant digits, where those are enough.

    Returns
    -------
    tuple of str
        `value`, then the others, all with as many digits.
    """
    while True:
        texts = tuple(f"{number:.{digits}g}" for number in (value, *others))
        alike = any(
            text == texts[0] and number != value for text, number in zip(texts[1:], others, strict=True)
        )
        if not alike or digits >= _MOST_DIGITS:
            return texts
        digits += 1
