"""Compiled course of the full fit: start, steps, verdict.

Fisher scoring from the result of "qi"; where that leaves z in doubt, from several z. What is written is the
best of them, or what "qi" found if the fit does not describe the image.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from magscope_app.kernels import kernel
from magscope_app.tracking.columns import QUALITY, SIGMA_X, SIGMA_Y, SIGMA_Z, X, Y, Z
from magscope_app.tracking.edge_kernels import is_at_edge
from magscope_app.tracking.flags import TrackFlag
from magscope_app.tracking.full_doubt import by_chance, doubts, roundness, share_of
from magscope_app.tracking.full_kernels import (
    N_ROWS,
    N_UNKNOWNS,
    normal_equations,
    signal_of,
    solve,
)
from magscope_app.tracking.full_start import ScanWork, brightness, likely_planes
from magscope_app.tracking.lut_kernels import radial_at, shift_template, template_at

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_LOST = int(TrackFlag.LOST)
_AT_EDGE = int(TrackFlag.AT_EDGE)
_OUT_OF_LUT = int(TrackFlag.OUT_OF_LUT)
_FALL_BACK = int(TrackFlag.FALL_BACK)
_POOR_MATCH = int(TrackFlag.POOR_MATCH)
_OVERLAPPED = int(TrackFlag.OVERLAPPED)
_NOT_FALLEN_BACK = 255 - _FALL_BACK
_WHY_NO_Z = int(TrackFlag.OUT_OF_LUT | TrackFlag.POOR_MATCH | TrackFlag.AT_EDGE)
#: What a good fit proves wrong if "qi" said it.
_NO_LONGER = 255 - int(TrackFlag.OUT_OF_LUT | TrackFlag.POOR_MATCH | TrackFlag.AT_EDGE)

_MAX_STEPS = 30
#: The fit ends when a step promises less than this fall of χ², or is smaller than these px and nm.
_ENOUGH = 0.01
#: After so many steps half of that of one standard deviation: pixels at the edge of what is seen come and go.
_PATIENCE, _ENOUGH_LATER = 5, 0.5
_ENOUGH_PX, _ENOUGH_NM = 1e-4, 0.01
_LONGEST_PX, _LONGEST_NM = 1.0, 80.0
#: Least share of the ROI that must be seen by the Z-LUT and not be saturated.
_LEAST_USED = 0.2
#: A fit must explain this share of the signal; one that ran to an end of the Z-LUT this share.
_GOOD, _FAIR = 0.97, 0.8
#: A good fit that explains this share with all its noise needs no other to compare with.
_BEYOND_DOUBT = 0.9
#: With less signal the rings' noise could hide that they are another bead's; what fits noise alone has 25.
_LEAST_SIGNAL = 400.0
#: Fewer pixels across show so few rings that another z may fit as well, however good the first fit.
FEW_PX = 18
#: Another z, so far away (nm), must fit worse by so much of χ²: four standard deviations.
_ELSEWHERE_NM, _CLEARLY_WORSE = 150.0, 16.0
#: Least share of the variance of a ROI that is seen as one bead, whatever the Z-LUT.
_LEAST_ROUNDNESS = 0.8


class Model(NamedTuple):
    """A `LutModel` for the kernels; `limits` are its reach (4) and its ceiling."""

    radial: Float64
    template: Float32
    limits: Float64
    z0_nm: float
    z_step_nm: float


class Work(NamedTuple):
    """Arrays that every fit writes anew."""

    unknowns: Float64
    matrix: Float64
    inverse: Float64
    right: Float64
    step: Float64
    rows: Float64
    spline: Float64
    poly: Float64
    poly_z: Float64
    blended: Float32
    lines: Float32
    template: Float32


class Verdict(NamedTuple):
    """How a fit ended.

    Attributes
    ----------
    converged, at_end : bool
        Whether it found a place, and whether it ran to an end of the Z-LUT instead.
    chi2, freedom : float
        χ² per degree of freedom, and their number.
    signal : float
        By how much χ² would rise without the bead.
    share : float
        Share of the signal that is explained: what noise may leave over is taken off.
    share_with_noise : float
        The same with only the mean of what noise leaves over taken off.
    """

    converged: bool
    at_end: bool
    chi2: float
    freedom: float
    signal: float
    share: float
    share_with_noise: float


@kernel
def _evaluate(model: Model, work: Work) -> None:
    """Bring the model's radial part and template to the unknowns."""
    plane = (work.unknowns[2] - model.z0_nm) / model.z_step_nm
    radial_at(model.radial, plane, 1.0 / model.z_step_nm, work.spline, work.poly, work.poly_z)
    if model.template.size:
        template_at(model.template, plane, work.blended)
        shift_template(work.blended, work.unknowns[0], work.unknowns[1], work.lines, work.template)


@kernel
def _linearise(image: Float32, model: Model, noise: Float64, work: Work) -> tuple[float, int]:
    """Fill the normal equations at the unknowns; return χ² and the number of pixels."""
    _evaluate(model, work)
    return normal_equations(
        image,
        work.unknowns,
        work.poly,
        work.poly_z,
        work.template,
        model.limits,
        noise,
        work.rows,
        work.matrix,
        work.right,
    )


@kernel
def _fit(image: Float32, model: Model, noise: Float64, noise_known: bool, work: Work) -> Verdict:
    """Improve `work.unknowns` until a step changes nothing that can be seen."""
    size = work.template.shape[0]
    unknowns, step = work.unknowns, work.step
    z_high = model.z0_nm + (model.radial.shape[0] - 3) * model.z_step_nm
    failed = Verdict(False, False, math.inf, 1.0, 0.0, 0.0, 0.0)
    at_end = False
    for count in range(_MAX_STEPS):
        chi2, used = _linearise(image, model, noise, work)
        if used < _LEAST_USED * size * size or not solve(work.matrix, work.right, -1, work.inverse, step):
            return failed
        promise = 0.0
        for k in range(N_UNKNOWNS):
            promise += step[k] * work.right[k]
        small = max(abs(step[0]), abs(step[1])) < _ENOUGH_PX and abs(step[2]) < _ENOUGH_NM
        for k in range(N_UNKNOWNS):
            longest = _LONGEST_PX if k < 2 else _LONGEST_NM if k == 2 else math.inf
            unknowns[k] += min(max(step[k], -longest), longest)
        was_at_end = at_end
        at_end = not model.z0_nm < unknowns[2] < z_high
        unknowns[2] = min(max(unknowns[2], model.z0_nm), z_high)
        inside = -0.5 < unknowns[0] < size - 0.5 and -0.5 < unknowns[1] < size - 0.5
        if not inside or not unknowns[3] > 0:
            return failed
        enough = _ENOUGH if count < _PATIENCE else _ENOUGH_LATER
        if promise < enough or small or (at_end and was_at_end):
            rest = max(chi2 - promise, 0.0)
            return _judge(not at_end, rest, float(used - N_UNKNOWNS), noise_known, work)
    return failed


@kernel
def _judge(converged: bool, rest: float, freedom: float, noise_known: bool, work: Work) -> Verdict:
    """Return the verdict on a fit that left `rest` of χ²."""
    signal = signal_of(work.matrix, work.unknowns[3])
    share = with_noise = share_of(signal, rest)
    if noise_known:
        with_noise = share_of(signal, rest - freedom)
        share = share_of(signal, rest - freedom - by_chance(freedom)) if signal >= _LEAST_SIGNAL else 0.0
    return Verdict(converged, not converged, rest / freedom, freedom, signal, share, with_noise)


@kernel
def _start(image: Float32, x: float, y: float, z: float, model: Model, work: Work) -> bool:
    """Set the unknowns to a place, with the brightness that fits best there."""
    unknowns = work.unknowns
    plane = (z - model.z0_nm) / model.z_step_nm
    radial_at(model.radial, plane, 1.0 / model.z_step_nm, work.spline, work.poly, work.poly_z)
    gain, offset, _ = brightness(image, x, y, work.template.shape[0], work.poly, model.limits)
    unknowns[0], unknowns[1], unknowns[2] = x, y, z
    unknowns[3], unknowns[4], unknowns[5], unknowns[6] = gain, offset, 0.0, 0.0
    return gain > 0


@kernel
def _fit_anywhere(
    image: Float32,
    x: float,
    y: float,
    model: Model,
    noise: Float64,
    noise_known: bool,
    work: Work,
    scan: ScanWork,
) -> Verdict:
    """Fit from the likeliest z; the unknowns are those of the best fit."""
    best = Verdict(False, False, math.inf, 1.0, 0.0, 0.0, 0.0)
    size = work.template.shape[0]
    count = likely_planes(
        image, x, y, size, model.radial, model.limits, work.spline, work.poly, work.poly_z, scan
    )
    for k in range(count):
        z = model.z0_nm + scan.planes[k] * model.z_step_nm
        if not _start(image, x, y, z, model, work):
            continue
        verdict = _fit(image, model, noise, noise_known, work)
        scan.tried[1 + k, 0], scan.tried[1 + k, 1] = work.unknowns[2], verdict.chi2
        if verdict.chi2 < best.chi2:
            best = verdict
            scan.unknowns[:] = work.unknowns
            scan.inverse[:] = work.inverse
    work.unknowns[:] = scan.unknowns
    work.inverse[:] = scan.inverse
    return best


@kernel
def _is_clear(verdict: Verdict, z: float, scan: ScanWork) -> bool:
    """Return whether no fit that was tried at another z is nearly as good."""
    for k in range(scan.tried.shape[0]):
        worse = (scan.tried[k, 1] - verdict.chi2) * verdict.freedom
        if abs(scan.tried[k, 0] - z) > _ELSEWHERE_NM and worse < _CLEARLY_WORSE:
            return False
    return True


@kernel
def _fit_roi(
    image: Float32,
    x: float,
    y: float,
    z: float,
    model: Model,
    noise: Float64,
    noise_known: bool,
    work: Work,
    scan: ScanWork,
) -> tuple[Verdict, bool]:
    """Fit from a start, and from other z if that one is missing or leads to no good fit.

    Also returns whether its z is clearly better than every other that was tried.
    """
    first = Verdict(False, False, math.inf, 1.0, 0.0, 0.0, 0.0)
    scan.tried[:, 1] = math.inf
    if not math.isnan(z) and _start(image, x, y, z, model, work):
        first = _fit(image, model, noise, noise_known, work)
        sure = first.share_with_noise >= _BEYOND_DOUBT and work.template.shape[0] >= FEW_PX
        if first.converged and first.share >= _GOOD and sure:
            return first, True
    scan.first_unknowns[:] = work.unknowns
    scan.first_inverse[:] = work.inverse
    scan.tried[0, 0], scan.tried[0, 1] = work.unknowns[2], first.chi2
    best = _fit_anywhere(image, x, y, model, noise, noise_known, work, scan)
    if first.converged and not best.chi2 < first.chi2:
        work.unknowns[:] = scan.first_unknowns
        work.inverse[:] = scan.first_inverse
        best = first
    return best, not noise_known or _is_clear(best, work.unknowns[2], scan)


@kernel
def _doubts(image: Float32, model: Model, noise: Float64, work: Work) -> tuple[bool, float]:
    _evaluate(model, work)
    return doubts(
        image,
        work.unknowns,
        work.poly,
        work.poly_z,
        work.template,
        model.limits,
        noise,
        work.rows,
    )


@kernel
def _fall_back(
    image: Float32,
    x0: int,
    y0: int,
    verdict: Verdict,
    share: float,
    noise: Float64,
    noise_known: bool,
    number: int,
    columns: Float64,
    flags: npt.NDArray[np.uint8],
    size: int,
) -> None:
    """Keep of what "qi" found only what can be believed."""
    columns[QUALITY, number] = share
    flags[number] |= _FALL_BACK
    if verdict.at_end and share >= _FAIR:
        flags[number] = (flags[number] | _OUT_OF_LUT) & _NOT_FALLEN_BACK
    else:
        # What the Z-LUT does not describe has an error that no noise explains.
        for column in (SIGMA_X, SIGMA_Y, SIGMA_Z):
            columns[column, number] = math.nan
    if flags[number] & _WHY_NO_Z:
        columns[Z, number] = columns[SIGMA_Z, number] = math.nan
    x, y = columns[X, number] - x0, columns[Y, number] - y0
    if roundness(image, x, y, size, noise, noise_known) < _LEAST_ROUNDNESS:
        flags[number] |= _LOST | _AT_EDGE if is_at_edge(image.ravel(), size, False) else _LOST
        for column in (X, Y, Z, SIGMA_X, SIGMA_Y, SIGMA_Z):
            columns[column, number] = math.nan


@kernel
def fit_rois(
    pixels: Float32,
    rois: npt.NDArray[np.int64],
    lut_of_bead: npt.NDArray[np.int64],
    lut: int,
    first: int,
    count: int,
    model: Model,
    noise: Float64,
    noise_known: bool,
    sigma_known: bool,
    work: Work,
    scan: ScanWork,
    columns: Float64,
    flags: npt.NDArray[np.uint8],
) -> None:
    """Replace what "qi" found in `count` ROIs, numbered from `first`, whose bead has the Z-LUT `lut`.

    Their pixels are `pixels` (count or more, roi, roi).
    """
    n_beads = rois.shape[0]
    for slot in range(count):
        number = first + slot
        bead = number % n_beads
        if lut_of_bead[bead] != lut or flags[number] & _LOST:
            continue
        image = pixels[slot]
        x0, y0 = rois[bead, 0], rois[bead, 1]
        x, y, z = columns[X, number] - x0, columns[Y, number] - y0, columns[Z, number]
        verdict, clear = _fit_roi(image, x, y, z, model, noise, noise_known, work, scan)
        if not clear:
            flags[number] |= _POOR_MATCH
        share, overlapped = verdict.share, False
        good = verdict.converged and clear and share >= _GOOD
        if good and noise_known:
            overlapped, misfit = _doubts(image, model, noise, work)
            share = min(share, share_of(verdict.signal, misfit))
        if not good or share < _GOOD:
            size = work.template.shape[0]
            _fall_back(image, x0, y0, verdict, share, noise, noise_known, number, columns, flags, size)
            continue
        flags[number] &= _NO_LONGER
        columns[QUALITY, number] = share
        columns[X, number] = work.unknowns[0] + x0
        columns[Y, number] = work.unknowns[1] + y0
        columns[Z, number] = work.unknowns[2]
        # A misfit beyond the noise makes every number less certain by its root.
        scale = math.sqrt(max(verdict.chi2, 1.0)) if sigma_known else math.nan
        if overlapped:
            flags[number] |= _OVERLAPPED
            scale = math.nan
        columns[SIGMA_X, number] = scale * math.sqrt(work.inverse[0, 0])
        columns[SIGMA_Y, number] = scale * math.sqrt(work.inverse[1, 1])
        columns[SIGMA_Z, number] = scale * math.sqrt(work.inverse[2, 2])


def make_work(roi_px: int, n_intervals: int, template_size: int) -> Work:
    """Allocate the arrays for ROIs of `roi_px` and a model with that many intervals in r."""
    n = N_UNKNOWNS
    return Work(
        np.zeros(n),
        np.zeros((n, n)),
        np.zeros((n, n)),
        np.zeros(n),
        np.zeros(n),
        np.zeros((N_ROWS, roi_px)),
        np.zeros((2, n_intervals + 3)),
        np.zeros((n_intervals, 4)),
        np.zeros((n_intervals, 4)),
        np.zeros((template_size, template_size), np.float32),
        np.zeros((4, roi_px), np.float32),
        np.zeros((roi_px, roi_px), np.float32),
    )
