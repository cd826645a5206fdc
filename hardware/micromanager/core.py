"""The one Micro-Manager core of a process, shared by all its devices."""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hardware.micromanager.description import DeviceDescription, PropertyValue
from magscope_app.devices import DeviceError

if TYPE_CHECKING:
    from pymmcore_plus import CMMCorePlus

_log = logging.getLogger(__name__)
HOW_TO_GET_ADAPTERS = (
    'for the demo devices run: pip install "magscope-app[demo]"; '
    "for those of an instrument install Micro-Manager with: mmcore install"
)


@contextmanager
def device_errors(what: str) -> Iterator[None]:
    """Turn what the core raises into a DeviceError that begins with `what`."""
    try:
        yield
    except (RuntimeError, IndexError, ValueError) as error:
        raise DeviceError(f"{what}: {str(error).strip().rstrip('.')}") from error


def text_of(value: PropertyValue) -> str:
    """Return a value as the core wants it: booleans are 1 and 0."""
    return str(int(value)) if isinstance(value, bool) else str(value)


@dataclass
class _Loaded:
    description: DeviceDescription
    users: int


class CoreHost:
    """Creates a core for the first device and takes it down after the last.

    Device adapters are libraries with state of their own, so that a process has one core and not more.
    Camera and axes that live in one process therefore share a host; it counts who uses which label, and
    the core goes when nobody is left, or when the interpreter ends.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._core: CMMCorePlus | None = None
        self._loaded: dict[str, _Loaded] = {}

    def acquire(self, label: str, description: DeviceDescription) -> CMMCorePlus:
        """Load a device under `label`, or join those who use it already.

        Raises
        ------
        DeviceError
            Micro-Manager, the adapter or the device is missing, a property is refused, or another device
            has this label.
        """
        with self._lock:
            core = self._core or self._create()
            loaded = self._loaded.get(label)
            try:
                if loaded is None:
                    _load(core, label, description)
                    self._loaded[label] = _Loaded(description, 1)
                else:
                    self._join(label, loaded, description)
            except DeviceError:
                self._take_down_if_unused()
                raise
            return core

    def release(self, label: str) -> None:
        """Leave a device; it is unloaded after its last user, the core after its last device."""
        with self._lock:
            loaded = self._loaded.get(label)
            if loaded is None or self._core is None:
                return
            loaded.users -= 1
            if loaded.users:
                return
            del self._loaded[label]
            if self._loaded:
                try:
                    self._core.unloadDevice(label)
                except RuntimeError as error:
                    _log.warning("%s could not be unloaded: %s", label, error)
            self._take_down_if_unused()

    def shutdown(self) -> None:
        """Unload everything and take the core down, whoever uses it."""
        with self._lock:
            self._loaded.clear()
            self._take_down_if_unused()

    def _join(self, label: str, loaded: _Loaded, description: DeviceDescription) -> None:
        same = (loaded.description.adapter, loaded.description.device)
        if same != (description.adapter, description.device):
            raise DeviceError(
                f"the label {label} is already that of {same[1]} of {same[0]}; "
                f"give {description.device} of {description.adapter} a label of its own"
            )
        loaded.users += 1

    def _create(self) -> CMMCorePlus:
        try:
            from pymmcore_plus import CMMCorePlus
        except ImportError as error:
            raise DeviceError(
                f"pymmcore-plus cannot be imported ({error}); run: pip install pymmcore-plus"
            ) from error
        core = CMMCorePlus()
        # There is no shutter to open for every image.
        core.setAutoShutter(False)
        self._core = core
        atexit.register(self.shutdown)
        return core

    def _take_down_if_unused(self) -> None:
        core = self._core
        if core is None or self._loaded:
            return
        self._core = None
        atexit.unregister(self.shutdown)
        from pymmcore_plus import _pymmcore

        try:
            if core.isSequenceRunning():
                core.stopSequenceAcquisition()
            core.unloadAllDevices()
        except RuntimeError as error:
            _log.warning("Micro-Manager did not unload its devices: %s", error)
        finally:
            # CMMCorePlus refuses this call; while a callback is left, threads of the core can call into
            # an interpreter that has ended, and the process aborts.
            _pymmcore.CMMCore.registerCallback(core, None)


#: The host of this process, as there can only be one core in it.
PROCESS_CORE = CoreHost()


def _load(core: CMMCorePlus, label: str, description: DeviceDescription) -> None:
    adapter, device = description.adapter, description.device
    _check_offered(core, adapter, device)
    with device_errors(f"{device} of the adapter {adapter} could not be loaded"):
        core.loadDevice(label, adapter, device)
    try:
        set_properties(core, label, description, before_start=True)
        with device_errors(
            f"{device} of the adapter {adapter} does not start; is it switched on and connected?"
        ):
            core.initializeDevice(label)
        set_properties(core, label, description, before_start=False)
    except DeviceError:
        core.unloadDevice(label)
        raise


def _check_offered(core: CMMCorePlus, adapter: str, device: str) -> None:
    adapters = sorted(core.getDeviceAdapterNames())
    if not adapters:
        raise DeviceError(
            f"there are no Micro-Manager device adapters on this computer: {HOW_TO_GET_ADAPTERS}"
        )
    if adapter not in adapters:
        raise DeviceError(
            f"there is no Micro-Manager adapter {adapter!r}; there is: {', '.join(adapters)} "
            f"(in {', '.join(core.getDeviceAdapterSearchPaths())}); {HOW_TO_GET_ADAPTERS}"
        )
    with device_errors(f"the adapter {adapter} cannot be used; is what its maker asks for installed?"):
        offered = core.getAvailableDevices(adapter)
    if device not in offered:
        raise DeviceError(f"the adapter {adapter} has no device {device!r}; it offers: {', '.join(offered)}")


def set_properties(
    core: CMMCorePlus, label: str, description: DeviceDescription, *, before_start: bool
) -> None:
    """Set those properties of the config that must be set before (or after) the device starts."""
    for name, value in description.properties.items():
        known = core.getDevicePropertyNames(label)
        if name not in known:
            # Some properties appear only once the device has started.
            if before_start:
                continue
            raise DeviceError(f"{description.device} has no property {name!r}; it has: {', '.join(known)}")
        if core.isPropertyPreInit(label, name) != before_start:
            continue
        with device_errors(
            f"{description.device} refuses {name} = {value!r}{allowed_values(core, label, name)}"
        ):
            core.setProperty(label, name, text_of(value))


def allowed_values(core: CMMCorePlus, label: str, name: str) -> str:
    """Return the values that a property may have, in brackets, or nothing where any is allowed."""
    choices = core.getAllowedPropertyValues(label, name)
    if choices:
        return f" (allowed: {', '.join(choices)})"
    if core.hasPropertyLimits(label, name):
        low, high = core.getPropertyLowerLimit(label, name), core.getPropertyUpperLimit(label, name)
        return f" (allowed: {low:g} to {high:g})"
    return ""
