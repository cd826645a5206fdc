"""Compiled kernels are made once per machine and version, before any process needs them."""

from __future__ import annotations

import functools
import hashlib
import importlib
import multiprocessing
import os
import platform
import signal
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

import platformdirs

import magscope_app
from magscope_app import __version__
from magscope_app.errors import MagscopeError

#: Compile everything the tracker needs; what takes longest first.
TRACKING_KERNELS = tuple(
    f"magscope_app.tracking.warm_up:compile_{part}"
    for part in ("fast_8_bit", "full_and_finding", "fast_16_bit")
)
#: Compilation takes about a minute; a slow, busy computer gets ten.
_COMPILE_TIMEOUT_S = 600.0

#: Somebody may want to end it meanwhile.
_LOOK_S = 0.2

Progress = Callable[[str], None]


@functools.cache
def kernel_cache_folder() -> Path:
    """Return the folder that holds this machine's compiled kernels.

    Versions, CPU and the kernels' sources are in its path. The compiler looks at the file of a kernel alone,
    and would go on using one whose callees in other files have changed.
    """
    versions = f"py{platform.python_version()}-numba{metadata.version('numba')}"
    cache = Path(platformdirs.user_cache_dir("magscope-app", appauthor=False))
    return cache / f"kernels-{__version__}" / f"{platform.machine()}-{versions}-{_source_hash()}"


def _source_hash() -> str:
    """Return a hash of everything that lies in a folder with kernels."""
    digest = hashlib.sha256(os.environ.get("NUMBA_CPU_NAME", "").encode())
    for source in _sources():
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _sources() -> list[Path]:
    root = Path(magscope_app.__file__).resolve().parent.parent
    packages = root / "magscope_app", root / "hardware"
    folders = {path.parent for package in packages for path in package.rglob("*kernels.py")}
    return sorted(source for folder in folders for source in folder.glob("*.py"))


def _stamps(targets: Sequence[str]) -> dict[str, Path]:
    """Return the file that says that a target was compiled, by place and time as the compiler does."""
    places = "".join(f"{source}:{source.stat().st_mtime_ns};" for source in _sources())
    digest = hashlib.sha256(places.encode()).hexdigest()[:16]
    return {
        target: kernel_cache_folder() / f"compiled-{target.replace(':', '.')}-{digest}" for target in targets
    }


def _never() -> bool:
    return False


def ensure_compiled(
    targets: Sequence[str], progress: Progress, is_ended: Callable[[], bool] = _never
) -> None:
    """Compile kernels in processes of their own, unless this was done before.

    Parameters
    ----------
    targets : sequence of str
        Functions ``"module:function"`` that compile kernels; called without arguments.
    progress : callable
        Told in one sentence that it takes a moment; not called when there is nothing to do.
    is_ended : callable
        Asked again and again; the work is dropped where it returns True.

    Raises
    ------
    MagscopeError
        Compilation failed; the text has the reason.
    """
    stamps = _stamps(targets)
    missing = tuple(target for target, stamp in stamps.items() if not stamp.is_file())
    if not missing:
        return
    takes = "about a minute" if set(missing) & set(TRACKING_KERNELS) else "a moment"
    progress(f"compiling kernels for this computer; this happens once and takes {takes}")
    # Two that add to the list of what is compiled at one moment can lose an entry; in a row none is lost.
    each: list[tuple[str, ...]] = [(target,) for target in missing]
    reason = _in_processes(each, is_ended) or _in_processes([missing], is_ended)
    if is_ended():
        return
    if reason:
        raise MagscopeError(
            f"the kernels could not be compiled: {reason}; see docs/user-guide.md, section Trouble"
        )
    for target in missing:
        stamps[target].parent.mkdir(parents=True, exist_ok=True)
        stamps[target].touch()


def _in_processes(shares: list[tuple[str, ...]], is_ended: Callable[[], bool]) -> str:
    """Compile each share in a process of its own, one per core; return why one failed, or ""."""
    deadline = time.monotonic() + _COMPILE_TIMEOUT_S
    waiting, at_work = list(shares), dict[Connection, SpawnProcess]()
    try:
        while (waiting or at_work) and not is_ended():
            while waiting and len(at_work) < (os.cpu_count() or 1):
                result, process = _started(waiting.pop(0))
                at_work[result] = process
            ready = [one for one in wait(list(at_work), _LOOK_S) if one in at_work]
            if not ready and time.monotonic() > deadline:
                return "it took too long"
            for result in at_work.keys() & ready:
                try:
                    if reason := str(result.recv()):
                        return reason
                except EOFError:
                    return "the compiler process ended unexpectedly"
                _end(result, at_work.pop(result), 5.0)
    finally:
        for result, process in at_work.items():
            _end(result, process, 0.0)
    return ""


def _started(targets: tuple[str, ...]) -> tuple[Connection, SpawnProcess]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_compile, args=(targets, theirs), name="magscope-compile")
    process.start()
    theirs.close()
    return ours, process


def _end(result: Connection, process: SpawnProcess, patience_s: float) -> None:
    process.join(patience_s)
    if process.is_alive():
        process.kill()
        process.join(5.0)
    result.close()


def _compile(targets: tuple[str, ...], result: Connection) -> None:
    # Ctrl-C reaches all processes of a terminal; the parent ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    reason = ""
    try:
        for target in targets:
            module, _, function = target.partition(":")
            getattr(importlib.import_module(module), function)()
    except Exception as error:  # noqa: BLE001 - the parent says it to the user
        reason = f"{type(error).__name__}: {error}"
    result.send(reason)
    result.close()
