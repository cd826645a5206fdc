"""Plots in the window's colours, set up so that drawing stays cheap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyqtgraph as pg
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QFont
from PyQt6.QtWidgets import QLabel, QVBoxLayout, QWidget

from gui.theme import Theme
from gui.widgets.caption import Caption
from gui.widgets.choice_box import ChoiceBox

#: How much of a line that is old is seen.
OLD = 0.4
#: Opacity of a band, of 255.
_FAINT = 50
#: Width of the left axis, with text of the usual size.
_AXIS_PX, _USUAL_PX = 64, 13


def captioned(panel: QWidget, name: str, plots: QWidget, *beside: QWidget) -> QLabel:
    """Lay a panel out as a line of text over plots; return the label of the text.

    Parameters
    ----------
    panel : QWidget
        Has no layout yet.
    name : str
        Object name of the label.
    plots : QWidget
        Takes all the room that is left.
    *beside : QWidget
        Stand at the right end of the line, or under it.
    """
    text = QLabel()
    text.setObjectName(name)
    text.setWordWrap(True)
    column = QVBoxLayout(panel)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(Caption(text, *beside))
    column.addWidget(plots, 1)
    return text


def single(left: str, bottom: str) -> tuple[Any, Any]:
    """Return a widget with one quiet plot, and the plot."""
    widget = pg.PlotWidget()
    plot = widget.getPlotItem()
    quiet(plot)
    plot.setLabel("left", left)
    plot.setLabel("bottom", bottom)
    return widget, plot


def stacked(lefts: Iterable[str], bottom: str) -> tuple[Any, list[Any]]:
    """Return a widget with quiet plots, one over the other with one axis of time, and the plots."""
    widget = pg.GraphicsLayoutWidget()
    widget.ci.layout.setContentsMargins(9, 3, 9, 3)
    widget.ci.layout.setVerticalSpacing(2)
    plots = []
    for row, left in enumerate(lefts):
        plot = widget.addPlot(row=row, col=0)
        quiet(plot)
        plot.setLabel("left", left)
        plot.getAxis("bottom").setStyle(showValues=False)
        plots.append(plot)
    plots[-1].setLabel("bottom", bottom)
    plots[-1].getAxis("bottom").setStyle(showValues=True)
    return widget, plots


def past_shown(name: str, texts: Sequence[str], first: int) -> ChoiceBox:
    """Return a box that chooses how much of the past is shown."""
    box = ChoiceBox()
    box.setObjectName(name)
    box.addItems([f"last {text}" for text in texts])
    box.setCurrentIndex(first)
    box.setToolTip("How much of the past is shown")
    return box


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
    plot.getAxis("left").setWidth(_AXIS_PX)
    for side in ("left", "bottom"):
        plot.getAxis(side).enableAutoSIPrefix(False)
        # Lines of the minor ticks cost as much as the trace itself.
        plot.getAxis(side).setStyle(maxTickLevel=0)


def curve(plot: Any) -> Any:
    """Add a line to a plot; NaN is a gap."""
    line = pg.PlotCurveItem(connect="finite", antialias=False)
    plot.addItem(line)
    return line


def band(plot: Any) -> Any:
    """Add a band to a plot; its `curves` are the lower and the upper edge."""
    edges = [pg.PlotCurveItem(pen=None) for _ in range(2)]
    between = pg.FillBetweenItem(*edges, brush=None)
    plot.addItem(between)
    return between


def colour_plots(widget: Any, plots: Iterable[Any], theme: Theme) -> None:
    """Give a widget and its plots the colours of the theme, and text of the window's size."""
    widget.setBackground(theme.base)
    widget.ensurePolished()
    font_px = widget.fontInfo().pixelSize()
    for plot in plots:
        _colour_axes(plot, theme, font_px)
    if isinstance(widget, pg.GraphicsLayoutWidget):
        widget.ci.layout.invalidate()
        # The height of the ticks is known when they are drawn: room for a line of them.
        least = widget.ci.layout.effectiveSizeHint(Qt.SizeHint.MinimumSize).height()
        widget.setMinimumHeight(round(least) + font_px)


def _colour_axes(plot: Any, theme: Theme, font_px: int) -> None:
    font = QFont()
    font.setPixelSize(font_px)
    plot.getAxis("left").setWidth(round(_AXIS_PX * max(1.0, font_px / _USUAL_PX)))
    for side in ("left", "bottom"):
        axis = plot.getAxis(side)
        axis.setTickFont(font)
        axis.labelStyle["font-size"] = f"{font_px}px"
        axis.setPen(pg.mkPen(theme.line, width=1))
        axis.setTextPen(pg.mkPen(theme.dim))
        axis.labelStyle["color"] = theme.dim
        axis.setLabel(axis.labelText, units=axis.labelUnits, **axis.labelStyle)
    # A plot lower than its label is long would write it over that of the next plot.
    label = plot.getAxis("left").label
    plot.getViewBox().setMinimumHeight(label.boundingRect().width() - 2 * label.document().documentMargin())


def faint(colour: str) -> Any:
    """Return a brush that lets lines and bands of other colours be seen through it."""
    shade = pg.mkColor(colour)
    shade.setAlpha(_FAINT)
    return pg.mkBrush(shade)


def pen(colour: str) -> Any:
    """Return a pen one pixel wide; wider ones draw twenty times slower."""
    return pg.mkPen(colour, width=1)
