"""A run that writes down what was acknowledged: ``python -m tests.line.acknowledging FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from magscope_app.config import load_config
from magscope_app.messages import SystemStatus
from magscope_app.processes.options import Listeners, RunOptions
from magscope_app.processes.supervisor import Supervisor

MODE = "recording.mode=Track and Video (Full)"
NO_RESTART = "supervisor.restart.recording=never"
SMALL = ["camera.roi_px=[0,0,256,192]", "simulation.n_beads=2", "simulation.n_reference=1"]


def main(folder: Path) -> None:
    """Record into `folder` for a minute; ``acknowledged`` beside it holds the frames counted as recorded."""
    acknowledged = folder.with_name("acknowledged")

    def on_status(status: SystemStatus) -> None:
        fresh = acknowledged.with_suffix(".new")
        fresh.write_text(str(status.counters.frames_recorded))
        fresh.replace(acknowledged)

    options = RunOptions(headless=True, duration_s=60, record=folder, name="killed")
    Supervisor(
        load_config("demo.toml", [*SMALL, MODE, NO_RESTART]),
        options,
        Listeners(lambda entry: None, on_status),
    ).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
