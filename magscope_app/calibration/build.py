"""From the dataset of a sweep to the Z-LUTs of its beads, now or years later, with other settings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from magscope_app.calibration.bead_drift import SweepDrift, sweep_drift
from magscope_app.calibration.evaluate import SweepFacts, evaluate_bead
from magscope_app.calibration.last_look import LastLook, look_again
from magscope_app.calibration.lookup import Images
from magscope_app.calibration.mosaic_correction import MosaicCorrection, recorded_corrections
from magscope_app.calibration.report import BeadReport
from magscope_app.calibration.sample_drift import SampleDrift
from magscope_app.config import BeadRole
from magscope_app.errors import MagscopeError
from magscope_app.processes.camera_noise import field_correction
from magscope_app.storage import Dataset, open_dataset
from magscope_app.tracking import ZLUT, CameraNoise, ZLUTSet
from magscope_app.tracking.zlut import MIN_PLANES

#: Images that are held in memory at once; with more, the files are read again for the next beads.
_MEMORY_BYTES = 500_000_000

#: Told what is done and which share of it, from 0 to 1; may raise to break off.
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """What may be chosen anew when Z-LUTs are made of a sweep.

    Attributes
    ----------
    frames : int or None
        Frames per plane, the first ones; None: all.
    every : int
        1: every plane; 2: every second one, and so on, the first one included.
    roi_px : int or None
        Edge of the ROI, cut from the middle; None: that of the sweep.
    """

    frames: int | None = None
    every: int = 1
    roi_px: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SweepResult:
    """Z-LUTs and what they are worth.

    Attributes
    ----------
    zluts : ZLUTSet
        Of all beads that have one, poor ones included.
    reports : tuple of BeadReport
        All beads of the sweep.
    drift : SampleDrift or None
        Of the sample during the sweep, where that is known.
    """

    zluts: ZLUTSet
    reports: tuple[BeadReport, ...]
    drift: SampleDrift | None = None

    def only(self, bead_ids: set[int]) -> ZLUTSet:
        """Return the Z-LUTs of some beads."""
        return ZLUTSet({bead: zlut for bead, zlut in self.zluts.items() if bead in bead_ids})

    @property
    def good_ids(self) -> set[int]:
        """The beads whose Z-LUT is good."""
        return {report.bead_id for report in self.reports if report.verdict == "good"}

    def require_good(self) -> ZLUTSet:
        """Return the good Z-LUTs; MagscopeError says for the first few beads why there is none."""
        if self.good_ids:
            return self.only(self.good_ids)
        # What is said of all beads is said once, and hides nothing that is said of one.
        common = self.drift.text if self.drift is not None and self.drift.is_too_much else ""
        own = {one.bead_id: [said for said in one.remarks if said != common] for one in self.reports}
        said = [f"bead {bead_id}: {'; '.join(remarks)}" for bead_id, remarks in own.items() if remarks][:3]
        if not common:
            raise MagscopeError(f"no bead gave a good Z-LUT ({'; '.join(said)})")
        raise MagscopeError(f"no Z-LUT is good: {common}" + (f" ({'; '.join(said)})" if said else ""))


def build_zluts(
    path: Path, settings: BuildSettings | None = None, progress: Progress = lambda _what, _done: None
) -> SweepResult:
    """Make and judge the Z-LUTs of a sweep's dataset.

    Parameters
    ----------
    path : Path
        The dataset's folder.
    settings : BuildSettings, optional
        What is to be other than in the sweep.
    progress : callable
        See `Progress`.

    Raises
    ------
    MagscopeError
        It is no dataset of a sweep, or damaged, or the settings leave too little.
    """
    sweep = SweepImages(open_dataset(path), settings or BuildSettings())
    zluts: dict[int, ZLUT] = {}
    reports: list[BeadReport] = []
    looks: list[LastLook] = []
    for place, (bead, images) in enumerate(sweep.beads()):
        bead_id, role = int(bead["id"]), cast("BeadRole", bead["role"])
        progress(f"Z-LUT of bead {bead_id}", place / sweep.n_beads)
        removed = sweep.about["removed"].get(str(bead_id))
        if removed:
            reports.append(BeadReport(bead_id, role, "lost", (removed,)))
            continue
        facts = sweep.facts(bead)
        zlut, report = evaluate_bead(bead_id, role, images, sweep.z_nm, facts)
        reports.append(report)
        if zlut is not None:
            zluts[bead_id] = zlut
            looks += sweep.last_look(place, images, zlut, report)
    drift = sweep.drift(looks)
    if drift is None:
        return SweepResult(ZLUTSet(zluts), tuple(reports))
    zluts, reports = _with_drift(zluts, reports, drift)
    return SweepResult(ZLUTSet(zluts), tuple(reports), drift.sample)


def _with_drift(
    zluts: dict[int, ZLUT], reports: list[BeadReport], drift: SweepDrift
) -> tuple[dict[int, ZLUT], list[BeadReport]]:
    """Judge every bead by its motion, and note that in its Z-LUT."""
    reports = [drift.judged(report) for report in reports]
    said = {report.bead_id: drift.metadata(report) for report in reports}
    noted = {
        bead_id: replace(zlut, metadata=dict(zlut.metadata) | said[bead_id])
        for bead_id, zlut in zluts.items()
    }
    return noted, reports


class SweepImages:
    """The images of a sweep's dataset, bead by bead, planes in rising z.

    They are corrected by the dark frame and the flat field of the dataset, as tracking corrects ROIs.

    Parameters
    ----------
    dataset : Dataset
        Of a sweep.
    settings : BuildSettings
        What is to be left out.

    Raises
    ------
    MagscopeError
        It is no sweep, or too little is left.
    """

    def __init__(self, dataset: Dataset, settings: BuildSettings) -> None:
        about = dataset.description.get("sweep")
        if not isinstance(about, dict):
            raise MagscopeError(
                f"{dataset.path} is no dataset of a finished Z-LUT sweep; give the folder of one"
            )
        self.about: dict[str, Any] = about
        self._dataset = dataset
        try:
            self._take(about, settings)
            self._field = field_correction(recorded_corrections(dataset, about.get("corrections")))
            ceiling_dn = int(about["ceiling_dn"])
            self._correction = None if self._field is None else MosaicCorrection(self._field, ceiling_dn)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            said = f"{type(error).__name__}: {error}"
            raise MagscopeError(
                f"{dataset.path}: what dataset.json says of the sweep is damaged ({said}); sweep again"
            ) from error

    def _take(self, about: dict[str, Any], settings: BuildSettings) -> None:
        """Find out what there is, and what is left of it."""
        self._roi_px = int(about["roi_px"])
        self._size_px = self._roi_px if settings.roi_px is None else settings.roi_px
        if not 16 <= self._size_px <= self._roi_px:
            raise MagscopeError(
                f"a ROI of {self._size_px} px cannot be cut from the sweep's {self._roi_px} px; "
                "take 16 px or more, and no more than that"
            )
        there = int(about["plan"]["frames"])
        self._frames = there if settings.frames is None else settings.frames
        if not 1 <= self._frames <= there:
            raise MagscopeError(f"the sweep has {there} frames per plane, of which 1 to {there} can be taken")
        if settings.every < 1:
            raise MagscopeError("1 takes every plane, 2 every second one; less cannot be")
        factor, surface_nm = float(about["focal_shift_factor"]), about.get("surface_nm")
        # What focus travel means in height, from the coverslip on where the config states that.
        zero_nm = factor * float(about["focus_start_nm"]) if surface_nm is None else float(surface_nm)
        steps = [(zero_nm - factor * float(step["focus_nm"]), step) for step in about["steps"]]
        # Sweeps of before this was taken have none.
        self._closing: dict[str, Any] | None = about.get("closing")
        self._closing_z_nm = (
            zero_nm - factor * float(self._closing["focus_nm"]) if self._closing else math.nan
        )
        self._closing_rois: Images | None = None
        self._all_steps = sorted(steps, key=lambda pair: pair[0])
        self._steps = self._all_steps[:: settings.every]
        if len(self._steps) < MIN_PLANES:
            raise MagscopeError(
                f"{len(self._steps)} planes are too few, a Z-LUT needs {MIN_PLANES}; leave out fewer"
            )
        self.n_beads = len(about["beads"])

    @property
    def z_nm(self) -> npt.NDArray[np.float64]:
        """Bead height relative to the focal plane, as if the bead lay where heights begin.

        That is on the coverslip where `surface_nm` is known, else in the focus of before the sweep.
        """
        return np.array([z for z, _ in self._steps])

    def facts(self, bead: dict[str, Any]) -> SweepFacts:
        """Return what is known of a bead and of the sweep."""
        about = self.about
        noise = about["noise"]
        own = {
            "camera": about["camera"],
            "camera_bits": about["bits"],
            "magnification": about["magnification"],
            "sweep": self._dataset.path.name,
            "frames_per_plane": self._frames,
            "focus_start_nm": about["focus_start_nm"],
            "surface_nm": about.get("surface_nm"),
            "force_pn": about["force_pn"],
            "x_px": bead["x_px"],
            "y_px": bead["y_px"],
            "gain_dn_per_e": noise["gain_dn_per_e"] if noise else None,
            "offset_dn": noise["offset_dn"] if noise else None,
            "read_noise_e": noise["read_noise_e"] if noise else None,
        } | about.get("corrections", {})
        camera = CameraNoise(**noise, saturation_dn=int(about["ceiling_dn"])) if noise else None
        return SweepFacts(
            nm_per_px=float(about["nm_per_px"]),
            focal_shift_factor=float(about["focal_shift_factor"]),
            noise=camera if self._field is None else self._field.noise(camera),
            ceiling_dn=int(about["ceiling_dn"]),
            created=str(self._dataset.description.get("started", "")),
            metadata=own,
        )

    def beads(self) -> Iterator[tuple[dict[str, Any], Images]]:
        """Yield every bead with its images (n_planes, n_per_plane, size, size)."""
        beads = self.about["beads"]
        each = len(self._steps) * self._frames * self._size_px**2 * (2 if self.about["bits"] > 8 else 1)
        at_once = max(1, _MEMORY_BYTES // each)
        for first in range(0, len(beads), at_once):
            group = range(first, min(first + at_once, len(beads)))
            images = self._read(group)
            for place in group:
                yield beads[place], images[place - first]

    def last_look(self, place: int, images: Images, zlut: ZLUT, report: BeadReport) -> list[LastLook]:
        """Return how a bead was found in the last look; nothing if there was none."""
        if self._closing is None:
            return []
        if self._closing_rois is None:
            frames = [int(frame_id) for frame_id in self._closing["frames"][: self._frames]]
            everyone = range(self.n_beads)
            step = int(self._closing["step"])
            self._closing_rois = np.stack([self._rois(frame_id, step, everyone) for frame_id in frames])
        again = self._closing_rois[np.newaxis, :, place]
        plane = [int(step["step"]) for _, step in self._steps]
        at = plane.index(int(self._closing["plane"])) if int(self._closing["plane"]) in plane else None
        before = None if at is None else images[at : at + 1]
        facts = self.facts(self.about["beads"][place])
        return [look_again(again, before, self._closing_z_nm, zlut, report, facts, self._range_nm)]

    @property
    def _range_nm(self) -> float:
        """Range of the sweep in z, whatever is left out."""
        return self._all_steps[-1][0] - self._all_steps[0][0]

    def drift(self, looks: list[LastLook]) -> SweepDrift | None:
        """Return what moved, from the beads' `last_look`; None without a last look or Z-LUT."""
        if self._closing is None or not looks:
            return None
        return sweep_drift(looks, [step for _, step in self._all_steps], self._closing, self._range_nm)

    def _read(self, group: range) -> Images:
        images: Images | None = None
        for plane, (_, step) in enumerate(self._steps):
            for shot, frame_id in enumerate(step["frames"][: self._frames]):
                rois = self._rois(int(frame_id), int(step["step"]), group)
                if images is None:
                    shape = (len(group), len(self._steps), self._frames, self._size_px, self._size_px)
                    images = np.empty(shape, rois.dtype)
                images[:, plane, shot] = rois
        assert images is not None  # there is at least one plane with one frame
        return images

    def _rois(self, frame_id: int, step: int, group: range) -> npt.NDArray[Any]:
        """Return the wanted part (n_beads, size, size) of some beads' ROIs in one frame, corrected."""
        edge, size = self._roi_px, self._size_px
        chosen = slice(group.start, group.stop)
        rois = self._mosaic(frame_id, step).reshape(-1, edge, edge)[chosen]
        if self._correction is not None:
            about = self._dataset.get_metadata({"time": frame_id, "step": step})
            return self._correction(rois, about.get("rois_px", [])[chosen], size)
        margin = (edge - size) // 2
        return rois[:, margin : margin + size, margin : margin + size]

    def _mosaic(self, frame_id: int, step: int) -> npt.NDArray[Any]:
        """Return the ROIs of all beads below each other, in one frame."""
        where = f"frame {frame_id} of plane {step + 1}"
        try:
            mosaic = self._dataset.get_data({"time": frame_id, "step": step})
        except KeyError as error:
            raise MagscopeError(f"{where} is not in the dataset {self._dataset.path}; sweep again") from error
        if mosaic.shape != (self.n_beads * self._roi_px, self._roi_px):
            raise MagscopeError(
                f"{where} in {self._dataset.path} does not show {self.n_beads} ROIs of {self._roi_px} px"
            )
        return mosaic
