"""Compilation of hot loops: one typed decorator, one cache folder."""

from __future__ import annotations

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


def kernel(function: _Function) -> _Function:
    """Compile `function`: no interpreter lock, cached on disk, IEEE division, no bounds checks."""
    # Sums may be reordered, but NaN stays NaN: "no honest number" is a value here.
    compiled = njit(
        nogil=True, cache=True, fastmath={"reassoc", "contract", "arcp", "nsz"}, error_model="numpy"
    )(function)
    return cast("_Function", compiled)
