"""Names that every file system takes."""

from __future__ import annotations

_FORBIDDEN = '<>:"/\\|?*'
_RESERVED = frozenset(
    {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}
    | {f"{port}{digit}" for port in ("COM", "LPT") for digit in "0123456789¹²³"}
)
#: File systems take 255 bytes; date, time and a number come before and after the name.
LONGEST_NAME_BYTES = 200


def validate_dataset_name(name: str) -> str | None:
    """Say what is wrong with the name of a dataset.

    Parameters
    ----------
    name : str
        As the user gave it.

    Returns
    -------
    str or None
        The problem, as the end of a sentence that begins with the name; None if Windows, macOS and Linux take
        it.
    """
    if not name.strip():
        return "is empty; give at least one letter or digit"
    if controls := sorted({f"U+{ord(letter):04X}" for letter in name if not letter.isprintable()}):
        return f"holds characters that cannot be printed ({', '.join(controls)}); leave them out"
    if bad := [letter for letter in _FORBIDDEN if letter in name]:
        return f"holds {' '.join(bad)}, which Windows does not take in file names; use - or _ instead"
    if name[0] == " " or name[-1] in " .":
        return "begins or ends with a space or ends with a dot; leave it out"
    if name.split(".")[0].rstrip().upper() in _RESERVED:
        return "is the name of a device on Windows; add something to it"
    if len(name.encode()) > LONGEST_NAME_BYTES:
        return f"is longer than {LONGEST_NAME_BYTES} bytes; shorten it"
    return None
