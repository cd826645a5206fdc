"""The references of all Z-LUTs: made when they are first wanted, kept in a pool of fixed size."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.fast_arrays import (
    CELLS_PER_PX,
    COARSE,
    FINE,
    REFUSED,
    SPAN_PX,
    UNKNOWN,
    Z_CELLS_PER_COARSE,
    Cells,
    Pool,
    Radials,
)
from magscope_app.tracking.full import model_noise
from magscope_app.tracking.lut_model import KNOTS_PER_PX, LutModel
from magscope_app.tracking.lut_splines import evaluate
from magscope_app.tracking.method import Setup
from magscope_app.tracking.reference_kernels import N_NUMBERS, STEPS_PER_KNOT, build_reference

FloatArray = npt.NDArray[np.float64]

#: Width of a coarse cell along z, at most.
COARSE_NM = 100.0
#: Every so many rows of pixels are compared with the model.
CHECK_EVERY = 8
#: Steps per px of the radial tables for that comparison.
CHECK_STEPS_PER_PX = 8
#: Share of the pool that fine cells may fill; coarse ones must not run out.
_FINE_SHARE = 0.7


class References:
    """Shared by the threads of a tracker. Every thread has an index of its own, and renews it here.

    Parameters
    ----------
    setup : Setup
        What is tracked with.
    models : sequence of LutModel
        By number of the Z-LUT.
    """

    def __init__(self, setup: Setup, models: Sequence[LutModel]) -> None:
        roi_px, noise = setup.roi_px, setup.noise
        self._size = roi_px
        self._models = models
        self._ceiling_dn = float(noise.saturation_dn) if noise and noise.saturation_dn else math.inf
        self._noises = np.array([model_noise(model, noise) for model in models])
        # Where the noise is not known, all that the model leaves over is misfit.
        self._noises[:, 4] = [noise is not None or math.isfinite(model.noise_gain) for model in models]
        self._cells = _cells(models)
        self._slots = np.full(len(self._cells.slots), UNKNOWN, np.int32)
        n_rows = (roi_px - CHECK_EVERY // 2 - 1) // CHECK_EVERY + 1
        bytes_each = 4 * roi_px**2 + 8 * N_NUMBERS + 4 * n_rows * roi_px
        n_slots = int(np.clip(setup.memory_mb * 1e6 / bytes_each, 1, max(1, len(self._cells.slots))))
        # Pages that are not written take no memory.
        self.pool = Pool(
            np.empty((n_slots, 4, roi_px**2), np.int8),
            np.empty((n_slots, N_NUMBERS)),
            np.empty((n_slots, n_rows * roi_px), np.float32),
        )
        self.radials = _radials(models, self._noises, roi_px)
        self._making = threading.Lock()
        self._lock = threading.Lock()
        self._made: list[tuple[int, int]] = []
        self._n_taken = 0

    @property
    def n_made(self) -> int:
        """Number of references in the pool."""
        return self._n_taken

    @property
    def n_slots(self) -> int:
        """Number of references that the pool can hold."""
        return len(self.pool.rows)

    def cells(self) -> Cells:
        """Return a thread's own view, empty so far."""
        return self._cells._replace(slots=np.full(len(self._slots), UNKNOWN, np.int32))

    def renew(self, cells: Cells, known: int) -> int:
        """Enter what was made since the first `known` entries; return how many there are now."""
        with self._lock:
            news = self._made[known:]
        for at, slot in news:
            cells.slots[at] = slot
        return known + len(news)

    def make(self, lut: int, at: int) -> int:
        """Make the reference of a cell, numbered in its Z-LUT, unless it is there; return its slot.

        `REFUSED` if the pool is full, or the Z-LUT says nothing there. Any thread may call this.
        """
        where = int(self._cells.first[lut, COARSE]) + at
        with self._making:
            slot = int(self._slots[where])
            if slot == UNKNOWN:
                slot = self._make(lut, where)
                with self._lock:
                    self._slots[where] = slot
                    self._made.append((where, slot))
        return slot

    def _make(self, lut: int, where: int) -> int:
        level = FINE if where >= self._cells.first[lut, FINE] else COARSE
        room = self.n_slots * _FINE_SHARE if level == FINE else self.n_slots
        if self._n_taken >= room:
            return REFUSED
        model = self._models[lut]
        n = CELLS_PER_PX[level] * SPAN_PX[level]
        layer, rest = divmod(where - int(self._cells.first[lut, level]), n * n)
        row, column = divmod(rest, n)
        width_nm = self._cells.width_nm[lut] / Z_CELLS_PER_COARSE[level]
        z_nm = self._cells.low_nm[lut] + (layer + 0.5) * width_nm
        middle = 0.5 * (self._size - 1) - 0.5 * SPAN_PX[level]
        x, y = (middle + (k + 0.5) / CELLS_PER_PX[level] for k in (column, row))
        slot = self._n_taken
        gain, offset, floor, of_model, _ = self._noises[lut]
        good = build_reference(
            model.radial,
            model.template,
            np.append(model.reach_px, model.r_max_px),
            min(self._ceiling_dn, model.ceiling_dn),
            1.0 / model.z_step_nm,
            float(KNOTS_PER_PX * STEPS_PER_KNOT),
            np.array([gain, offset, floor + of_model]),
            np.array([x, y, model.plane_of(z_nm)]),
            np.array([0.5 / CELLS_PER_PX[level], 0.5 * width_nm]),
            self._size,
            self.pool.rows[slot],
            self.pool.numbers[slot],
            self.pool.check[slot],
            CHECK_EVERY,
        )
        if not good:
            return REFUSED
        self._n_taken += 1
        return slot


def _cells(models: Sequence[LutModel]) -> Cells:
    """Lay out the index: the coarse cells of a Z-LUT, then its fine ones, then the next Z-LUT."""
    n_z = [max(1, math.ceil((model.z_high_nm - model.z_low_nm) / COARSE_NM)) for model in models]
    first, end = [], 0
    for n in n_z:
        row = []
        for level in (COARSE, FINE):
            row.append(end)
            end += n * Z_CELLS_PER_COARSE[level] * (CELLS_PER_PX[level] * SPAN_PX[level]) ** 2
        first.append(row)
    return Cells(
        np.full(end, UNKNOWN, np.int32),
        np.array(first, np.int64).reshape(-1, 2),
        np.array(n_z, np.int64),
        np.array([model.z_low_nm for model in models]),
        np.array([(m.z_high_nm - m.z_low_nm) / n for m, n in zip(models, n_z, strict=True)]),
    )


def _radials(models: Sequence[LutModel], noises: FloatArray, roi_px: int) -> Radials:
    """Tabulate the radial parts for the check."""
    radii = np.arange(int(roi_px * CHECK_STEPS_PER_PX * 0.8) + 2) / CHECK_STEPS_PER_PX
    parts = [evaluate(model.radial.T, np.minimum(radii, model.r_max_px) * KNOTS_PER_PX).T for model in models]
    sizes = [len(part) for part in parts]
    return Radials(
        np.ascontiguousarray(np.concatenate(parts), np.float32),
        np.cumsum([0, *sizes[:-1]]).astype(np.int64),
        np.array(sizes, np.int64),
        np.array([model.z0_nm for model in models]),
        np.array([model.z_step_nm for model in models]),
        noises,
    )
