"""Exposure and period of the camera's frames as they are now: the camera's word, not the config's."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from magscope_app.config import Config
from magscope_app.devices.setting import Setting
from magscope_app.messages import FrameTimes


def frame_times(config: Config, settings: Iterable[Setting] = ()) -> FrameTimes:
    """Return exposure and period of frames.

    Both err on the long side where little is known: nobody is to take a frame for one that was exposed later
    than it was.

    Parameters
    ----------
    config : Config
        Counts where the camera tells nothing: `camera.fps`, and `camera.exposure_ms`, or else a whole frame.
    settings : iterable of Setting
        Those of the camera. Its rate is called ``fps`` (1/s), its exposure ``exposure_ms``.
    """
    camera = config.camera
    told = {setting.name: _positive(setting) for setting in settings}
    period_s = 1.0 / (told.get("fps") or camera.fps)
    exposure_ms = told.get("exposure_ms") or camera.exposure_ms
    exposure_s = period_s if exposure_ms is None else 1e-3 * exposure_ms
    # Where only the exposure is told, a long one makes the camera slower than the config says.
    return FrameTimes(exposure_s, max(period_s, exposure_s))


def _positive(setting: Setting) -> float | None:
    """Return the number that a setting has; None where it has none that a time can be made of."""
    value = setting.value
    if isinstance(value, bool | str) or not isfinite(value) or value <= 0:
        return None
    return float(value)
