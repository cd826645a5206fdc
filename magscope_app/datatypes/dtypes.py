"""Pixel types by container width."""

from __future__ import annotations

from typing import Any

import numpy as np

#: Container width in bits to unsigned integer type.
bit_to_dtype: dict[int, type[np.unsignedinteger[Any]]] = {
    8: np.uint8,
    16: np.uint16,
    32: np.uint32,
    64: np.uint64,
}


def int_to_uint_dtype(bits: int) -> np.dtype[np.unsignedinteger[Any]]:
    """Return the unsigned integer type that is `bits` wide.

    Parameters
    ----------
    bits : int
        8, 16, 32 or 64.

    Raises
    ------
    ValueError
        For any other width.
    """
    if not isinstance(bits, int | np.integer) or bits not in bit_to_dtype:
        raise ValueError(f"bits must be one of {sorted(bit_to_dtype)}, not {bits!r}")
    return np.dtype(bit_to_dtype[bits])
