"""The method "full": a weighted fit of all pixels to the Z-LUT's model, from the result of "qi".

Fisher scoring on x, y, z, gain, offset and a background plane; the weights are those of the model's own light
(Poisson), the read noise and the model's uncertainty. The inverse information matrix gives every frame's
uncertainties (Kay, Fundamentals of Statistical Signal Processing, ch. 3 and 7).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.full_fit_kernels import Model, Work, fit_rois, make_work
from magscope_app.tracking.full_kernels import N_UNKNOWNS
from magscope_app.tracking.full_start import ScanWork, make_scan_work
from magscope_app.tracking.lut_model import LutModel
from magscope_app.tracking.method import Job, Method, Setup
from magscope_app.tracking.noise import CameraNoise
from magscope_app.tracking.qi import ROUNDING_DN2, QuadrantInterpolation

#: Without a noise model: share of the mean grey level that counts as variance without light.
_FLOOR = 0.05


class FullFit:
    """Tracks ROIs by fits of all their pixels; one object per thread, because it owns its work arrays.

    Parameters
    ----------
    setup : Setup
        What to track with.
    models : list of LutModel
        One per Z-LUT, shared by the threads.
    """

    by_bead = False

    def __init__(self, setup: Setup, models: list[LutModel]) -> None:
        self._qi = QuadrantInterpolation(setup.roi_px, setup.tables, setup.noise)
        self._fits = [_Fit(model, setup.roi_px, setup.noise) for model in models]

    def run(self, job: Job, first: int, stop: int) -> None:
        """Track the ROIs numbered first..stop − 1 and write into the job's arrays."""
        used = [int(lut) for lut in np.unique(job.lut_of_bead) if lut >= 0]
        while first < stop:
            count = min(self._qi.at_a_time, stop - first)
            pixels = self._qi.run_few(job, first, count)
            for lut in used:
                self._fits[lut].run(job, pixels, lut, first, count)
            self._qi.doubt(job, first, count, fitted=True)
            first += count


class _Fit:
    """The arrays for one Z-LUT."""

    def __init__(self, model: LutModel, roi_px: int, noise: CameraNoise | None) -> None:
        limits = np.array([*model.reach_px, model.ceiling_dn])
        self._model = Model(model.radial, model.template, limits, model.z0_nm, model.z_step_nm)
        n_intervals = model.radial.shape[1] - 3
        self._work: Work = make_work(roi_px, n_intervals, model.template.shape[1])
        self._scan: ScanWork = make_scan_work(model.n_planes, N_UNKNOWNS)
        self._noise = model_noise(model, noise)
        self._sigma_known = noise is not None
        self._noise_known = noise is not None or math.isfinite(model.noise_gain)

    def run(self, job: Job, pixels: npt.NDArray[np.float32], lut: int, first: int, count: int) -> None:
        """Fit those of `count` ROIs from `first` on whose bead has this Z-LUT."""
        self._noise[4] = job.ceiling
        fit_rois(
            pixels,
            job.rois,
            job.lut_of_bead,
            lut,
            first,
            count,
            self._model,
            self._noise,
            self._noise_known,
            self._sigma_known,
            self._work,
            self._scan,
            job.columns,
            job.flags,
        )


def full_fits(setup: Setup) -> list[Method]:
    """Return one object per thread."""
    models = [LutModel.of(zlut, setup.roi_px) for zlut in setup.zluts]
    return [FullFit(setup, models) for _ in range(setup.threads)]


def model_noise(model: LutModel, noise: CameraNoise | None) -> npt.NDArray[np.float64]:
    """Return gain, offset, variance without light, variance of the model, and room for the ceiling."""
    if noise is not None:
        floor = (noise.gain_dn_per_e * noise.read_noise_e) ** 2 + ROUNDING_DN2
        return np.array([noise.gain_dn_per_e, noise.offset_dn, floor, model.variance_dn2, math.inf])
    gain = model.noise_gain if math.isfinite(model.noise_gain) else 1.0
    return np.array([gain, 0.0, _FLOOR * gain * abs(model.level_dn), model.variance_dn2, math.inf])
