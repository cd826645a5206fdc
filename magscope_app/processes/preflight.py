"""Everything that can be known to be wrong before a process starts or a device is opened."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from magscope_app.config import Config, LoadedConfig, load_config
from magscope_app.datatypes import check_fits
from magscope_app.devices import Camera, CameraContext, FrameFormat, Motor, MotorContext
from magscope_app.devices.force import force_calibration
from magscope_app.devices.lookup import load_driver
from magscope_app.errors import ConfigError, MagscopeError, Problem
from magscope_app.kernel_cache import TRACKING_KERNELS
from magscope_app.processes.bead_owner import bead_problems
from magscope_app.processes.calibration_file import why_not_calibration
from magscope_app.processes.camera_noise import field_problems
from magscope_app.processes.controllers import claim_problems
from magscope_app.processes.driver_answers import DriverAnswers
from magscope_app.processes.free_disk import nearest_folder
from magscope_app.processes.load_function import load_function
from magscope_app.processes.segments import ring_bytes
from magscope_app.processes.video_storage import storage_problem
from magscope_app.storage import open_dataset
from magscope_app.storage.names import validate_dataset_name

_T = TypeVar("_T")
#: Less free disk than this is a full disk.
_FULL_BYTES = 100_000_000
#: Sections with which a Z-LUT is compared.
_OF_A_SWEEP = ("optics", "camera", "beads")


def require_ready(
    loaded: LoadedConfig,
    source: str,
    record: Path | None,
    name: str | None,
    form: FrameFormat | None = None,
) -> None:
    """Make sure that a config can be run, as far as this is known without opening a device.

    Parameters
    ----------
    loaded : LoadedConfig
        A config that is valid in itself.
    source : str
        The file as the user named it.
    record, name : Path and str, optional
        Folder and name of a recording asked for on the command line.
    form : FrameFormat, optional
        Of the camera's frames, where that is known better than its driver knows it without opening it.

    Raises
    ------
    ConfigError
        With every problem.
    """
    problems = [*_device_problems(loaded.config, form), *_recording_problems(loaded.config, record, name)]
    if problems:
        raise ConfigError(source, problems)


def load_ready(source: str, overrides: Sequence[str], record: Path | None, name: str | None) -> LoadedConfig:
    """Read a config and make sure that it can be run; everything that is wrong is raised at once.

    Raises
    ------
    ConfigError
        With every problem, those that the file has in itself first.
    """
    try:
        loaded = load_config(source, overrides)
    except ConfigError as error:
        if not isinstance(error.rest, LoadedConfig):
            raise
        problems = list(error.problems)
        try:
            require_ready(error.rest, source, record, name)
        except ConfigError as more:
            said = {problem.where for problem in problems}
            zlut = error.rest.config.tracking.zlut
            if zlut is not None and zlut.is_file() and any(where.startswith(_OF_A_SWEEP) for where in said):
                # What the file says there is not known: the Z-LUT would be compared with defaults.
                said.add("tracking.zlut")
            problems += [problem for problem in more.problems if problem.where not in said]
        raise ConfigError(source, problems) from error
    require_ready(loaded, source, record, name)
    return loaded


def require_answers(loaded: LoadedConfig, source: str) -> None:
    """Make sure that drivers can say whether they can be used, which takes a while. Raises ConfigError."""
    config = loaded.config
    problems: list[Problem] = []
    camera = load_driver(config.camera.driver, Camera, config.drivers.path)
    answers = [DriverAnswers("camera.driver", camera, CameraContext(config=config))]
    for entry in config.motors:
        motor = load_driver(entry.driver, Motor, config.drivers.path)
        context = MotorContext(config=config, motor=entry)
        answers.append(DriverAnswers(f"motors.{entry.name}.driver", motor, context))
    for each in answers:
        each.availability()
        problems += each.wrong
    if problems:
        raise ConfigError(source, problems)


def compile_targets(config: Config) -> tuple[str, ...]:
    """Return the functions that compile the kernels which this config needs."""
    return (*TRACKING_KERNELS, *driver_targets(config))


def driver_targets(config: Config) -> tuple[str, ...]:
    """Return those of the camera's driver alone, which is all that is needed to open it."""
    return load_driver(config.camera.driver, Camera, config.drivers.path).kernels


def _device_problems(config: Config, known: FrameFormat | None) -> Iterator[Problem]:
    problems: list[Problem] = []
    camera = _load("camera.driver", config.camera.driver, Camera, config, problems)
    form = known
    if camera is not None:
        answers = DriverAnswers("camera.driver", camera, CameraContext(config=config))
        found = answers.problems()
        if form is None and not found:
            form = answers.expected_format()
        answers.common()
        problems += *found, *answers.wrong
        if config.camera.path is not None and not camera.uses_path:
            problems.append(
                Problem("camera.path", "this camera reads no file", "leave it out, or choose a replay")
            )
    problems += [
        Problem("drivers.path", f"{folder} is no folder", "give folders that hold drivers of your own")
        for folder in config.drivers.path
        if not folder.is_dir()
    ]
    for entry in config.motors:
        where = f"motors.{entry.name}.driver"
        motor = _load(where, entry.driver, Motor, config, problems)
        if motor is not None:
            answers = DriverAnswers(where, motor, MotorContext(config=config, motor=entry))
            problems += answers.problems()
            answers.common()
            problems += answers.wrong
    if not any(problem.where.endswith(".driver") for problem in problems):
        problems += claim_problems(config)
    problems += bead_problems(config, form)
    problems += _file_problems(config)
    problems += field_problems(config, form)
    if (reason := storage_problem(config, form)) is not None:
        problems.append(Problem("recording.storage", reason))
    problems += _force_problems(config)
    problems += _lock_problems(config)
    if form is not None:
        problems += _memory_problems(config, form)
    yield from problems


def _load(
    where: str, name: str, base: Callable[..., _T], config: Config, problems: list[Problem]
) -> type[_T] | None:
    try:
        return load_driver(name, base, config.drivers.path)
    except MagscopeError as error:
        problems.append(Problem(where, str(error)))
        return None


def _file_problems(config: Config) -> Iterator[Problem]:
    zlut = config.tracking.zlut
    if zlut is not None:
        reason = why_not_calibration(zlut, config)
        if reason:
            yield Problem("tracking.zlut", reason)
    focus = config.tracking.recorded_focus
    if focus is not None:
        try:
            open_dataset(focus)
        except MagscopeError as error:
            yield Problem("tracking.recorded_focus", str(error), "give the dataset that is played, or none")


def _force_problems(config: Config) -> Iterator[Problem]:
    try:
        force_calibration(config.force)
    except MagscopeError as error:
        yield Problem("force.table", str(error))


def _lock_problems(config: Config) -> Iterator[Problem]:
    if config.z_lock.on and config.motor_with_role("focus") is None:
        yield Problem("z_lock.on", "there is no motor with the role focus", "add one, or leave it off")
    if config.z_lock.on and config.tracking.zlut is None:
        yield Problem("z_lock.on", "without a Z-LUT there is no z", "name one in tracking.zlut")


def _memory_problems(config: Config, form: FrameFormat) -> Iterator[Problem]:
    try:
        check_fits(ring_bytes(config, form))
    except MagscopeError as error:
        yield Problem("buffer.seconds", str(error))


def _recording_problems(config: Config, record: Path | None, name: str | None) -> Iterator[Problem]:
    chosen = name if name is not None else config.session.name
    reason = validate_dataset_name(chosen)
    if reason:
        yield Problem("--name" if name is not None else "session.name", f"{chosen!r} {reason}")
    functions = {
        "recording.process_fn": config.recording.process_fn,
        "experiment.protocol": config.experiment.protocol,
    }
    for where, function in functions.items():
        try:
            if function is not None:
                load_function(function, config.drivers.path)
        except MagscopeError as error:
            yield Problem(where, str(error))
    starts = record is not None or config.recording.start
    if name is not None and not starts:
        yield Problem("--name", "nothing is recorded", "add --record FOLDER")
    if starts or "folder" in config.recording.model_fields_set:
        where = "--record" if record is not None else "recording.folder"
        yield from _folder_problems(where, record or config.recording.folder, starts)


def _folder_problems(where: str, folder: Path, starts: bool) -> Iterator[Problem]:
    if folder.exists() and not folder.is_dir():
        yield Problem(where, f"{folder} is a file", "give a folder")
        return
    parent = nearest_folder(folder)
    if next((above for above in (folder, *folder.parents) if above.exists()), parent) != parent:
        yield Problem(where, f"{folder} lies below a file", "give a folder")
    elif not _takes_folders(parent):
        yield Problem(
            where, f"{parent} cannot be written to", "choose a folder of your own or have the rights changed"
        )
    elif starts and shutil.disk_usage(parent).free < _FULL_BYTES:
        free_mb = shutil.disk_usage(parent).free / 1e6
        yield Problem(
            where,
            f"the disk of {parent} is full ({free_mb:.0f} MB free)",
            "free some space or choose another disk",
        )


def _takes_folders(folder: Path) -> bool:
    """Return whether a folder can be made in `folder`: rights alone do not tell."""
    try:
        with tempfile.TemporaryDirectory(prefix=".magscope-", dir=folder):
            return True
    except OSError:
        return False
