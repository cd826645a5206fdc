"""A camera three times as fast as tracking: the loss is exact, the line answers, it recovers by itself."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from tests.faults.sources import OverloadingCamera, centres
from tests.line.running import ROOT, Dataset, require_identities, running

_ROI_PX = 64
_ANSWERED_WITHIN_S = 5.0
PROTOCOL = """
import time
def practise(microscope):
    number = 0
    while not microscope.wait(0.3):
        started = time.monotonic()
        number += 1
        try:
            microscope.move("focus", 100.0 * (number % 2), timeout_s=10)
        except Exception:
            # The run is ending, which stops the motors.
            return
        microscope.note(f"answered after {time.monotonic() - started:.3f} s")
"""


@pytest.mark.timeout(200)
@pytest.mark.slow
@pytest.mark.parametrize("seconds", [5, 60])
def test_overload(seconds: int, tmp_path: Path) -> None:
    (tmp_path / "busy.py").write_text(PROTOCOL, encoding="utf-8")
    beads = [
        {"id": number, "x_px": x_px, "y_px": y_px}
        for number, (x_px, y_px) in enumerate(centres(OverloadingCamera.FORMAT, _ROI_PX))
    ]
    listed = ", ".join(
        "{" + ", ".join(f"{key}={value}" for key, value in bead.items()) + "}" for bead in beads
    )
    given = [
        *("--set", "camera.driver=tests.faults.sources:OverloadingCamera"),
        *("--set", f"camera.settings={{measure_s=1.5, overload_s={seconds}}}"),
        *(
            "--set",
            "camera.fps=1000",
            "--set",
            "camera.exposure_ms=0.1",
            "--set",
            "camera.roi_px=[0,0,512,384]",
        ),
        *("--set", f"beads.list=[{listed}]", "--set", "beads.find=false", "--set", f"beads.roi_px={_ROI_PX}"),
        *("--set", "buffer.seconds=0.5", "--set", "experiment.protocol=busy:practise"),
        *("--set", f"drivers.path=['{tmp_path.as_posix()}', '{ROOT.as_posix()}']"),
    ]
    with running("demo.toml", "--headless", "--record", str(tmp_path / "out"), *given) as line:
        line.wait_for("rest begins at camera frame", timeout_s=seconds + 60)
        # Half of this is enough to recover, on a busy machine, too.
        time.sleep(5.0)
        assert line.end(signal.SIGTERM)[0] == 0, line.output
        output = line.output
    dataset = Dataset.only(tmp_path / "out")
    counters, ledger = dataset.counters, dataset.about["ledger"]
    require_identities(counters, ledger)
    made = int(re.findall(r"the camera has made (\d+) frames", output)[-1])
    assert made == counters["frames_acquired"] + counters["lost_ring"] + counters["lost_upstream"]
    assert counters["lost_ring"] + counters["lost_tracking"] > 0.2 * made
    ids = dataset.column("tracking/frame_ids").astype(np.int64)
    lost = [np.arange(gap["first_id"], gap["first_id"] + gap["count"]) for gap in ledger]
    whole = np.sort(np.concatenate([ids, *lost]))
    np.testing.assert_array_equal(whole, np.arange(made))
    # It recovers: soon after the overload the ring takes every frame again.
    (begin,) = re.findall(r"rest begins at camera frame (\d+)", output)
    refused = [gap["first_id"] + gap["count"] for gap in ledger if gap["where"] == "ring"]
    assert max(refused) < (int(begin) + made) / 2
    notes = [event["text"] for event in dataset.events() if event["kind"] == "note"]
    answers = [float(found[1]) for text in notes if (found := re.match(r"answered after ([\d.]+) s", text))]
    assert len(answers) >= seconds / 2
    # It stays responsive, also on a busy machine; alone it takes less than a tenth of a second.
    assert max(answers) < _ANSWERED_WITHIN_S
    print(re.findall(r"\w+ begins at camera frame .* fps", output), f"{made} made", counters, max(answers))
