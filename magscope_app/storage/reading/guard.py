"""Damage in files, said in one sentence."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from magscope_app.errors import MagscopeError

#: What numpy, h5py and json raise at files that hold anything.
DAMAGE: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what damaged content raises into a MagscopeError that names the file."""
    try:
        yield
    except DAMAGE as error:
        what = " ".join(str(error).split()) or type(error).__name__
        raise MagscopeError(
            f"{path} cannot be read ({what:.200}); `magscope-app repair` saves what is left of damaged data"
        ) from error
