"""A fault on demand, checked as those of the config are."""

from __future__ import annotations

from pydantic import ValidationError

from magscope_app.config import CAMERA_FAULTS, MOTOR_FAULTS, FaultEntry
from magscope_app.config.wording import said
from magscope_app.devices import DeviceError


def fault_now(
    device: str,
    kind: str,
    *,
    duration_s: float | None = None,
    count: int = 1,
    at_position: float | None = None,
) -> FaultEntry:
    """Return what goes wrong from now on.

    Parameters
    ----------
    device : str
        ``"camera"``, or the name of a motor.
    kind : str
        As in ``simulation.faults``.
    duration_s, count, at_position
        What the kind needs; `count` = 1 counts as not given.

    Raises
    ------
    DeviceError
        One sentence: which fault of which device, what is wrong with it, what is allowed.
    """
    on_camera = device == "camera"
    called = "the simulated camera" if on_camera else device
    known = CAMERA_FAULTS if on_camera else MOTOR_FAULTS
    if kind not in known:
        raise DeviceError(f"{called} has no fault {kind!r}: choose from {', '.join(known)}")
    given = {"duration_s": duration_s, "at_position": at_position, "count": None if count == 1 else count}
    # A camera's fault of the config has a frame; this one begins with the next.
    begins = {"at_frame": 1} if on_camera else {}
    asked = {name: value for name, value in given.items() if value is not None}
    try:
        return FaultEntry.model_validate({"kind": kind, "device": device, **begins, **asked})
    except ValidationError as error:
        wrong = "; ".join(
            f"{kind} with {entry['loc'][0]} = {entry['input']!r}: {said(entry)}"
            if entry["loc"]
            else said(entry)
            for entry in error.errors()
        )
        raise DeviceError(f"{called}: {wrong}") from error
