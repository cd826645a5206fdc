"""From command to motor, and stop-all, in the twin: ``python -m tests.benchmarks.motors``.

The simulated axes note when a move or a stop begins, on the clock of the whole computer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from hardware.simulated.world import MATRIX, ROWS, Axis
from magscope_app.config import Config
from magscope_app.datatypes import MatrixBuffer
from magscope_app.experiment import Microscope
from magscope_app.messages import JogMotor, Message, MoveMotor, StopMotors
from tests.hardware.simulated.twin import twin_config
from tests.line.running import SMALL, run
from tests.processes.motors_rig import MotorsRig

_REPEATS = 300
_STOPS = 50
_WAIT_S = 2.0
#: Columns of the world's matrix; the speed is infinite for a stop.
_TARGET, _SPEED = 3, 4


def began_ns(world: MatrixBuffer, axis: Axis, target: float | None) -> int:
    """Wait for a move of an axis to a target, or for its stop (None); return when it began."""
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        rows = world.newest(ROWS)
        mine = rows[rows[:, 0] == axis]
        if len(mine) and (np.isinf(mine[-1, _SPEED]) if target is None else mine[-1, _TARGET] == target):
            return int(mine[-1, 1])
        time.sleep(0.0005)
    raise TimeoutError(f"{axis.name} did not do what it was told")


def latencies(
    world: MatrixBuffer, send: Callable[[Message], None], repeats: int = _REPEATS
) -> tuple[list[float], list[float]]:
    """Return ms from command to begin for moves of the focus, and from stop-all to the magnets' stop."""
    moves, stops = [], []
    for index in range(repeats):
        time.sleep(0.003 + 0.02 * (index % 7) / 7)
        target = float(100 + index)
        sent_ns = time.perf_counter_ns()
        send(MoveMotor("focus", target))
        moves.append((began_ns(world, Axis.FOCUS, target) - sent_ns) * 1e-6)
    for index in range(_STOPS):
        target = 14.0 if index % 2 else 1.0
        send(MoveMotor("magnet", target))
        began_ns(world, Axis.MAGNET_HEIGHT, target)
        time.sleep(0.01 + 0.02 * (index % 7) / 7)
        sent_ns = time.perf_counter_ns()
        send(StopMotors())
        stops.append((began_ns(world, Axis.MAGNET_HEIGHT, None) - sent_ns) * 1e-6)
        time.sleep(0.03)
    return moves, stops


def protocol(microscope: Microscope) -> None:
    """Measure from a protocol: its commands go by way of the supervisor."""
    microscope.position("focus")
    world = microscope._handles.matrix(MATRIX)  # the world is the twin's own, no part of the interface
    try:
        moves, stops = latencies(world, microscope._send)
    finally:
        world.close()
    folder = Path(microscope.config.recording.folder)
    np.savez(folder / "latencies.npz", moves=moves, stops=stops)


def axes_with_a_driver_that_waits() -> Config:
    """Return focus, magnets and an axis whose driver blocks, all of one controller."""
    simulated = "hardware.simulated.microscope:Simulated"
    axes: list[dict[str, object]] = [
        {"name": "slow", "driver": "tests.processes.stages:BlockingStage", "limits": [-1e6, 1e6]},
        {"name": "focus", "driver": f"{simulated}Focus", "role": "focus"},
        {"name": "magnet", "driver": f"{simulated}MagnetHeight", "role": "magnet_height", "lowest": 0.5},
    ]
    return Config.model_validate(
        {
            **twin_config().model_dump(exclude_none=True, exclude={"motors"}),
            "motors": [{**axis, "controller": "one"} for axis in axes],
        }
    )


def say(what: str, values: list[float]) -> None:
    """Print median, 99th percentile and worst."""
    median, high = np.percentile(values, [50, 99])
    print(f"{what}: median {median:.2f} ms, p99 {high:.2f} ms, worst {max(values):.2f} ms ({len(values)})")


def main() -> None:
    """Print the figures for docs/performance.md."""
    rig = MotorsRig(axes_with_a_driver_that_waits())
    world = rig.handles.matrix(MATRIX)
    try:
        moves, stops = latencies(world, lambda message: rig.children.send("motors", message))
        say("command to motor, motors process alone", moves)
        say("stop-all to motor, motors process alone", stops)
        waiting = []
        for index in range(_STOPS):
            rig.send("magnet", MoveMotor("magnet", 14.0 if index % 2 else 1.0))
            began_ns(world, Axis.MAGNET_HEIGHT, 14.0 if index % 2 else 1.0)
            rig.send("slow", JogMotor("slow", 1000.0))
            rig.until_state("slow", "moving")
            time.sleep(0.01)
            sent_ns = time.perf_counter_ns()
            rig.stop()
            waiting.append((began_ns(world, Axis.MAGNET_HEIGHT, None) - sent_ns) * 1e-6)
            rig.until_state("slow", "ready")
        say("stop-all to motor, while another axis's driver waits", waiting)
    finally:
        world.close()
        rig.close()
    with TemporaryDirectory() as folder:
        keys = [
            "experiment.protocol=tests.benchmarks.motors:protocol",
            f"recording.folder={Path(folder).as_posix()}",
        ]
        done = run(
            "run", "demo.toml", "--headless", *SMALL, *[part for key in keys for part in ("--set", key)]
        )
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        with np.load(Path(folder) / "latencies.npz") as found:
            say("command to motor, from a protocol through the whole line", found["moves"].tolist())
            say("stop-all to motor, from a protocol through the whole line", found["stops"].tolist())


if __name__ == "__main__":
    main()
