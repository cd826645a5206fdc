"""All panels: docks, menu entries, shortcuts and search follow from this list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from gui.panels.about import AboutPanel
from gui.panels.allan import AllanPanel
from gui.panels.beads import BeadsPanel
from gui.panels.calibration import CalibrationPanel
from gui.panels.camera import CameraPanel
from gui.panels.drift import DriftPanel
from gui.panels.force import ForcePanel
from gui.panels.image import ImagePanel
from gui.panels.log import LogPanel
from gui.panels.losses import LossesPanel
from gui.panels.lut import LutPanel
from gui.panels.motors import MotorsPanel
from gui.panels.panel import Panel, PanelContext
from gui.panels.preferences import PreferencesPanel
from gui.panels.profile import ProfilePanel
from gui.panels.recording import RecordingPanel
from gui.panels.spectrum import SpectrumPanel
from gui.panels.system import SystemPanel
from gui.panels.traces import TracesPanel
from gui.panels.xy_lock import XYLockPanel
from gui.panels.z_lock import ZLockPanel

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
        Brings the panel to the front; may be empty.
    words : tuple of str
        Words under which somebody may look for it.
    place : Place
        Where it stands at first.
    factory : callable
        Makes the panel.
    at_first : bool
        False for a panel that is opened only when somebody asks for it.
    """

    key: str
    title: str
    icon: str
    shortcut: str
    words: tuple[str, ...]
    place: Place
    factory: Callable[[PanelContext], Panel]
    at_first: bool = True


PANELS: tuple[PanelEntry, ...] = (
    PanelEntry(
        "image",
        "Live image",
        "image",
        "Ctrl+1",
        ("camera", "roi", "bead", "zoom", "saturation", "overexposed", "preview"),
        "image",
        ImagePanel,
    ),
    PanelEntry(
        "traces", "Traces", "traces", "Ctrl+2", ("x", "y", "z", "position", "plot"), "traces", TracesPanel
    ),
    PanelEntry("profile", "Profile", "profile", "Ctrl+3", ("radial", "rings"), "analysis", ProfilePanel),
    PanelEntry(
        "beads",
        "Beads",
        "beads",
        "Ctrl+4",
        ("table", "list", "quality", "reference", "sigma", "position", "state"),
        "analysis",
        BeadsPanel,
    ),
    PanelEntry("lut", "Z-LUT", "lut", "", ("look-up", "calibration", "planes"), "analysis", LutPanel),
    PanelEntry(
        "allan", "Allan", "allan", "", ("deviation", "precision", "drift", "noise"), "analysis", AllanPanel
    ),
    PanelEntry(
        "spectrum",
        "Spectrum",
        "spectrum",
        "",
        ("power", "psd", "corner", "frequency"),
        "analysis",
        SpectrumPanel,
    ),
    PanelEntry(
        "losses",
        "Losses",
        "losses",
        "",
        ("lost", "buffer", "ring", "fps"),
        "analysis",
        LossesPanel,
        at_first=False,
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
        ("focus", "magnet", "rotation", "jog", "target", "limits", "home", "axes"),
        "controls",
        MotorsPanel,
    ),
    PanelEntry("force", "Force", "force", "", ("pn", "magnet", "ramp"), "controls", ForcePanel),
    PanelEntry(
        "calibration",
        "Calibration",
        "calibration",
        "Ctrl+0",
        ("zlut", "z-lut", "sweep", "focus", "lut", "step", "frames", "per", "range"),
        "controls",
        CalibrationPanel,
    ),
    PanelEntry(
        "xy_lock", "XY-lock", "xy_lock", "", ("roi", "follow", "drift", "feedback"), "controls", XYLockPanel
    ),
    PanelEntry(
        "z_lock", "Z-lock", "z_lock", "", ("focus", "hold", "feedback", "reference"), "controls", ZLockPanel
    ),
    PanelEntry(
        "drift",
        "Drift",
        "drift",
        "",
        ("stage", "reference", "subtraction", "tilt"),
        "controls",
        DriftPanel,
        at_first=False,
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
    PanelEntry(
        "preferences",
        "Preferences",
        "preferences",
        "Ctrl+,",
        ("theme", "dark", "light", "font", "shortcuts", "keys"),
        "controls",
        PreferencesPanel,
        at_first=False,
    ),
    PanelEntry(
        "about", "About", "about", "", ("versions", "bug", "licence"), "controls", AboutPanel, at_first=False
    ),
)
