"""Colours of the window, dark and light, and how they are put on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor, QGuiApplication, QPalette
from PyQt6.QtWidgets import QApplication

ThemeName = Literal["dark", "light", "system"]


@dataclass(frozen=True, slots=True)
class Pair:
    """A background and the text that is read on it."""

    background: str
    text: str


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours as ``#rrggbb``. Every text has a contrast of at least 4.5 : 1 on its background."""

    name: str
    window: str
    base: str
    raised: str
    line: str
    text: str
    dim: str
    accent: Pair
    calm: Pair
    good: str
    warn: Pair
    alarm: Pair
    record: Pair
    x: str
    y: str
    z: str
    #: Lines of several beads in one plot.
    beads: tuple[str, ...]


DARK = Theme(
    name="dark",
    window="#1d2025",
    base="#14161a",
    raised="#2b3038",
    line="#454c57",
    text="#e7eaee",
    dim="#a3adb8",
    accent=Pair("#2f6fd0", "#ffffff"),
    calm=Pair("#262a31", "#e7eaee"),
    good="#6fd699",
    warn=Pair("#f2b23c", "#1c1400"),
    alarm=Pair("#c9251b", "#ffffff"),
    record=Pair("#c9251b", "#ffffff"),
    x="#5fb4ff",
    y="#6fd699",
    z="#f5a9d0",
    beads=("#5fb4ff", "#ffd23f", "#6fd699", "#f5a9d0", "#ff9a5c", "#bba6ff"),
)
LIGHT = Theme(
    name="light",
    window="#eef0f3",
    base="#ffffff",
    raised="#ffffff",
    line="#a9b1bb",
    text="#191d22",
    dim="#525b66",
    accent=Pair("#1c5fc4", "#ffffff"),
    calm=Pair("#ffffff", "#191d22"),
    good="#17693a",
    warn=Pair("#f5b945", "#1c1400"),
    alarm=Pair("#b8221a", "#ffffff"),
    record=Pair("#b8221a", "#ffffff"),
    x="#1259b5",
    y="#17693a",
    z="#a01766",
    beads=("#1259b5", "#8a5a00", "#17693a", "#a01766", "#a83c00", "#5b3fc4"),
)


#: Height of positions and the like, where the text has its usual size.
_BIG_PX = 22


#: Usual size of the text.
_USUAL_PX = 13


def grown(size_px: int, font_px: int) -> int:
    """Return the size that a text of `size_px` has where the usual text has `font_px`."""
    return max(size_px, round(size_px * font_px / _USUAL_PX))


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21, as WCAG 2.1 defines it."""
    bright, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    def linear(channel: int) -> float:
        share = channel / 255
        return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)

    red, green, blue = (linear(int(colour[start : start + 2], 16)) for start in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def resolve(name: ThemeName) -> Theme:
    """Return the theme of that name; "system" is the one of the desktop."""
    if name == "system":
        hints = QGuiApplication.styleHints()
        scheme = hints.colorScheme() if hints is not None else Qt.ColorScheme.Unknown
        if scheme == Qt.ColorScheme.Unknown:
            return DARK if QGuiApplication.palette().window().color().lightness() < 128 else LIGHT
        return DARK if scheme == Qt.ColorScheme.Dark else LIGHT
    return DARK if name == "dark" else LIGHT


def palette_of(theme: Theme) -> QPalette:
    """Return the palette for Qt's own widgets."""
    role = QPalette.ColorRole
    palette = QPalette()
    colours = {
        role.Window: theme.window,
        role.WindowText: theme.text,
        role.Base: theme.base,
        role.AlternateBase: theme.window,
        role.Text: theme.text,
        role.Button: theme.raised,
        role.ButtonText: theme.text,
        role.BrightText: theme.alarm.text,
        role.ToolTipBase: theme.raised,
        role.ToolTipText: theme.text,
        role.PlaceholderText: theme.dim,
        role.Highlight: theme.accent.background,
        role.HighlightedText: theme.accent.text,
        role.Link: theme.x,
        role.Mid: theme.line,
    }
    for which, colour in colours.items():
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(theme.dim))
    return palette


def _style_sheet(theme: Theme, font_px: int) -> str:
    return f"""
    QToolTip {{ color: {theme.text}; background: {theme.raised}; border: 1px solid {theme.line};
        padding: 4px; }}
    QDockWidget {{ font-weight: 600; }}
    QDockWidget::title {{ background: {theme.window}; padding: 4px 6px;
        border-bottom: 1px solid {theme.line}; }}
    QMainWindow::separator {{ background: {theme.window}; width: 5px; height: 5px; }}
    QMainWindow::separator:hover {{ background: {theme.accent.background}; }}
    QLabel[role="dim"] {{ color: {theme.dim}; }}
    QLabel[old="true"] {{ color: {theme.dim}; }}
    QLabel[found="true"] {{ color: {theme.accent.text}; background: {theme.accent.background}; }}
    QLabel[role="big"] {{ font-size: {max(_BIG_PX, round(1.3 * font_px))}px; font-weight: 600; }}
    QLabel[role="empty"] {{ color: {theme.text}; background: {theme.base};
        font-size: {grown(15, font_px)}px; }}
    Bar QLabel {{ font-size: {grown(15, font_px)}px; }}
    QLabel[role="refused"] {{ color: {theme.alarm.text}; background: {theme.alarm.background}; padding: 4px;
        border-radius: 3px; }}
    QLineEdit {{ background: {theme.base}; border: 1px solid {theme.line}; border-radius: 3px;
        padding: 2px 4px; }}
    QLineEdit:focus {{ border-color: {theme.accent.background}; }}
    QLineEdit:disabled {{ background: {theme.window}; }}
    QAbstractSpinBox QLineEdit, QKeySequenceEdit QLineEdit {{ border: 0; padding: 0; }}
    QLineEdit[refused="true"] {{ border: 2px solid {theme.alarm.background}; }}
    QToolButton:checked {{ background: {theme.accent.background}; color: {theme.accent.text};
        border-radius: 3px; }}
    QCheckBox {{ padding-right: 6px; }}
    QCheckBox::indicator {{ width: 13px; height: 13px; border: 1px solid {theme.dim}; border-radius: 2px;
        background: {theme.base}; }}
    QCheckBox::indicator:checked {{ background: {theme.accent.background};
        border-color: {theme.accent.background}; }}
    QCheckBox::indicator:disabled {{ border-color: {theme.line}; }}
    QFrame[role="palette"] {{ background: {theme.window}; border: 2px solid {theme.accent.background};
        border-radius: 6px; }}
    QFrame[role="card"] {{ border: 1px solid {theme.line}; border-radius: 5px; }}
    """


def _style_of_buttons(theme: Theme, font_px: int) -> str:
    """Return the style of what is pressed: tabs and buttons."""
    return f"""
    QTabBar {{ qproperty-elideMode: ElideNone; qproperty-usesScrollButtons: true; }}
    QTabBar::tab {{ background: {theme.window}; color: {theme.dim}; border: 1px solid {theme.line}; }}
    QTabBar::tab:top {{ padding: 4px 10px; }}
    QTabBar::tab:right {{ padding: 10px 4px; }}
    QTabBar::tab:hover {{ color: {theme.text}; }}
    QTabBar::tab:selected {{ background: {theme.accent.background}; color: {theme.accent.text}; }}
    QPushButton {{ padding: 5px 10px; }}
    QPushButton:checked {{ background: {theme.accent.background}; color: {theme.accent.text};
        border: 1px solid {theme.accent.background}; border-radius: 3px; }}
    QPushButton[role="record"] {{ font-size: {grown(18, font_px)}px; font-weight: 700; padding: 10px; }}
    QPushButton[role="record"][recording="true"] {{ background: {theme.record.background};
        color: {theme.record.text}; border: 1px solid {theme.record.background}; border-radius: 4px; }}
    QPushButton[role="stop"] {{ background: {theme.alarm.background}; color: {theme.alarm.text};
        font-size: 18px; font-weight: 700; border: 0; border-radius: 4px; padding: 6px 14px; }}
    QPushButton[role="stop"]:pressed {{ border: 2px solid {theme.text}; }}
    """


def put_on(application: QApplication, theme: Theme, font_px: int = 0) -> None:
    """Give the whole application these colours, and text of this size (0: the desktop's)."""
    application.setStyle("Fusion")
    application.setPalette(palette_of(theme))
    font = f"QWidget {{ font-size: {font_px}px; }}" if font_px else ""
    application.setStyleSheet(font + _style_sheet(theme, font_px) + _style_of_buttons(theme, font_px))
