"""Exposure and period of the camera's frames as they are now: the camera's word, not the config's."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from magscope_app.config import CameraConfig, Config
from magscope_app.devices.setting import Setting
from magscope_app.messages import FrameTimes


def frame_times(config: Config, settings: Sequence[Setting] = ()) -> FrameTimes:
    """Return exposure and period of frames.

    Both err on the long side where little is known: nobody is to take a frame for one that was exposed later
    than it was.

    Parameters
    ----------
    config : Config
        Counts where the camera tells nothing: `camera.fps`, and `camera.exposure_ms`, or else a whole frame.
    settings : sequence of Setting
        Those of the camera. Its rate is called ``fps`` (1/s), its exposure ``exposure_ms``.
    """
    period_s = 1.0 / asked_fps(config.camera, settings)
    exposure_s = known_exposure_s(config.camera, settings)
    return FrameTimes(period_s if exposure_s is None else exposure_s, period_s)


def asked_fps(camera: CameraConfig, settings: Sequence[Setting] = ()) -> float:
    """Return how many frames per second the camera is to give."""
    fps = told(settings, "fps") or camera.fps
    exposure_s = known_exposure_s(camera, settings)
    # Where only the exposure is told, a long one makes the camera slower than the config says.
    return fps if exposure_s is None else min(fps, 1.0 / exposure_s)


def known_exposure_s(camera: CameraConfig, settings: Sequence[Setting] = ()) -> float | None:
    """Return the exposure of a frame in s; None where neither the camera nor its config says it."""
    exposure_ms = told(settings, "exposure_ms") or camera.exposure_ms
    return None if exposure_ms is None else 1e-3 * exposure_ms


def told(settings: Sequence[Setting], name: str) -> float | None:
    """Return what the camera says of a rate or time; None where it says nothing that can be one."""
    return next((_positive(setting) for setting in settings if setting.name == name), None)


def _positive(setting: Setting) -> float | None:
    """Return the number that a setting has; None where it has none that a time can be made of."""
    value = setting.value
    if isinstance(value, bool | str) or not isfinite(value) or value <= 0:
        return None
    return float(value)
