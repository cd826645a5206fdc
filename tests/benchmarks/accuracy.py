"""Accuracy of the tracking methods and of magtrack on the same images with known truth.

    python -m tests.benchmarks.accuracy [--quick] [--only PART …] [--images 200] [--plot FOLDER]

Every line is one camera, ROI and kind of image: root mean square error over the Cramér–Rao bound and mean
error (nm) in x, y, z, the scatter seen over the σ reported, and how many of the images gave no z or one wrong
by more than 50 nm. The Z-LUT comes from a sweep of 12 noisy frames per 50 nm plane of the same camera.
magtrack makes a table of its own from that sweep; without it (pip install magtrack==1.0.0) its lines are
left out.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.benchmarks import accuracy_cases as cases
from tests.benchmarks.accuracy_cases import Bench, Camera, FloatArray, Result

_WRONG_NM = 50.0
#: ROI (px), electrons at full scale, and bits of what is looked at with our simulator.
CAMERAS = {
    "1000e": (64, 1_000.0, 8),
    "10000e": (64, 10_000.0, 8),
    "25000e": (64, 25_000.0, 8),
    "32px": (32, 10_000.0, 8),
    "100px": (100, 10_000.0, 8),
    "128px": (128, 10_000.0, 8),
    "16bit": (64, 10_000.0, 16),
}
PARTS = (*CAMERAS, "disturbed", "noise-free", "magtrack")
_HEAD = (
    f"{'':34s}{'error / bound':^18s}{'mean error (nm)':^24s}{'seen / σ':^18s}{'no z':>6s}{'wrong':>7s}\n"
    f"{'':34s}" + "".join(f"{axis:>6s}" for axis in "xyz") + "".join(f"{axis:>8s}" for axis in "xyz")
) + "".join(f"{axis:>6s}" for axis in "xyz")


def line(name: str, result: Result, truth: FloatArray, bound: FloatArray | None) -> str:
    """Describe a result in one line of the table; without a bound the errors are in nm."""
    error = result.xyz_nm - truth
    scale = np.ones(3) if bound is None else np.sqrt(np.mean(bound**2, axis=0))
    rms = np.sqrt(np.nanmean(error**2, axis=0)) / scale
    digits = 2 if bound is not None else 3
    pulls = (
        np.sqrt(np.nanmean((error / result.sigma_nm) ** 2, axis=0)) if _any(result.sigma_nm) else [np.nan] * 3
    )
    lost = float(np.isnan(result.xyz_nm[:, 2]).mean())
    wrong = float((np.abs(np.nan_to_num(error)) > _WRONG_NM).any(axis=1).mean())
    return (
        f"{name:34s}"
        + "".join(f"{value:6.{digits}f}" for value in rms)
        + "".join(f"{value:8.{digits}f}" for value in np.nanmean(error, axis=0))
        + "".join(f"{value:6.2f}" for value in pulls)
        + f"{100 * lost:5.1f}%{100 * wrong:6.1f}%"
    )


def _any(values: FloatArray) -> bool:
    return bool(np.isfinite(values).any())


class Table:
    """Runs cases and prints them; keeps what is plotted."""

    def __init__(self, n_images: int, methods: Sequence[str]) -> None:
        self.n_images, self.methods = n_images, methods
        #: Error over bound (3,) by method and electrons, our simulator, 64 px, 8 bit.
        self.ratios: dict[str, dict[float, FloatArray]] = {name: {} for name in methods}

    def plain(self, title: str, bench: Bench) -> None:
        """Positions over z and sub-pixel place."""
        rng = np.random.default_rng(11)
        truth = cases.positions(self.n_images, rng)
        images = bench.camera.expose(bench.light(truth, bench.roi_px), rng)
        few = truth[:: max(1, len(truth) // 40)]
        bound = cases.bounds(bench.light, few, bench.roi_px, bench.camera)
        scale = np.sqrt(np.mean(bound**2, axis=0))
        print(f"\n{title}; bound {scale[0]:.3f} {scale[1]:.3f} {scale[2]:.3f} nm\n{_HEAD}", flush=True)
        for name in self.methods:
            result = bench.track(name, images)
            print(line(name, result, truth, bound), flush=True)
            if (bench.roi_px, bench.camera.bits, bench.light) == (64, 8, cases.own_light):
                error = result.xyz_nm - truth
                self.ratios[name][bench.camera.photons_e] = np.sqrt(np.nanmean(error**2, axis=0)) / scale

    def disturbed(self, bench: Bench) -> None:
        """Neighbour, gradient, drift, capture; errors over the bound of the undisturbed bead."""
        rng = np.random.default_rng(13)
        truth = cases.positions(self.n_images, rng)
        away = cases.off_centre(self.n_images, rng)
        light = bench.light(truth, bench.roi_px)
        bound = cases.bounds(bench.light, truth[::8], bench.roi_px, bench.camera)
        kinds = (
            (
                "a neighbour at 1.2 × ROI",
                truth,
                cases.with_neighbour(light, truth, bench.roi_px, bench.light),
            ),
            ("a background gradient of 10 %", truth, cases.with_gradient(light)),
            ("light drifting by ± 20 %", truth, cases.with_drift(light, rng)),
            ("1.2 µm off-centre", away, bench.light(away, bench.roi_px)),
        )
        for kind, places, changed in kinds:
            images = bench.camera.expose(changed, rng)
            print(
                f"\n{bench.roi_px} px, {bench.camera.photons_e:,.0f} e⁻, 8 bit: {kind}\n{_HEAD}", flush=True
            )
            for name in self.methods:
                print(line(name, bench.track(name, images), places, bound), flush=True)

    def noise_free(self, bench: Bench) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Bias: errors in nm; return truth and errors by method."""
        rng = np.random.default_rng(17)
        truth = cases.positions(self.n_images, rng)
        images = bench.camera.expose(bench.light(truth, bench.roi_px), rng)
        print(f"\nalmost noise-free, {bench.roi_px} px, 16 bit: rms errors in nm instead of ratios\n{_HEAD}")
        found = {}
        for name in self.methods:
            result = bench.track(name, images)
            print(line(name, result, truth, None), flush=True)
            found[name] = (truth, result.xyz_nm - truth)
        return found


def plot(folder: Path, table: Table, biases: dict[str, tuple[FloatArray, FloatArray]]) -> None:
    """Write the two figures of docs/tracking.md; needs matplotlib (the extra `bench`)."""
    importlib.import_module("matplotlib").use("svg")
    plt = importlib.import_module("matplotlib.pyplot")
    figure, panels = plt.subplots(1, 3, figsize=(10, 3.2), sharex=True, constrained_layout=True)
    for axis, panel in enumerate(panels):
        for name, ratios in table.ratios.items():
            panel.plot(list(ratios), [ratio[axis] for ratio in ratios.values()], "o-", label=name)
        panel.axhline(1, color="0.6", lw=1)
        panel.set(title="xyz"[axis], xscale="log", yscale="log", xlabel="electrons at full scale")
    panels[0].set_ylabel("error / Cramér–Rao bound")
    panels[0].legend(frameon=False)
    figure.savefig(folder / "tracking-bound.svg")
    figure, panels = plt.subplots(1, 2, figsize=(10, 3.2), constrained_layout=True)
    for name, (truth, errors) in biases.items():
        phase = truth[:, 0] / cases.NM - 0.5
        panels[0].plot(phase - np.floor(phase), errors[:, 0], ".", ms=4, label=name)
        panels[1].plot(truth[:, 2] / 1000, errors[:, 2], ".", ms=4, label=name)
    panels[0].set(xlabel="x within its pixel (px)", ylabel="x error (nm)")
    panels[1].set(xlabel="z (µm)", ylabel="z error (nm)", yscale="symlog")
    panels[0].legend(frameon=False)
    figure.savefig(folder / "tracking-bias.svg")
    plt.close("all")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="64 px at 10 000 e⁻ and noise-free only")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts of the whole")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--methods", nargs="+", default=cases.METHODS)
    parser.add_argument("--plot", type=Path, help="folder for the figures; needs matplotlib")
    given = parser.parse_args()
    methods = [*given.methods, *(["magtrack"] if cases.load_magtrack() is not None else [])]
    table = Table(given.images, methods)
    parts = ("10000e", "noise-free") if given.quick else given.only
    print("our simulator, 25 nm/px binned 4 × 4, 100 nm/px")
    for part, (roi_px, photons, bits) in CAMERAS.items():
        if part not in parts and not (part == "10000e" and "disturbed" in parts):
            continue
        bench = Bench(cases.own_light, roi_px, Camera(photons, bits), 12)
        if part in parts:
            table.plain(f"{roi_px} px, {photons:,.0f} e⁻, {bits} bit", bench)
        if part == "10000e" and ("disturbed" in parts or given.quick):
            table.disturbed(bench)
    biases = {}
    if "noise-free" in parts:
        biases = table.noise_free(Bench(cases.own_light, 64, Camera(1e9, 16), 12))
    if "magtrack" in parts and "magtrack" in methods:
        print("\nmagtrack's simulator, 25 nm/px binned 4 × 4, 100 nm/px")
        table.plain("64 px, 10,000 e⁻, 8 bit", Bench(cases.magtrack_light, 64, Camera(10_000.0, 8), 6))
    if given.plot:
        plot(given.plot, table, biases)


if __name__ == "__main__":
    main()
