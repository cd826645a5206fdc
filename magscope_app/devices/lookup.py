"""Find the class of a driver by the name in the config."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TypeVar, cast

from magscope_app.devices.errors import DriverNotFound
from magscope_app.errors import FOREIGN

T = TypeVar("T")

#: Installed packages announce drivers in this group of entry points.
ENTRY_POINT_GROUP = "magscope_app.drivers"
#: What to install for a module whose distribution has another name.
_DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python",
    "nidaqmx": "nidaqmx",
    "pymmcore_plus": "pymmcore-plus",
    "serial": "pyserial",
    "usb": "pyusb",
}


def append_driver_folders(folders: Iterable[Path]) -> None:
    """Append folders to the import path, each once; what is installed goes before what lies in them."""
    for folder in folders:
        text = str(Path(folder).resolve())
        if text not in sys.path:
            sys.path.append(text)
    importlib.invalidate_caches()


def load_driver(name: str, base: Callable[..., T], folders: Sequence[Path] = ()) -> type[T]:
    """Return the class that a config names as a driver.

    Parameters
    ----------
    name : str
        ``"package.module:Class"`` on the import path or in `folders`, or the name of an entry point of
        the group ``magscope_app.drivers``.
    base : type
        What the class must be: `Camera` or `Motor`. (Typed as a callable because ``type[T]`` refuses
        abstract classes.)
    folders : sequence of Path
        ``drivers.path`` of the config, appended to the import path.

    Raises
    ------
    DriverNotFound
        There is no such driver, it cannot be imported, or it is not a `base`; one sentence.
    """
    append_driver_folders(folders)
    module_name, class_name = name.split(":", 1) if ":" in name else _entry_point_target(name)
    module = _import(name, module_name, folders)
    found = _attribute(name, module, class_name)
    if found is None:
        raise DriverNotFound(_missing_class(name, module, class_name, base))
    return _checked(name, found, base)


def announced_drivers() -> tuple[str, ...]:
    """Return the names of the drivers that installed packages announce."""
    return tuple(entry.name for entry in _entry_points())


def source_hash(cls: type[object]) -> str:
    """Return the SHA-256 (hexadecimal) of the file that defines `cls`, source or compiled."""
    module = sys.modules[cls.__module__]
    file = inspect.getsourcefile(module) or module.__file__
    if file is None:
        raise DriverNotFound(f"{cls.__module__}:{cls.__qualname__} was not read from a file")
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


def module_hash(name: str, folders: Sequence[Path] = ()) -> str | None:
    """Return the SHA-256 (hexadecimal) of a module's file, without importing it; None where it has none."""
    append_driver_folders(folders)
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # a package around it is missing, or has lost its own spec
        return None
    if spec is None or not spec.has_location or spec.origin is None:
        return None
    return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()


def _entry_points() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=ENTRY_POINT_GROUP))


def _entry_point_target(name: str) -> tuple[str, str]:
    for entry in _entry_points():
        if entry.name == name:
            return _announced(entry)
    near = get_close_matches(name, [entry.name for entry in _entry_points()], n=1)
    hint = f"did you mean {near[0]}?" if near else 'name it as "package.module:Class"'
    raise DriverNotFound(f"driver {name!r}: no installed package offers a driver of this name; {hint}")


def _announced(entry: EntryPoint) -> tuple[str, str]:
    """Return module and class of an entry point: extras and spaces are no part of them."""
    try:
        module_name, class_name = entry.module, entry.attr
    except FOREIGN:
        module_name = class_name = ""
    if not module_name or not class_name:
        raise DriverNotFound(
            f"driver {entry.name!r}: its package announces it as {entry.value!r}, which names no class; "
            'the package must announce it as "package.module:Class"'
        )
    return module_name, class_name


def _attribute(name: str, module: ModuleType, class_name: str) -> object | None:
    """Return what a module has under a name, with dots for a class in a class, or None."""
    found: object | None = module
    try:
        for part in class_name.split("."):
            found = getattr(found, part, None)
    except FOREIGN as error:
        # Modules may make their attributes when they are asked for.
        raise DriverNotFound(
            f"driver {name!r}: its module cannot give {class_name} ({type(error).__name__}: {error}); "
            "mend the module"
        ) from error
    return found


def _import(name: str, module_name: str, folders: Sequence[Path]) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if module_name == missing or module_name.startswith(f"{missing}."):
            raise DriverNotFound(_unknown_module(name, module_name, folders)) from error
        package = missing.partition(".")[0]
        install = _DISTRIBUTIONS.get(package, package.replace("_", "-"))
        raise DriverNotFound(
            f"driver {name!r} needs the package {package}, which is not installed; run: pip install {install}"
        ) from error
    except FOREIGN as error:
        where = f" in line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise DriverNotFound(
            f"driver {name!r}: its module cannot be imported "
            f"({type(error).__name__}{where}: {error}); mend the module"
        ) from error


def _checked(name: str, found: object, base: Callable[..., T]) -> type[T]:
    wanted = getattr(base, "__name__", str(base))
    if not isinstance(found, type):
        raise DriverNotFound(f"driver {name!r} is not a class; give the class of a {wanted}")
    if not isinstance(base, type) or not issubclass(found, base):
        bases = ", ".join(cls.__name__ for cls in found.__bases__ if cls is not object)
        what = f"a {bases}" if bases else "a class of its own"
        raise DriverNotFound(
            f"driver {name!r} is {what}, not a {wanted}; derive it from magscope_app.devices.{wanted}"
        )
    if inspect.isabstract(found):
        missing = ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
        raise DriverNotFound(
            f"driver {name!r} is not complete: it has no {missing}; add what {wanted} asks for"
        )
    return cast("type[T]", found)


def _missing_class(name: str, module: ModuleType, class_name: str, base: Callable[..., object]) -> str:
    drivers = [
        key
        for key, value in vars(module).items()
        if isinstance(value, type)
        and isinstance(base, type)
        and issubclass(value, base)
        and value is not base
    ]
    near = get_close_matches(class_name, drivers, n=1, cutoff=0.4)
    if near:
        hint = f"did you mean {module.__name__}:{near[0]}?"
    elif drivers:
        hint = f"it has {', '.join(sorted(drivers))}"
    else:
        hint = f"it has no {getattr(base, '__name__', base)} at all"
    file = vars(module).get("__file__") or module.__name__
    return f"driver {name!r}: there is no class {class_name} in {file}; {hint}"


def _unknown_module(name: str, module_name: str, folders: Sequence[Path]) -> str:
    near = _nearest(module_name, name.partition(":")[2])
    looked = [str(folder) if Path(folder).is_dir() else f"{folder} (no such folder)" for folder in folders]
    searched = f" on the import path or in {', '.join(looked)}" if looked else ""
    hint = f"did you mean {near}?" if near else "check the name, and drivers.path for a driver of your own"
    return f"driver {name!r}: there is no module {module_name}{searched}; {hint}"


def _nearest(module_name: str, class_name: str) -> str | None:
    """Return the name most like the given one, without importing any module of a driver."""
    path: Iterable[str] | None = None
    found: list[str] = []
    for part in module_name.split("."):
        known = [info.name for info in pkgutil.iter_modules(path)]
        near = get_close_matches(part, known, n=1, cutoff=0.6)
        if not near:
            return _nearest_announced(f"{module_name}:{class_name}")
        found.append(near[0])
        spec = importlib.util.find_spec(".".join(found))
        path = spec.submodule_search_locations if spec else None
        if path is None:
            break
    classes = _class_names(".".join(found))
    near = get_close_matches(class_name, classes, n=1, cutoff=0.4) or classes[:1]
    return f"{'.'.join(found)}:{near[0]}" if near else ".".join(found)


def _nearest_announced(target: str) -> str | None:
    near = get_close_matches(target, [entry.value for entry in _entry_points()], n=1)
    return near[0] if near else None


def _class_names(module_name: str) -> list[str]:
    spec = importlib.util.find_spec(module_name)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return []
    try:
        tree = ast.parse(Path(spec.origin).read_bytes())
    except (OSError, SyntaxError):
        return []
    return [
        node.name for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
