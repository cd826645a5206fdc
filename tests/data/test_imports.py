from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("magscope_app.data", ("h5py", "dask", "ndstorage", "numba", "PyQt6")),
        ("magscope_app.storage", ("dask", "ndstorage", "numba", "PyQt6", "tifffile")),
    ],
)
def test_imports_are_light(module: str, absent: tuple[str, ...]) -> None:
    program = f"import sys, {module}; print([name for name in {absent!r} if name in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout.strip() == "[]"
