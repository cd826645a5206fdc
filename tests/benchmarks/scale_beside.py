"""The whole line and that of MagScope 1.0.0, one after the other with the same frames: part of `scale`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil

from magscope_app.bench.line import run_line
from magscope_app.bench.scene import make_scene
from magscope_app.config import LoadedConfig
from magscope_app.devices import FrameFormat
from magscope_app.processes.calibration_file import load_calibration
from magscope_app.processes.camera_noise import camera_noise
from magscope_app.tracking import ZLUT

_SCRIPT = Path(__file__).with_name("scale_magscope.py")
_SECONDS, _WARM_S = 10.0, 5.0
#: Frames of its stacks, its default, and ROIs per stack at most: 40 000 at once would take many GB.
_IMAGES, _STACK_ROIS = 40, 8000
_WORKERS = 2
#: It ends by itself before.
_LONGEST_S = 500.0


def magscope_python() -> str:
    """Return the Python that has MagScope: named in MAGSCOPE_PYTHON, or this one."""
    python = os.environ.get("MAGSCOPE_PYTHON") or (sys.executable if find_spec("magscope") else None)
    if python is None:
        raise SystemExit(
            "magscope is not installed: install the bench extra, or name its Python in MAGSCOPE_PYTHON"
        )
    return python


def beside_magscope(loaded: LoadedConfig, form: FrameFormat, n_beads: int) -> Iterator[str]:
    """Tell what both manage when the camera waits for room; tracks are recorded."""
    with TemporaryDirectory() as folder:
        result = run_line(loaded.config, form, n_beads, None, _SECONDS, warm_s=_WARM_S, record=Path(folder))
    ours = result.frames_per_s
    yield f"{n_beads} beads, ours: {_rate(ours, n_beads)}, {result.frames_lost} lost"
    for what in ("line", "application"):
        with TemporaryDirectory() as folder:
            _hand_over(loaded, form, n_beads, Path(folder))
            found = _drive(Path(folder), what, n_beads, loaded.config.beads.roi_px)
        theirs = found["frames_per_s"]
        frames = ", ".join(f"{found[f'frames_{done}']} {done}" for done in ("sent", "tracked", "recorded"))
        yield (
            f"{n_beads} beads, MagScope 1.0.0, {what}: {_rate(theirs, n_beads)}; {frames};"
            f" x, y, z in {100 * found['finite']:.2f} %; ours × {ours / theirs:.0f}"
        )


def _rate(frames_per_s: float, n_beads: int) -> str:
    return f"{frames_per_s:.1f} fps ({n_beads * frames_per_s:.0f} ROIs/s)"


def _hand_over(loaded: LoadedConfig, form: FrameFormat, n_beads: int, folder: Path) -> None:
    """Write the frames that `run_line` plays, the ROIs and the Z-LUT as MagScope takes it."""
    config = loaded.config
    zlut = load_calibration(config.tracking.zlut) if config.tracking.zlut else None
    if not isinstance(zlut, ZLUT):
        raise SystemExit("MagScope takes one Z-LUT for all beads: name one in tracking.zlut")
    roi_px = config.beads.roi_px
    scene = make_scene(n_beads, roi_px, form, zlut, camera_noise(config, form))
    np.save(folder / "frames.npy", scene.frames)
    np.save(folder / "corners.npy", scene.corners)
    # It must have as many radii as its profiles.
    radii_px = np.arange(roi_px // 2, dtype=np.float64)
    np.savetxt(folder / "zlut.txt", np.vstack([zlut.z_nm, zlut.profiles_at(radii_px).T]))


def _drive(folder: Path, what: str, n_beads: int, roi_px: int) -> dict[str, float]:
    images = min(_IMAGES, max(1, _STACK_ROIS // n_beads))
    options = {"--roi": roi_px, "--workers": _WORKERS, "--images": images, "--seconds": _SECONDS}
    arguments = [str(word) for pair in options.items() for word in pair]
    ours_only = ("PYTHONPATH", "OMP_NUM_THREADS")
    env = {name: value for name, value in os.environ.items() if name not in ours_only}
    process = subprocess.Popen(
        [magscope_python(), str(_SCRIPT), str(folder), what, *arguments],
        env=env | {"QT_QPA_PLATFORM": "offscreen", "PYTHONWARNINGS": "ignore"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        printed, said = process.communicate(timeout=_LONGEST_S)
    finally:
        if process.poll() is None:
            # Its other processes outlive the first one.
            first = psutil.Process(process.pid)
            for one in [*first.children(recursive=True), first]:
                one.kill()
            process.wait()
    if process.returncode:
        raise SystemExit(f"MagScope did not run: {said}")
    found: dict[str, float] = json.loads(printed.splitlines()[-1])
    if not found["frames_per_s"]:
        raise SystemExit(f"MagScope tracked too few frames to be measured: {found}")
    return found
