"""How many beads at which rate the whole line follows: ``python -m tests.benchmarks.scale PART [METHOD]``.

PART is ``twin`` (200 beads of the simulated microscope, 2048 × 2048 px at 100 fps, recorded), ``looped``
(1 000 beads in looped frames of the same size, recorded), ``loss`` (the rate at which the first frame is
lost, by number of beads), ``all`` of these, or ``magscope`` (what this line and that of MagScope 1.0.0 manage
with the same frames, by number of beads; the `bench` extra, or its Python in MAGSCOPE_PYTHON); METHOD is the
tracker's, by default that of demo.toml. Every bead has 64 px, x, y, z and, here, σ. `magscope-app bench`
calls the same functions. Run it when nothing else runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from magscope_app.bench.line import LineResult, run_line, run_loaded
from magscope_app.config import LoadedConfig, load_config
from magscope_app.devices import FrameFormat
from magscope_app.kernel_cache import ensure_compiled
from magscope_app.processes.preflight import compile_targets
from tests.benchmarks.scale_beside import beside_magscope
from tests.line.running import Dataset, require_identities

_FORM = FrameFormat(2048, 2048, 8)
_RECORDED_S, _TRIED_S = 28.0, 7.0
#: In which the method "fast" makes its references and catches up; losses of that time are counted apart.
_RECORDED_WARM_S, _WARM_S = 8.0, 4.0
_BEADS = (20, 100, 200, 1000)
#: From what is managed when the camera waits, rates are tried up or down in such steps.
_STEP, _TRIALS = 0.93, 6
#: Share of the asked rate that counts as it.
_FOLLOWED = 0.97


def recorded(run: Callable[[Path], LineResult]) -> str:
    """Return what a recorded run did; its books are checked."""
    with TemporaryDirectory() as folder:
        result = run(Path(folder))
        dataset = Dataset.only(Path(folder))
        require_identities(dataset.counters, dataset.about["ledger"])
    taken = ", ".join(f"{name} {share:.2f}" for name, share in result.processor.items())
    books = f"{result.frames_lost} lost ({result.lost_warm} once warm)"
    kept = f"{dataset.counters['frames_recorded']} recorded, {result.frames_per_s:.1f} fps"
    age = f"row after {result.age_ms[0]:.1f} ms (median), {result.age_ms[1]:.1f} ms (p99)"
    return f"{result.frames_acquired} frames, {books}, {kept}; {age}; processors: {taken}"


def twin(loaded: LoadedConfig) -> str:
    """Track and record 200 beads of the simulated microscope at 100 fps."""
    return recorded(
        lambda folder: run_loaded(loaded, _RECORDED_S, warm_s=_RECORDED_WARM_S, record=folder, ages=True)
    )


def looped(loaded: LoadedConfig) -> str:
    """Track and record 1 000 beads in looped frames at 100 fps."""

    def run(folder: Path) -> LineResult:
        what = loaded.config, _FORM, 1000, 100.0, _RECORDED_S
        ring = round(100.0 * loaded.config.buffer.seconds)
        return run_line(*what, warm_s=_RECORDED_WARM_S, record=folder, ages=True, ring_frames=ring)

    return recorded(run)


def loss(loaded: LoadedConfig, n_beads: int) -> str:
    """Return the highest rate that was tried with every frame tracked, and the lowest with a loss.

    The camera that plays frames leaves out those for which it is too late itself, which is a loss, too.
    """
    managed = run_line(loaded.config, _FORM, n_beads, None, _TRIED_S, warm_s=_WARM_S).frames_per_s
    fps, kept, lost = managed, 0.0, float("inf")
    for _ in range(_TRIALS):
        result = run_line(loaded.config, _FORM, n_beads, fps, _TRIED_S, warm_s=_WARM_S)
        if result.lost_warm or result.frames_per_s < _FOLLOWED * fps:
            lost = fps
        else:
            kept = fps
        if kept and lost < float("inf"):
            break
        fps *= 1 / _STEP if kept else _STEP
    tried = f"every frame at {kept:.0f}, not at {lost:.0f}"
    return f"{n_beads} beads: {managed:.0f} fps when the camera waits; {tried}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("twin", "looped", "loss", "all", "magscope"))
    parser.add_argument("method", nargs="?")
    parser.add_argument("--beads", type=int, nargs="+", default=_BEADS, help="of loss and magscope")
    parser.add_argument("--set", action="append", default=[], dest="overrides", help="of demo.toml")
    parsed = parser.parse_args()
    given = [] if parsed.method is None else [f"tracking.method={parsed.method}"]
    many = ["camera.roi_px=[0,0,2048,2048]", "simulation.n_beads=200"]
    loaded = load_config("demo.toml", [*given, *many, *parsed.overrides])
    ensure_compiled(compile_targets(loaded.config), print)
    print(f"method {loaded.config.tracking.method}, {loaded.config.tracking.threads} threads")
    if parsed.part in ("twin", "all"):
        print("twin,", twin(loaded), flush=True)
    if parsed.part in ("looped", "all"):
        print("looped,", looped(loaded), flush=True)
    if parsed.part in ("loss", "all"):
        for n_beads in parsed.beads:
            print(loss(loaded, n_beads), flush=True)
    if parsed.part == "magscope":
        for n_beads in parsed.beads:
            for line in beside_magscope(loaded, _FORM, n_beads):
                print(line, flush=True)


if __name__ == "__main__":
    main()
