"""Draw the samples of a soak: ``python -m tests.faults.soak_plot soak.csv out.svg``; no library is needed."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

_WIDTH, _HEIGHT, _LEFT, _TOP, _PITCH = 760, 90, 120, 24, 124
_N_POINTS = 160
_PANELS = (
    ("memory_mb", "own memory, MB"),
    ("open_files", "open files"),
    ("processor", "processors"),
    ("latency_ms", "waiting in the ring, ms"),
    ("segments", "segments"),
)
_COLOURS = ("#1f6fb4", "#c9511b", "#2b8a4b", "#8a4bb0", "#555555", "#b08a1f")
Series = dict[str, list[tuple[float, float]]]


def draw(rows: list[dict[str, str]]) -> str:
    """Return the plots below each other, against millions of frames."""
    processes = list(dict.fromkeys(row["process"] for row in rows))
    parts = [_legend(processes)]
    for number, (name, title) in enumerate(_PANELS):
        shown = processes if name not in ("latency_ms", "segments") else processes[:1]
        series = {
            process: _thin([(float(r["frames"]), float(r[name])) for r in rows if r["process"] == process])
            for process in shown
        }
        parts.append(_panel(series, title, _TOP + 20 + number * _PITCH, processes))
    height = _TOP + 20 + len(_PANELS) * _PITCH + 10
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 20} {height}"'
    style = 'font-family="sans-serif" font-size="12" fill="#333"'
    return "\n".join(
        [f"{head} {style}>", '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>\n"]
    )


def _thin(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    step = max(1, len(points) // _N_POINTS)
    return points[1::step]


def _legend(processes: list[str]) -> str:
    return "".join(
        f'<text x="{_LEFT + 110 * number}" y="16" fill="{_COLOURS[number]}">{process}</text>'
        for number, process in enumerate(processes)
    )


def _panel(series: Series, title: str, top: int, processes: list[str]) -> str:
    every = [point for points in series.values() for point in points]
    right = max((x for x, _ in every), default=1.0)
    highest = max((y for _, y in every), default=1.0) * 1.05 or 1.0
    below, end = top + _HEIGHT + 14, _LEFT + _WIDTH
    lines = [
        f'<rect x="{_LEFT}" y="{top}" width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#bbb"/>',
        f'<text x="{_LEFT - 8}" y="{top + 12}" text-anchor="end">{highest:.3g}</text>',
        f'<text x="{_LEFT - 8}" y="{top + _HEIGHT}" text-anchor="end">0</text>',
        f'<text x="{_LEFT + 6}" y="{top + 14}" font-weight="bold">{title}</text>',
        f'<text x="{end}" y="{below}" text-anchor="end">{right / 1e6:.2f} M frames</text>',
    ]
    for process, points in series.items():
        path = " ".join(
            f"{_LEFT + _WIDTH * x / right:.1f},{top + _HEIGHT * (1 - y / highest):.1f}" for x, y in points
        )
        colour = _COLOURS[processes.index(process)]
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.3"/>')
    return "\n".join(lines)


def main() -> None:
    """Read a table, write a drawing."""
    with Path(sys.argv[1]).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    Path(sys.argv[2]).write_text(draw(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
