"""Compilation of hot loops: one typed decorator, one cache folder."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TypeVar, cast

import numba
from numba import njit

from magscope_app.kernel_cache import kernel_cache_folder

_Function = TypeVar("_Function", bound=Callable[..., object])

# Numba asks for the folder when a function is decorated. An installed package may lie in a read-only place,
# and what the user set in NUMBA_CACHE_DIR goes first.
_settings = vars(numba.config)
if not _settings["CACHE_DIR"]:
    _settings["CACHE_DIR"] = str(kernel_cache_folder())


# Sums may be reordered, but NaN stays NaN: "no honest number" is a value here.
_FASTMATH = frozenset({"reassoc", "contract", "arcp", "nsz"})


def kernel(function: _Function) -> _Function:
    """Compile `function`: no interpreter lock, cached on disk, IEEE division, no bounds checks."""
    compiled = njit(nogil=True, cache=True, fastmath=set(_FASTMATH), error_model="numpy")(function)
    return cast("_Function", compiled)


def lean_kernel(function: _Function) -> _Function:
    """Compile a `kernel` that allocates no array and returns none.

    It counts no references to arrays: its callers hold them. In a loop of small functions with many arrays
    counting takes longer than all the rest, and threads that share arrays wait for each other's counts.
    """
    if not counts_can_be_left_out():
        return kernel(function)
    # Numba's annotations leave the option `_nrt` out.
    make = cast("Callable[..., Callable[[_Function], _Function]]", njit)
    return make(nogil=True, cache=True, fastmath=set(_FASTMATH), error_model="numpy", _nrt=False)(function)


def counts_can_be_left_out() -> bool:
    """Return whether this numba has the option; it is a private one, that another version may not have."""
    try:
        options = importlib.import_module("numba.core.cpu").CPUTargetOptions
    except (ImportError, AttributeError):
        return False
    return hasattr(options, "_nrt")
