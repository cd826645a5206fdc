"""Numbers as a person reads them, with their units."""

from __future__ import annotations

import math

MISSING = "–"


def count_text(count: int) -> str:
    """Return a count with thin spaces between thousands."""
    return f"{count:,}".replace(",", "\u2009")


def bytes_text(size: float) -> str:
    """Return a size in kB, MB, GB or TB with three significant digits."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.5 else f"{size:.3g} {unit}"
        size /= 1000.0
    return f"{size:.3g} TB"


def duration_text(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds."""
    whole = int(max(0.0, seconds))
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def minutes_text(seconds: float) -> str:
    """Return a time that is left, in minutes, hours or days."""
    if seconds < 5400:
        return f"{max(0, int(seconds // 60))} min"
    return f"{seconds / 3600:.0f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"


def age_text(seconds: float) -> str:
    """Return how old something is."""
    return (
        f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s" if seconds < 120 else minutes_text(seconds)
    )


def number_text(value: float, decimals: int) -> str:
    """Return a number with so many decimals, or a dash where it is not known."""
    return f"{value:.{decimals}f}" if math.isfinite(value) else MISSING


def measured_text(value: float, sd: float) -> str:
    """Return a number and its uncertainty: one digit of that, two if it begins with 1.

    Whole numbers of more digits are not cut: "1234 ± 56".
    """
    if not 0 < sd < math.inf:
        return f"{value:.3g}"
    rounded = float(f"{sd:.1e}")
    power = math.floor(math.log10(rounded))
    decimals = max(0, -power + (1 if rounded < 1.95 * 10.0**power else 0))
    return f"{value:.{decimals}f} ± {sd:.{decimals}f}"


def log_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Return places and texts for a logarithmic axis between two powers of ten: 1, 2, 5, or whole powers."""
    steps = (1, 2, 5) if high - low < 2.5 else (1,)
    values = [
        step * 10.0**power for power in range(math.floor(low) - 1, math.ceil(high) + 1) for step in steps
    ]
    return [(math.log10(value), f"{value:g}") for value in values]


def decimals_of(unit: str) -> int:
    """Return the decimals that make sense for positions in `unit`."""
    return {"nm": 0, "um": 3, "µm": 3, "mm": 3, "turns": 2, "deg": 1}.get(unit, 3)
