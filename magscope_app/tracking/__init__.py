"""Pixels and ROIs in, x y z and their uncertainty out; Z-LUTs; bead finding.

Names are imported when they are first used: a Z-LUT file can be read without loading the compiled kernels.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from magscope_app.tracking.field_correction import FieldCorrection
    from magscope_app.tracking.finding import find_beads, rois_around, template_of
    from magscope_app.tracking.flags import TrackFlag
    from magscope_app.tracking.noise import CameraNoise
    from magscope_app.tracking.noise_estimate import NoiseEstimate, estimate_noise
    from magscope_app.tracking.tracker import Tracker
    from magscope_app.tracking.tracks import Tracks
    from magscope_app.tracking.zlut import ZLUT
    from magscope_app.tracking.zlut_set import ZLUTSet

__all__ = [
    "ZLUT",
    "CameraNoise",
    "FieldCorrection",
    "NoiseEstimate",
    "TrackFlag",
    "Tracker",
    "Tracks",
    "ZLUTSet",
    "estimate_noise",
    "find_beads",
    "rois_around",
    "template_of",
]

_HOMES = {
    "CameraNoise": "noise",
    "FieldCorrection": "field_correction",
    "NoiseEstimate": "noise_estimate",
    "TrackFlag": "flags",
    "Tracker": "tracker",
    "Tracks": "tracks",
    "ZLUT": "zlut",
    "ZLUTSet": "zlut_set",
    "estimate_noise": "noise_estimate",
    "find_beads": "finding",
    "rois_around": "finding",
    "template_of": "finding",
}


def __getattr__(name: str) -> object:
    """Import a name of this package when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
