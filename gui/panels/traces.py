"""Panel: x, y and z of the chosen beads over the last seconds."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel, QWidget

from gui.models.bead_table import newest_row
from gui.models.doubts import doubts_about_z
from gui.models.envelope import envelope, steady_range, with_gaps
from gui.models.frame_ring import Trace
from gui.models.quantities import count_text
from gui.models.reference import reference_ids, relative, why_not_relative
from gui.panels.panel import Panel, PanelContext
from gui.plots import OLD, captioned, colour_plots, curve, past_shown, pen, stacked
from gui.snapshot import Snapshot
from gui.theme import Theme
from gui.widgets.reference_tick import ReferenceTick

_WINDOWS_S = (5, 10, 30, 60)
#: Least range of an axis in nm.
_SMALLEST_NM = 20.0
#: A trace counts from the middle between these shares of its values …
_INNER = (0.02, 0.98)
#: … and anew when that has moved by so much of what lies between them: its 0 is in the trace no longer.
_OFF = 0.5
#: What a trace does in so many seconds tells its middle; one that has just begun is looked at once more.
_SETTLED_S = 2.0
#: Values that tell the middle of a trace well enough.
_ENOUGH = 2000
#: Beads drawn at most: more lines than this nobody can tell apart.
MOST_BEADS = 6


class TracesPanel(Panel):
    """Three plots that scroll; the value that each axis calls 0 is written above.

    One bead has the colours of the axes. Of several, each has its own colour and counts from its own middle.
    """

    period_s: ClassVar[float] = 0.1

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.setObjectName("traces")
        self.relative = ReferenceTick("traces.relative")
        self._window = past_shown("traces.window", [f"{seconds} s" for seconds in _WINDOWS_S], 2)
        self.plots, plots = stacked([f"{axis} (nm)" for axis in "xyz"], "time before now (s)")
        self.plots.setObjectName("traces.plots")
        self._plots: dict[str, Any] = dict(zip("xyz", plots, strict=True))
        self._curves = {axis: [curve(plot) for _ in range(MOST_BEADS)] for axis, plot in self._plots.items()}
        self._empty = QLabel(self.plots)
        self._empty.setObjectName("traces.empty")
        self._empty.setProperty("role", "empty")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        self._title = captioned(self, "traces.title", self.plots, self.relative, self._window)
        self._ranges: dict[str, tuple[float, float] | None] = dict.fromkeys("xyz")
        self._origins: dict[tuple[int, str], float] = {}
        self._settled: set[tuple[int, str]] = set()
        self._drawn: tuple[int, ...] = ()
        self._used: tuple[int, ...] = ()
        self.set_theme(context.theme)

    def settings(self) -> list[tuple[str, QWidget]]:
        """Return what can be set here."""
        return [("time shown", self._window), ("subtract references, drift", self.relative)]

    def points(self, axis: str, index: int = 0) -> tuple[Any, Any]:
        """Return what is drawn of "x", "y" or "z" of a bead: seconds before now and nm from its origin."""
        t_s, values = self._curves[axis][index].getData()
        return (np.empty(0), np.empty(0)) if t_s is None else (t_s, values)

    def refresh(self, snapshot: Snapshot) -> None:
        """Draw the traces of the chosen beads."""
        drawn = beads_drawn(snapshot)
        beads = snapshot.state.beads.values()
        references = {other for bead in drawn or (None,) for other in reference_ids(beads, bead)}
        self.relative.offer(possible=bool(references))
        subtracts = self.relative.isChecked()
        used = tuple(sorted(references)) if subtracts else ()
        if (drawn, used) != (self._drawn, self._used):
            self._drawn, self._used = drawn, used
            self._ranges = dict.fromkeys("xyz")
            self._origins, self._settled = {}, set()
            self._colour_lines()
        seconds, now_s = _WINDOWS_S[self._window.currentIndex()], snapshot.history.newest_t_s
        traces = [_recent(_trace(snapshot, bead, subtracts=subtracts), now_s - seconds) for bead in drawn]
        for axis in "xyz":
            self._draw(axis, drawn, traces, float(seconds), now_s)
        self._show_title(snapshot, drawn, traces)
        has_points = any(np.isfinite(trace.x_nm).any() for trace in traces)
        self._show_why_empty("" if has_points else _why_empty(snapshot, used))

    def _draw(
        self, axis: str, drawn: tuple[int, ...], traces: list[Trace], seconds: float, now_s: float
    ) -> None:
        plot, everything = self._plots[axis], []
        bin_s = seconds / max(50.0, plot.getViewBox().width())
        for line, bead, trace in zip(self._curves[axis], drawn, traces, strict=False):
            values = getattr(trace, f"{axis}_nm")
            finite = values[np.isfinite(values)]
            self._place_origin(axis, bead, finite, trace.t_s[np.isfinite(values)])
            shown = values - self._origins.get((bead, axis), 0.0)
            everything.append(shown)
            x, y = envelope(*with_gaps(trace.t_s, shown), bin_s)
            line.setData(x - now_s, y)
        for line in self._curves[axis][len(traces) :]:
            line.setData([], [])
        plot.setXRange(-seconds, 0, padding=0)
        wanted = steady_range(np.concatenate([np.empty(0), *everything]), self._ranges[axis], _SMALLEST_NM)
        if wanted is not None and wanted != self._ranges[axis]:
            self._ranges[axis] = wanted
            plot.setYRange(*wanted, padding=0)

    def _place_origin(
        self, axis: str, bead: int, finite: npt.NDArray[Any], t_s: npt.NDArray[np.float64]
    ) -> None:
        """Let a trace count from its middle, and stay there until it has left that clearly."""
        key, origins = (bead, axis), self._origins
        if not len(finite):
            # What comes next is another trace.
            origins.pop(key, None)
            self._settled.discard(key)
            return
        few = finite[:: len(finite) // _ENOUGH + 1]
        low, high = (float(value) for value in np.quantile(few, _INNER))
        middle, span = (low + high) / 2, max(high - low, _SMALLEST_NM)
        settles = key not in self._settled and t_s[-1] - t_s[0] >= _SETTLED_S
        if settles:
            self._settled.add(key)
        if key not in origins or settles or abs(middle - origins[key]) > _OFF * span:
            if origins.get(key) != round(middle):
                self._ranges[axis] = None
            origins[key] = round(middle)

    def _show_title(self, snapshot: Snapshot, drawn: tuple[int, ...], traces: list[Trace]) -> None:
        if snapshot.selected is None:
            self._title.setText("No bead selected")
            return
        age = self.age_of_rows(snapshot)
        stale = f" – no new positions for {age}" if age else _why_no_z(snapshot, traces)
        said = self._legend(snapshot, drawn) if len(drawn) > 1 else self._origin(snapshot, drawn[0])
        why_raw = why_not_relative(snapshot.state.beads.values(), drawn) if self.relative.wanted else ""
        raw = f" – {why_raw}" if why_raw else ""
        self._title.setText(said + raw + stale + self._doubts(drawn, traces))
        for line in (line for lines in self._curves.values() for line in lines):
            line.setOpacity(OLD if age else 1.0)

    def _doubts(self, drawn: tuple[int, ...], traces: list[Trace]) -> str:
        """Say loudly that heights which are drawn like all others are biased."""
        told = {
            bead: doubt for bead, trace in zip(drawn, traces, strict=True) if (doubt := doubts_about_z(trace))
        }
        if not told:
            return ""
        parts = told.values() if len(drawn) == 1 else (f"{bead} {doubt}" for bead, doubt in told.items())
        pair = self.theme.warn
        style = f"background:{pair.background}; color:{pair.text}"
        return f" <span style='{style}'>&nbsp;z is biased: {', '.join(parts)}&nbsp;</span>"

    def _origin(self, snapshot: Snapshot, bead_id: int) -> str:
        """Return the name of the one bead, and where its axes have their 0."""
        bead = snapshot.state.beads.get(bead_id)
        role = " (reference)" if bead is not None and bead.role == "reference" else ""
        parts = [f"{axis}&nbsp;{_unbroken(round(origin))}" for (_, axis), origin in self._origins.items()]
        said = f": zero at {', '.join(parts)}&nbsp;nm" if parts else ""
        return f"<b>Bead {bead_id}</b>{role}<span style='color:{self.theme.dim}'>{said}</span>"

    def _legend(self, snapshot: Snapshot, drawn: tuple[int, ...]) -> str:
        """Return the names of several beads in the colours of their lines."""
        names = zip(drawn, self.theme.beads, strict=False)
        parts = [f"<span style='color:{colour}'>—&nbsp;<b>{bead}</b></span>" for bead, colour in names]
        more = len(snapshot.selection.chosen) - len(drawn)
        rest = f" ({more} more are chosen and not drawn)" if more > 0 else ""
        dim = f"<span style='color:{self.theme.dim}'>each from its own middle{rest}</span>"
        return f"Beads {' '.join(parts)} {dim}"

    def _show_why_empty(self, why: str) -> None:
        self._empty.setVisible(bool(why))
        if why:
            self._empty.setText(why)
            self._empty.setGeometry(self.plots.rect())

    def _colour_lines(self) -> None:
        """Give one bead the colours of the axes, several a colour each."""
        several = len(self._drawn) > 1
        for axis, colour in (("x", self.theme.x), ("y", self.theme.y), ("z", self.theme.z)):
            for line, own in zip(self._curves[axis], self.theme.beads, strict=True):
                line.setPen(pen(own if several else colour))

    def set_theme(self, theme: Theme) -> None:
        """Colour axes and lines."""
        super().set_theme(theme)
        colour_plots(self.plots, self._plots.values(), theme)
        self._colour_lines()


def beads_drawn(snapshot: Snapshot) -> tuple[int, ...]:
    """Return the beads whose traces are drawn: the one that is shown first, then the others chosen."""
    shown = snapshot.selected
    if shown is None:
        return ()
    return (shown, *sorted(snapshot.selection.chosen - {shown}))[:MOST_BEADS]


def _trace(snapshot: Snapshot, bead_id: int, *, subtracts: bool) -> Trace:
    trace = snapshot.history.trace(bead_id)
    if not subtracts:
        return trace
    references = reference_ids(snapshot.state.beads.values(), bead_id)
    return relative(trace, [snapshot.history.trace(other) for other in references])


def _recent(trace: Trace, since_s: float) -> Trace:
    kept = trace.t_s > since_s
    return Trace(
        trace.t_s[kept],
        trace.x_nm[kept],
        trace.y_nm[kept],
        trace.z_nm[kept],
        trace.frame_ids[kept],
        trace.flags[kept],
    )


def _why_empty(snapshot: Snapshot, used: tuple[int, ...]) -> str:
    """Say in one sentence why there is no trace; `used` are the references that are subtracted."""
    if snapshot.picture_age_s is None and not snapshot.state.video_ready:
        return "The camera is not open yet."
    if not snapshot.state.beads:
        return "There are no beads: Shift+click one in the image, or press B to find them."
    if snapshot.selected is None:
        return "No bead is selected: click one in the image or the table."
    row = newest_row(snapshot.history.latest(), snapshot.selected)
    if row is None:
        return f"Bead {snapshot.selected} was not tracked yet; the log says whether tracking runs."
    if used and np.isfinite(row.x_nm):
        named = ", ".join(map(str, used))
        return f"The references are not found (bead {named}): untick “− references”, or choose others."
    return (
        f"Bead {snapshot.selected} is lost: nothing like a bead is in its ROI. Drag the ROI onto the bead, "
        "or remove it with Del."
    )


def _why_no_z(snapshot: Snapshot, traces: list[Trace]) -> str:
    """Say in a word or two why the plot of z is empty where those of x and y are not."""
    row = newest_row(snapshot.history.latest(), snapshot.selected)
    shown = traces[0] if traces else Trace.empty()
    if row is None or np.isfinite(shown.z_nm).any() or not np.isfinite(shown.x_nm).any():
        return ""
    return f" – no z: {row.reason}" if row.reason else ""


def _unbroken(count: int) -> str:
    """Return a count that no line break parts."""
    return count_text(count).replace("\u2009", "\u00a0")
