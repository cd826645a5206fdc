"""What the config says about the camera's noise and its uneven field, as the tracker needs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from magscope_app.config import Config
from magscope_app.devices import FrameFormat
from magscope_app.errors import MagscopeError, Problem
from magscope_app.tracking.noise import CameraNoise

if TYPE_CHECKING:
    from magscope_app.tracking.field_correction import FieldCorrection


def camera_noise(config: Config, form: FrameFormat | None) -> CameraNoise | None:
    """Return the noise that the config states; None where it states no gain: uncertainties are NaN then."""
    noise = config.camera.noise
    if noise is None or "gain_dn_per_e" not in noise.model_fields_set:
        return None
    ceiling = None if form is None else 2**form.bits - 1
    return CameraNoise(noise.gain_dn_per_e, noise.offset_dn, noise.read_noise_e, ceiling)


def field_correction(config: Config) -> FieldCorrection | None:
    """Read dark frame and flat field of the config; None if it names neither.

    Raises
    ------
    MagscopeError
        A file cannot be used; the text says why.
    """
    noise = config.camera.noise
    if noise is None or (noise.dark_frame is None and noise.flat_field is None):
        return None
    from magscope_app.tracking.field_correction import FieldCorrection  # compiled: only who needs it waits

    try:
        return FieldCorrection.load(noise.dark_frame, noise.flat_field)
    except (ValueError, OSError) as error:
        raise MagscopeError(str(error)) from error


def field_problems(config: Config, form: FrameFormat | None) -> Iterator[Problem]:
    """Yield what is wrong with dark frame and flat field."""
    noise = config.camera.noise
    files = {} if noise is None else {"dark_frame": noise.dark_frame, "flat_field": noise.flat_field}
    missing = {name: path for name, path in files.items() if path is not None and not path.is_file()}
    for name, path in missing.items():
        yield Problem(f"camera.noise.{name}", f"{path} does not exist", "give an image, or leave the key out")
    if missing:
        return
    where = "camera.noise.dark_frame" if files.get("dark_frame") else "camera.noise.flat_field"
    try:
        field = field_correction(config)
    except MagscopeError as error:
        yield Problem(where, str(error))
        return
    reason = field.why_not(form.width_px, form.height_px) if field is not None and form is not None else None
    if reason:
        yield Problem(where, reason)
