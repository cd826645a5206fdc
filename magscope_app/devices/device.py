"""What all drivers have in common."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import ClassVar

from magscope_app.devices.errors import DeviceError
from magscope_app.devices.setting import Setting, SettingValue


class Device:
    """What all drivers have; the class alone answers without opening or touching a device."""

    #: What has to be installed or switched on besides this application, in a few words.
    needs: ClassVar[str] = ""
    #: Shared matrices the driver needs: name to (rows, columns).
    shared_matrices: ClassVar[Mapping[str, tuple[int, int]]] = {}

    @classmethod
    def why_unavailable(cls) -> str | None:
        """Say in one sentence why the driver cannot work on this computer and what to do, or return None."""
        return None

    def settings(self) -> tuple[Setting, ...]:
        """Return the settings with their values now."""
        return ()

    def set(self, name: str, value: SettingValue) -> None:
        """Change a setting; afterwards `settings` tells what the device made of it.

        Raises
        ------
        DeviceError
            There is no such setting, or the value is refused.
        """
        raise DeviceError(f"{self._called()} has no setting {name!r} to give the value {value!r}")

    def cause_fault(
        self,
        kind: str,
        *,
        duration_s: float | None = None,  # noqa: ARG002 - simulated devices use them
        count: int = 1,  # noqa: ARG002 - simulated devices use them
        at_position: float | None = None,  # noqa: ARG002 - simulated devices use them
    ) -> None:
        """Let a simulated device go wrong, to practise; no other has faults on demand.

        Parameters
        ----------
        kind : str
            What goes wrong, as in ``simulation.faults``.
        duration_s : float, optional
            How long.
        count : int
            How many frames of a camera.
        at_position : float, optional
            Where, in the unit of an axis.

        Raises
        ------
        DeviceError
            It cannot go wrong in this way.
        """
        raise DeviceError(f"{self._called()} is not simulated: {kind} does not happen on demand")

    def _called(self) -> str:
        """Return how the device is called in errors."""
        return type(self).__name__


def missing_package(module: str, install: str) -> str | None:
    """Say that a Python package is not installed, or return None; nothing is imported."""
    if importlib.util.find_spec(module) is not None:
        return None
    return f"the package {module} is not installed; run: pip install {install}"
