"""Z-LUTs of a sweep on the demo against the truth, and magtrack's on the same frames beside them.

``python -m tests.benchmarks.calibration`` prints the tables of docs/performance.md, section "Calibration".
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from magscope_app.calibration.build import BuildSettings, SweepImages
from magscope_app.calibration.lookup import Images
from magscope_app.storage import open_dataset
from magscope_app.tracking import ZLUTSet
from tests.benchmarks.accuracy_cases import load_magtrack
from tests.calibration.proof import (
    OFFSETS,
    RANGE,
    BeadErrors,
    Floats,
    Scan,
    errors,
    read_scan,
    scan,
    sweep,
    track_scan,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=60, help="frames per place of the scan")
    parser.add_argument("--keep", type=Path, help="folder for the data (default: a temporary one)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep if given.keep is not None else Path(temporary)
        folder.mkdir(exist_ok=True)
        out = folder / "zluts.npz"
        if not out.exists():
            began = time.monotonic()
            print(sweep(out, folder, RANGE, []))
            print(f"from the start of the command to its end {time.monotonic() - began:.0f} s")
            scan(out, folder, OFFSETS, given.frames, [])
        scanned, zluts = read_scan(open_dataset(next(folder.glob("*_scan")))), ZLUTSet.load(out)
        print(f"{len(scanned.place)} frames at {scanned.place.max() + 1} places, {len(zluts)} beads")
        for method in ("full", "fast", "qi"):
            _print(method, track_scan(scanned, zluts, method))
        _print("magtrack", magtrack_errors(scanned, next(folder.glob("*_zlut")), zluts))


def _print(name: str, found: dict[int, BeadErrors]) -> None:
    for kind, stuck in (("stuck", True), ("tethered", False)):
        some = [one for one in found.values() if one.is_stuck == stuck]
        if not some:
            continue
        bias, std = [one.bias_nm for one in some], [one.std_nm for one in some]
        ratio = [one.ratio for one in some]
        missing = sum(one.missing for one in some)
        cells = (
            f"{np.median(bias):.2f} ({max(bias):.2f})",
            f"{np.median(std):.2f}",
            f"{np.median(ratio):.2f} ({max(ratio):.2f})",
        )
        print(f"| {name} | {kind} ({len(some)}) | {' | '.join(cells)} | {missing} |")


def magtrack_errors(scanned: Scan, dataset: Path, zluts: ZLUTSet) -> dict[int, BeadErrors]:
    """Make each bead's table with magtrack from the frames of the sweep, and look the scan up in it."""
    magtrack = load_magtrack()
    if magtrack is None:
        return {}
    found = {}
    images = SweepImages(open_dataset(dataset), BuildSettings())
    for bead, rois in images.beads():
        bead_id = int(bead["id"])
        if bead_id not in zluts or bead_id not in scanned.bead_ids:
            continue
        n_planes, _, size, _ = rois.shape
        profiles = magtrack.stack_to_xyzp(_stack(rois.reshape(-1, size, size)))[3]
        table = np.nanmean(profiles.reshape(len(profiles), n_planes, -1), axis=2)
        scanned_rois = scanned.rois[:, scanned.bead_ids.index(bead_id)]
        z_nm = magtrack.stack_to_xyzp(_stack(scanned_rois), np.vstack([images.z_nm, table]))[2]
        found[bead_id] = errors(scanned, np.asarray(z_nm), np.full(len(z_nm), np.nan), bead_id)
    return found


def _stack(images: Images) -> Floats:
    return np.ascontiguousarray(np.moveaxis(images, 0, 2)).astype(np.float64)


if __name__ == "__main__":
    main()
