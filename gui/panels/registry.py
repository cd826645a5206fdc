"""All panels: docks, menu entries, shortcuts and search follow from this list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from gui.panels.beads import BeadsPanel
from gui.panels.calibration import CalibrationPanel
from gui.panels.camera import CameraPanel
from gui.panels.image import ImagePanel
from gui.panels.log import LogPanel
from gui.panels.motors import MotorsPanel
from gui.panels.panel import Panel, PanelContext
from gui.panels.profile import ProfilePanel
from gui.panels.recording import RecordingPanel
from gui.panels.system import SystemPanel
from gui.panels.traces import TracesPanel

#: Where a panel stands at first: the image on the left, traces over analysis, controls at the far right.
Place = Literal["image", "traces", "analysis", "controls"]


@dataclass(frozen=True, slots=True)
class PanelEntry:
    """One panel.

    Attributes
    ----------
    key : str
        Stable name: the dock is ``dock.<key>``.
    title : str
        Shown on dock and menu.
    icon : str
        Name in `gui.icons`.
    shortcut : str
        Brings the panel to the front.
    words : tuple of str
        Words under which somebody may look for it.
    place : Place
        Where it stands at first.
    factory : callable
        Makes the panel.
    """

    key: str
    title: str
    icon: str
    shortcut: str
    words: tuple[str, ...]
    place: Place
    factory: Callable[[PanelContext], Panel]


PANELS: tuple[PanelEntry, ...] = (
    PanelEntry(
        "image", "Live image", "image", "Ctrl+1", ("camera", "roi", "bead", "zoom"), "image", ImagePanel
    ),
    PanelEntry(
        "traces", "Traces", "traces", "Ctrl+2", ("x", "y", "z", "position", "plot"), "traces", TracesPanel
    ),
    PanelEntry("profile", "Radial profile", "profile", "Ctrl+3", ("rings", "lut"), "analysis", ProfilePanel),
    PanelEntry(
        "beads", "Beads", "beads", "Ctrl+4", ("table", "list", "quality", "reference"), "analysis", BeadsPanel
    ),
    PanelEntry("log", "Log", "log", "Ctrl+5", ("messages", "errors", "warnings"), "analysis", LogPanel),
    PanelEntry(
        "recording", "Recording", "recording", "Ctrl+6", ("save", "file", "disk"), "controls", RecordingPanel
    ),
    PanelEntry(
        "camera", "Camera", "camera", "Ctrl+7", ("exposure", "settings", "fps"), "controls", CameraPanel
    ),
    PanelEntry(
        "motors",
        "Motors",
        "motors",
        "Ctrl+8",
        ("focus", "magnet", "rotation", "jog"),
        "controls",
        MotorsPanel,
    ),
    PanelEntry(
        "calibration",
        "Calibration",
        "calibration",
        "Ctrl+0",
        ("zlut", "z-lut", "sweep", "focus", "lut"),
        "controls",
        CalibrationPanel,
    ),
    PanelEntry(
        "system",
        "System",
        "system",
        "Ctrl+9",
        ("process", "lost", "buffer", "counters"),
        "controls",
        SystemPanel,
    ),
)
