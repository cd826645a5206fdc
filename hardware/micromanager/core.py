"""The one Micro-Manager core of a process, shared by all its devices."""

from __future__ import annotations

import atexit
import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hardware.micromanager.cfg import Cfg, read_cfg
from hardware.micromanager.cfg_loading import load_cfg, reload_device
from hardware.micromanager.description import DeviceDescription
from hardware.micromanager.loading import load_device, set_properties, unload_device
from magscope_app.devices import DeviceError

if TYPE_CHECKING:
    from pymmcore_plus import CMMCorePlus

_log = logging.getLogger(f"magscope_app.{__name__}")


@dataclass
class _Loaded:
    description: DeviceDescription
    users: int


class CoreHost:
    """Creates a core for the first device and takes it down after the last.

    Device adapters are libraries with state of their own, so that a process has one core and not more.
    Camera and axes that live in one process therefore share a host; it counts who uses which label, and
    the core goes when nobody is left, or when the interpreter ends. A core has the devices of one
    configuration, or devices that are named one by one. All methods may be called from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._core: CMMCorePlus | None = None
        self._loaded: dict[str, _Loaded] = {}
        self._cfg: Cfg | None = None
        #: Devices of the configuration that somebody has used and left.
        self._left: set[str] = set()
        self._xy_lock = threading.Lock()
        self._xy_targets: dict[str, tuple[float, float]] = {}

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
                    self._load(core, label, description)
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
            self.forget_xy_targets(label)
            if self._cfg is not None:
                self._left.add(label)
            elif self._loaded:
                try:
                    others = [other.description for other in self._loaded.values()]
                    unload_device(self._core, label, loaded.description, others)
                except DeviceError as error:
                    _log.warning("%s", error)
            self._take_down_if_unused()

    def send_xy(self, core: CMMCorePlus, label: str, index: int, position_um: float) -> None:
        """Send one axis of an XY stage to a position; the other goes on to where it is going, or stays."""
        with self._xy_lock:
            going = self._xy_targets.get(label) if core.deviceBusy(label) else None
            x_um, y_um = going or core.getXYPosition(label)
            target = (position_um, y_um) if index == 0 else (x_um, position_um)
            self._xy_targets[label] = target
            core.setXYPosition(label, *target)

    def forget_xy_targets(self, label: str) -> None:
        """Note that an XY stage was stopped; does not wait for a move that is being sent."""
        self._xy_targets.pop(label, None)

    def shutdown(self) -> None:
        """Unload everything and take the core down, whoever uses it."""
        with self._lock:
            self._loaded.clear()
            self._take_down_if_unused()

    def _load(self, core: CMMCorePlus, label: str, description: DeviceDescription) -> None:
        if description.cfg_file is not None:
            self._load_from_cfg(core, label, description)
        elif self._cfg is not None:
            raise DeviceError(
                f"{label} is not of {self._cfg.path}, whose devices live in this process; give it cfg_file, "
                "or a controller of its own"
            )
        else:
            load_device(core, label, description)

    def _load_from_cfg(self, core: CMMCorePlus, label: str, description: DeviceDescription) -> None:
        assert description.cfg_file is not None
        cfg = read_cfg(description.cfg_file, description.devices)
        cfg.device(label)
        if self._cfg is None:
            if self._loaded:
                others = ", ".join(self._loaded)
                raise DeviceError(
                    f"{cfg.path} cannot be loaded beside {others} in one process; give them cfg_file, too, "
                    "or a controller of their own"
                )
            load_cfg(core, cfg)
            # A configuration may switch it on; there is no shutter to open for every image.
            core.setAutoShutter(False)
            self._cfg = cfg
            if cfg.left_out:
                _log.warning(
                    "of %s these lines were left out, as they would move something: %s",
                    cfg.path,
                    "; ".join(map(str, cfg.left_out)),
                )
        elif (self._cfg.path, self._cfg.devices) != (cfg.path, cfg.devices):
            raise DeviceError(
                f"{cfg.path} cannot be loaded beside {self._cfg.path}, or with other devices, in one "
                f"process; give {label} a controller of its own"
            )
        elif label in self._left:
            reload_device(core, cfg, label)
            self._left.remove(label)
        set_properties(core, label, description, before_start=False)

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
        self._core = self._cfg = None
        self._left.clear()
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
