"""What the config says about the camera's noise and its uneven field, as the tracker needs it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from magscope_app.config import Config
from magscope_app.devices import FrameFormat
from magscope_app.errors import MagscopeError, Problem
from magscope_app.messages import CorrectionFile
from magscope_app.tracking.noise import CameraNoise

if TYPE_CHECKING:
    from magscope_app.tracking.field_correction import FieldCorrection

#: Kinds of images that ROIs are corrected with; also what they are called in the metadata of a Z-LUT.
CORRECTIONS = ("dark_frame", "flat_field")


def camera_noise(config: Config, form: FrameFormat | None) -> CameraNoise | None:
    """Return the noise that the config states; None where it states no gain: uncertainties are NaN then."""
    noise = config.camera.noise
    if noise is None or "gain_dn_per_e" not in noise.model_fields_set:
        return None
    ceiling = None if form is None else 2**form.bits - 1
    return CameraNoise(noise.gain_dn_per_e, noise.offset_dn, noise.read_noise_e, ceiling)


def correction_files(config: Config) -> tuple[CorrectionFile, ...]:
    """Read the files of dark frame and flat field that the config names.

    They are read once: what ROIs are corrected with and what the dataset keeps is the same.

    Raises
    ------
    MagscopeError
        A file cannot be read.
    """
    noise = config.camera.noise
    paths = {} if noise is None else {"dark_frame": noise.dark_frame, "flat_field": noise.flat_field}
    found = {kind: path for kind, path in paths.items() if path is not None}
    try:
        return tuple(CorrectionFile(kind, str(path), path.read_bytes()) for kind, path in found.items())
    except OSError as error:
        raise MagscopeError(str(error)) from error


def field_correction(files: Sequence[CorrectionFile]) -> FieldCorrection | None:
    """Return the correction by dark frame and flat field; None without either.

    Raises
    ------
    MagscopeError
        A file cannot be used; the text says why.
    """
    if not files:
        return None
    # Compiled: only who needs it waits.
    from magscope_app.tracking.field_correction import FieldCorrection, read_image

    try:
        images = {file.kind: read_image(BytesIO(file.content), Path(file.path)) for file in files}
        return FieldCorrection(images.get("dark_frame"), images.get("flat_field"))
    except ValueError as error:
        raise MagscopeError(str(error)) from error


def correction_marks(files: Sequence[CorrectionFile]) -> dict[str, str | None]:
    """Return by what dark frame and flat field can be told from others; None where there is none."""
    marks = {file.kind: hashlib.sha256(file.content).hexdigest()[:16] for file in files}
    return {kind: marks.get(kind) for kind in CORRECTIONS}


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
        field = field_correction(correction_files(config))
    except MagscopeError as error:
        yield Problem(where, str(error))
        return
    reason = field.why_not(form.width_px, form.height_px) if field is not None and form is not None else None
    if reason:
        yield Problem(where, reason)
