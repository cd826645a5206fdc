"""Plots in the window's colours, set up so that drawing stays cheap."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg

from gui.theme import Theme


def quiet(plot: Any) -> None:
    """Set up a plot item: fixed ranges, no menus, no mouse, axis labels without prefixes.

    Automatic ranges cost more than drawing and make a trace jump.
    """
    plot.setMenuEnabled(False)
    plot.hideButtons()
    plot.setMouseEnabled(x=False, y=False)
    plot.disableAutoRange()
    # Lines of a grid cost more than the traces, and those across a scrolling trace say nothing.
    plot.showGrid(x=False, y=True, alpha=0.18)
    plot.getAxis("left").setWidth(64)
    for side in ("left", "bottom"):
        plot.getAxis(side).enableAutoSIPrefix(False)
        # Lines of the minor ticks cost as much as the trace itself.
        plot.getAxis(side).setStyle(maxTickLevel=0)


def curve(plot: Any) -> Any:
    """Add a line to a plot; NaN is a gap."""
    line = pg.PlotCurveItem(connect="finite", antialias=False)
    plot.addItem(line)
    return line


def colour_plot(plot: Any, theme: Theme) -> None:
    """Give the axes of a plot item the colours of the theme."""
    for side in ("left", "bottom"):
        axis = plot.getAxis(side)
        axis.setPen(pg.mkPen(theme.line, width=1))
        axis.setTextPen(pg.mkPen(theme.dim))
        axis.labelStyle["color"] = theme.dim
        axis.setLabel(axis.labelText, units=axis.labelUnits, **axis.labelStyle)


def pen(colour: str) -> Any:
    """Return a pen one pixel wide; wider ones draw twenty times slower."""
    return pg.mkPen(colour, width=1)
