"""A sweep as a user makes it, and then a scan of the focus tracked with its Z-LUTs, against the truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from magscope_app.storage import Dataset, open_dataset
from magscope_app.tracking import CameraNoise, Tracker, ZLUTSet
from tests.line.running import run

Floats = npt.NDArray[np.float64]
NOISE = CameraNoise(0.012, 8.0, 10.0, 255)
#: First and last focus, step (nm) and frames of the sweep.
RANGE = (-2000.0, 2000.0, 50.0, 10)
#: A loaded computer takes its time for the Z-LUTs of 20 beads.
_LONGEST_S = 400.0
#: Where the focus stands in the scan: between the planes, and away from the ends.
OFFSETS = [float(offset) for offset in np.arange(-1780.0, 1781.0, 178.0) + 13.0]

#: Puts the focus where no plane was, at a force that pulls tethers straight.
SCAN = """
def scan(microscope):
    microscope.set_force(10.0)
    for index, z_nm in enumerate({offsets}):
        microscope.move("focus", z_nm)
        microscope.wait(0.05)
        if index == 0:
            microscope.start_recording("scan", mode="Track and Video (ROIs)")
        microscope.note(str(z_nm))
        microscope.tracks({frames})
    microscope.stop_recording()
"""


@dataclass(frozen=True)
class BeadErrors:
    """How far a bead is found from where it was.

    Attributes
    ----------
    bias_nm : float
        Rms over the places of the mean difference, without what is the same at all places: the height that
        the bead had while the Z-LUT was made.
    ratio : float
        Standard deviation around the mean of each place, divided by the stated uncertainty.
    std_nm : float
        That standard deviation.
    missing : int
        Frames without z.
    is_stuck : bool
        Whether it does not move.
    """

    bias_nm: float
    ratio: float
    std_nm: float
    missing: int
    is_stuck: bool


def sweep(out: Path, data: Path, numbers: tuple[float, float, float, int], settings: list[str]) -> str:
    """Run ``magscope-app zlut`` on the demo and return what it printed."""
    start, stop, step, frames = numbers
    done = run(
        *("zlut", "demo.toml", "--start-nm", str(start), "--stop-nm", str(stop), "--step-nm", str(step)),
        *("--frames", str(frames), "--out", str(out), "--set", f"recording.folder={data.as_posix()}"),
        *settings,
        timeout_s=_LONGEST_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def scan(zluts: Path, data: Path, offsets: list[float], frames: int, settings: list[str]) -> Dataset:
    """Track and record at these focus positions, with the Z-LUTs that the config names."""
    (data / "scanning.py").write_text(SCAN.format(offsets=offsets, frames=frames))
    done = run(
        *("run", "demo.toml", "--headless", "--set", f"tracking.zlut={zluts.as_posix()}"),
        *("--set", f"drivers.path=['{data.as_posix()}']", "--set", "experiment.protocol=scanning:scan"),
        *("--set", f"recording.folder={data.as_posix()}", *settings),
        timeout_s=_LONGEST_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return open_dataset(next(data.glob("*_scan")))


@dataclass(frozen=True)
class Scan:
    """Frames of a scan at which the focus stood still, with the truth.

    Attributes
    ----------
    rois : ndarray (n_frames, n_beads, size, size)
        Images.
    truth : dict of int to ndarray (n_frames, 2)
        z relative to the focal plane, and extension, by bead.
    place : ndarray (n_frames,)
        Which focus position.
    """

    rois: npt.NDArray[np.uint8]
    bead_ids: list[int]
    truth: dict[int, Floats]
    place: npt.NDArray[np.int64]


def read_scan(dataset: Dataset) -> Scan:
    """Read images and truth of the frames at which the focus stood still."""
    frames = dataset.video_frame_ids
    truth = dataset.truth()
    assert truth is not None
    telemetry = dataset.telemetry("focus")
    about = dataset.get_metadata({"time": int(frames[0])})
    ids, corners = about["bead_ids"], np.array(about["rois_px"])[:, (0, 2)]
    t_ns = np.array([dataset.get_metadata({"time": int(frame)})["t_ns"] for frame in frames])
    # Two rows of telemetry at the target on both sides of every frame.
    at = np.searchsorted(telemetry["t_ns"], t_ns)
    inside = (at >= 3) & (at < len(telemetry) - 1)
    around = np.clip(at[:, None] + np.array([-3, -2, -1, 0, 1]), 0, len(telemetry) - 1)
    targets, still = telemetry["target"][around], telemetry["at_target"][around]
    steady = inside & (np.ptp(targets, axis=1) == 0) & (still == 1).all(axis=1)
    truth_frames = np.unique(truth["frame_id"])
    kept = steady & np.isin(frames, truth_frames)
    rois = np.stack([dataset.get_data({"time": int(frame)}) for frame in frames[kept]])
    size = rois.shape[2]
    n_sim = len(np.unique(truth["bead_id"]))
    table = truth.reshape(-1, n_sim)
    rows = table[np.searchsorted(table["frame_id"][:, 0], frames[kept])]
    nm_per_px = dataset.description["nm_per_px"]
    centres = (corners + (size - 1) / 2) * nm_per_px
    found = {}
    for bead_id, centre in zip(ids, centres, strict=True):
        near = int(np.argmin(np.hypot(rows["x_nm"][0] - centre[0], rows["y_nm"][0] - centre[1])))
        found[int(bead_id)] = np.stack([rows["z_nm"][:, near], rows["extension_nm"][:, near]], axis=1)
    _, place = np.unique(targets[kept, 0], return_inverse=True)
    return Scan(rois.reshape(len(rois), -1, size, size), [int(one) for one in ids], found, place)


def errors(scanned: Scan, z_nm: Floats, sigma_nm: Floats, bead_id: int) -> BeadErrors:
    """Compare z of one bead, (n_frames,), with the truth."""
    truth = scanned.truth[bead_id]
    off = z_nm - truth[:, 0]
    places = range(int(scanned.place.max()) + 1)
    means = np.array([np.nanmean(off[scanned.place == place]) for place in places])
    around = off - means[scanned.place]
    spread = float(np.sqrt(np.nanmean(around**2)))
    stated = float(np.sqrt(np.nanmean(sigma_nm**2))) if np.isfinite(sigma_nm).any() else np.nan
    bias = float(np.std(means))
    return BeadErrors(bias, spread / stated, spread, int(np.isnan(off).sum()), bool((truth[:, 1] == 0).all()))


def track_scan(scanned: Scan, zluts: ZLUTSet, method: str) -> dict[int, BeadErrors]:
    """Track the images of all beads that have a Z-LUT."""
    size = scanned.rois.shape[-1]
    found = {}
    for place, bead_id in enumerate(scanned.bead_ids):
        if bead_id not in zluts:
            continue
        with Tracker(size, zluts[bead_id], NOISE, method=method) as tracker:
            tracks = tracker.track(np.ascontiguousarray(scanned.rois[:, place]), np.zeros((1, 2), np.int64))
        found[bead_id] = errors(scanned, tracks.z_nm[:, 0], tracks.sigma_z_nm[:, 0], bead_id)
    return found
