"""The supervisor's view of the camera: how it was opened, what was set since, what it is to have again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from magscope_app.config import Config
from magscope_app.devices.setting import Setting
from magscope_app.messages import CameraReady, CameraSettings, FrameTimes, Message, SetCameraSetting
from magscope_app.processes.children import Children
from magscope_app.processes.controllers import CAMERA
from magscope_app.processes.facts import setting_changes
from magscope_app.processes.frame_times import frame_times

#: Who computes with exposure and period of the frames.
_TIMED = ("tracking", "feedback", "experiment")


class CameraDesk:
    """Keeps the settings of the camera over its restarts.

    Parameters
    ----------
    config : Config
        What the camera was opened with.
    children : Children
        The processes.
    log : callable
        Takes level and text for the user.
    keep : callable
        Takes kind and fields of an event for the running dataset.

    Attributes
    ----------
    ready : CameraReady or None
        The camera with its settings in force; None as long as it was never open.
    """

    def __init__(
        self,
        config: Config,
        children: Children,
        log: Callable[[int, str], None],
        keep: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self._config = config
        self._children = children
        self._log, self._keep = log, keep
        self.ready: CameraReady | None = None
        self._opened: CameraReady | None = None
        #: Names of the settings that were changed since the start, the last one last.
        self._by_hand: dict[str, None] = {}
        self._awaited = 0

    def messages(self) -> list[Message]:
        """Return what a window must know that opens late: how the camera was opened, and how it is now."""
        if self.ready is None or self._opened is None:
            return []
        return [self._opened, CameraSettings(self.ready.settings)]

    def times(self) -> FrameTimes:
        """Return exposure and period of the frames as they are now, for a process that starts."""
        return frame_times(self._config, () if self.ready is None else self.ready.settings)

    def tell_times(self, *names: str) -> None:
        """Tell these processes, or all that compute with it, what the frames are like."""
        for name in names or _TIMED:
            self._children.send(name, self.times())

    def show(self) -> None:
        """Tell the window how the settings are, where a change was refused."""
        if self.ready is not None:
            self._children.send("gui", CameraSettings(self.ready.settings))

    def on_ready(self, message: CameraReady) -> str | None:
        """Take in that the camera is open, and tell the window; say why it cannot be used, or return None.

        What was set by hand before stays in force.
        """
        before = self.ready
        if before is not None and message.format != before.format:
            return f"the camera came back with {message.format} instead of {before.format}; start again"
        self._opened = message
        self.ready = message if before is None else replace(message, settings=before.settings)
        self._children.send("gui", message)
        self.tell_times()
        return None

    def heed(self, message: Message) -> None:
        """Note what is set by hand."""
        if not isinstance(message, SetCameraSetting):
            return
        self._by_hand.pop(message.name, None)
        self._by_hand[message.name] = None

    def on_settings(self, message: CameraSettings) -> None:
        """Keep what a setting was and is, as it may change what the numbers mean."""
        self._awaited = max(0, self._awaited - 1)
        if self._awaited:
            # A camera that was started again gets its settings one by one; until then they are not in force.
            return
        for fields in setting_changes(self.ready, message):
            self._keep("setting", fields)
            unit = f" {fields['unit']}".rstrip()
            text = f"the camera's {fields['name']} is {_shown(fields['value'])}{unit} now"
            self._log(logging.INFO, f"{text}, before {_shown(fields['before'])}{unit}")
        if self.ready is not None:
            self.ready = replace(self.ready, settings=message.settings)
            self.tell_times()

    def restore(self) -> dict[str, Any]:
        """Give a camera that was started again what was set by hand before; return fields for the event."""
        self._awaited = 0
        if self.ready is None or self._opened is None:
            return {}
        now = {setting.name: setting.value for setting in self._opened.settings}
        wanted = self._wanted(self.ready.settings)
        if all(now.get(name) == setting.value for name, setting in wanted.items()):
            return {}
        for setting in wanted.values():
            self._awaited += 1
            self._children.send(CAMERA, SetCameraSetting(setting.name, setting.value))
        return {"settings": {name: setting.value for name, setting in wanted.items()}}

    def _wanted(self, settings: tuple[Setting, ...]) -> dict[str, Setting]:
        """Return what was set by hand, in that order: one setting may change the limits of another."""
        known = {setting.name: setting for setting in settings if not setting.read_only}
        return {name: known[name] for name in self._by_hand if name in known}


def restored_text(fields: dict[str, Any]) -> str:
    """Return what `CameraDesk.restore` has done, as the end of a sentence."""
    settings = fields.get("settings", {})
    said = ", ".join(f"{name} = {_shown(value)}" for name, value in settings.items())
    return f", with {said} as before" if said else ""


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
