"""Load devices into a core one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hardware.micromanager.description import DeviceDescription, PropertyValue
from magscope_app.devices import DeviceError

if TYPE_CHECKING:
    from pymmcore_plus import CMMCorePlus

HOW_TO_GET_ADAPTERS = (
    'for the demo devices run: pip install "magscope-app[demo]"; '
    "for those of an instrument install Micro-Manager with: mmcore install"
)
SERIAL = "SerialManager"
#: What the core raises: its bindings turn its error by its number into one of these.
CORE_ERRORS = (RuntimeError, IndexError, ValueError, OSError, MemoryError)


@contextmanager
def device_errors(what: str) -> Iterator[None]:
    """Turn what the core raises into a DeviceError that begins with `what`."""
    try:
        yield
    except CORE_ERRORS as error:
        raise DeviceError(f"{what}: {reason_of(error)}") from error


def reason_of(error: Exception) -> str:
    """Return what the core says, in one line."""
    return " ".join(str(error).split()).rstrip(".")


def text_of(value: PropertyValue) -> str:
    """Return a value as the core wants it: booleans are 1 and 0."""
    return str(int(value)) if isinstance(value, bool) else str(value)


def needs_of(description: DeviceDescription) -> tuple[str, ...]:
    """Return the labels of the port and the hub that a device needs; devices may share them."""
    port = (description.port,) if description.port else ()
    hub = (_hub_label(description),) if description.hub else ()
    return port + hub


def load_device(core: CMMCorePlus, label: str, description: DeviceDescription) -> None:
    """Load one device with the port and the hub it needs, and start it. Raises DeviceError."""
    loaded: list[str] = []
    there = core.getLoadedDevices()
    # Before its port: who has no adapter has no serial ports either, but is in want of the adapter.
    check_offered(core, description.adapter, description.device)
    try:
        if description.port and description.port not in there:
            _load_port(core, description, loaded)
        if description.hub and _hub_label(description) not in there:
            _load_hub(core, description, loaded)
        _load(core, label, description.adapter, description.device, loaded)
        if description.hub:
            with device_errors(f"{label} does not hang on {description.hub}"):
                core.setParentLabel(label, _hub_label(description))
        else:
            _name_port(core, label, description)
        set_properties(core, label, description, before_start=True)
        _start(core, label, description.device, description.adapter)
        set_properties(core, label, description, before_start=False)
    except DeviceError:
        unload(core, loaded)
        raise


def unload_device(
    core: CMMCorePlus, label: str, description: DeviceDescription, others: Iterable[DeviceDescription]
) -> None:
    """Unload a device, and the port and the hub that no other device needs. Raises DeviceError."""
    kept = {need for other in others for need in needs_of(other)}
    unload(core, [*(need for need in needs_of(description) if need not in kept), label])


def unload(core: CMMCorePlus, labels: Iterable[str]) -> None:
    """Unload devices, the last first. Raises DeviceError."""
    for label in reversed(list(labels)):
        with device_errors(f"{label} could not be unloaded"):
            core.unloadDevice(label)


def _load_port(core: CMMCorePlus, description: DeviceDescription, loaded: list[str]) -> None:
    port = description.port
    _load(core, port, SERIAL, port, loaded)
    for name, value in description.port_properties.items():
        with device_errors(f"the port {port} refuses {name} = {value!r}{allowed_values(core, port, name)}"):
            core.setProperty(port, name, text_of(value))
    _start(core, port, port, SERIAL)


def _hub_label(description: DeviceDescription) -> str:
    return " ".join(filter(None, (description.adapter, description.hub, description.port)))


def _load_hub(core: CMMCorePlus, description: DeviceDescription, loaded: list[str]) -> None:
    label = _hub_label(description)
    _load(core, label, description.adapter, description.hub, loaded)
    _name_port(core, label, description)
    _start(core, label, description.hub, description.adapter)


def _name_port(core: CMMCorePlus, label: str, description: DeviceDescription) -> None:
    if description.port:
        with device_errors(f"{label} takes no serial port; remove port from its settings"):
            core.setProperty(label, "Port", description.port)


def _load(core: CMMCorePlus, label: str, adapter: str, device: str, loaded: list[str]) -> None:
    check_offered(core, adapter, device)
    with device_errors(f"{device} of the adapter {adapter} could not be loaded"):
        core.loadDevice(label, adapter, device)
    loaded.append(label)


def _start(core: CMMCorePlus, label: str, device: str, adapter: str) -> None:
    with device_errors(f"{device} of the adapter {adapter} does not start; is it switched on and connected?"):
        core.initializeDevice(label)


def check_offered(core: CMMCorePlus, adapter: str, device: str | None) -> None:
    """Raise DeviceError where there is no such adapter, or it has no such device (None: any)."""
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
    wanted = core.getAPIVersionInfo()
    with device_errors(
        f"the adapter {adapter} cannot be used: it was made for another version of Micro-Manager than this "
        f"one ({wanted}; run: mmcore install), or a library of its maker is missing"
    ):
        offered = core.getAvailableDevices(adapter)
    if device is not None and device not in offered and adapter == SERIAL:
        raise DeviceError(f"there is no serial port {device!r}; there is: {', '.join(offered) or 'none'}")
    if device is not None and device not in offered:
        raise DeviceError(f"the adapter {adapter} has no device {device!r}; it offers: {', '.join(offered)}")


def set_properties(
    core: CMMCorePlus, label: str, description: DeviceDescription, *, before_start: bool
) -> None:
    """Set those properties of the config that must be set before (or after) the device starts."""
    what = description.device or label
    for name, value in description.properties.items():
        known = core.getDevicePropertyNames(label)
        if name not in known:
            # Some properties appear only once the device has started.
            if before_start:
                continue
            raise DeviceError(f"{what} has no property {name!r}; it has: {', '.join(known)}")
        if core.isPropertyPreInit(label, name) != before_start:
            if description.cfg_file is not None:
                raise DeviceError(
                    f"{name} of {what} is fixed when it starts; set it in {description.cfg_file}"
                )
            continue
        with device_errors(f"{what} refuses {name} = {value!r}{allowed_values(core, label, name)}"):
            core.setProperty(label, name, text_of(value))


def allowed_values(core: CMMCorePlus, label: str, name: str) -> str:
    """Return the values that a property may have, in brackets, or nothing where any is allowed."""
    if not core.hasProperty(label, name):
        return ""
    choices = core.getAllowedPropertyValues(label, name)
    if choices:
        return f" (allowed: {', '.join(choices)})"
    if core.hasPropertyLimits(label, name):
        low, high = core.getPropertyLowerLimit(label, name), core.getPropertyUpperLimit(label, name)
        return f" (allowed: {low:g} to {high:g})"
    return ""
