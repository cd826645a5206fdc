"""Compiled kernels are made once per machine and version, before any process needs them."""

from __future__ import annotations

import functools
import hashlib
import importlib
import multiprocessing
import os
import platform
import signal
from collections.abc import Callable, Sequence
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path

import platformdirs

import magscope_app
from magscope_app import __version__
from magscope_app.errors import MagscopeError

#: Compiles everything the tracker needs.
TRACKING_KERNELS = "magscope_app.tracking.warm_up:compile_kernels"
#: Compilation takes well under a minute; a slow, busy computer gets ten.
_COMPILE_TIMEOUT_S = 600.0

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


def ensure_compiled(targets: Sequence[str], progress: Progress) -> None:
    """Compile kernels in a process of their own, unless this was done before.

    Parameters
    ----------
    targets : sequence of str
        Functions ``"module:function"`` that compile kernels; called without arguments.
    progress : callable
        Told in one sentence that it takes a moment; not called when there is nothing to do.

    Raises
    ------
    MagscopeError
        Compilation failed; the text has the reason.
    """
    stamps = _stamps(targets)
    missing = tuple(target for target, stamp in stamps.items() if not stamp.is_file())
    if not missing:
        return
    progress("compiling the tracking kernels for this computer; this happens once and takes about a minute")
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_compile, args=(missing, theirs), name="magscope-compile")
    process.start()
    theirs.close()
    try:
        reason = ours.recv() if ours.poll(_COMPILE_TIMEOUT_S) else "it took too long"
        process.join(5.0)
    except EOFError:
        reason = "the compiler process ended unexpectedly"
    finally:
        if process.is_alive():
            process.kill()
            process.join(5.0)
        ours.close()
    if reason:
        raise MagscopeError(
            f"the kernels could not be compiled: {reason}; see docs/user-guide.md, section Trouble"
        )
    for target in missing:
        stamps[target].parent.mkdir(parents=True, exist_ok=True)
        stamps[target].touch()


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
