"""The references of all Z-LUTs: made when they are first wanted, kept in a pool of fixed size."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

import numpy as np

from magscope_app.tracking.fast_arrays import (
    CELLS_PER_PX,
    COARSE,
    FINE,
    REFUSED,
    SAMPLED,
    SPAN_PX,
    UNKNOWN,
    WIDE,
    Z_CELLS_PER_COARSE,
    Cells,
    Float64,
    Pool,
    Pools,
    Radials,
    check_every,
    coarse_every,
    n_rows,
)
from magscope_app.tracking.full import model_noise
from magscope_app.tracking.lut_model import KNOTS_PER_PX, LutModel
from magscope_app.tracking.lut_splines import evaluate
from magscope_app.tracking.method import Setup
from magscope_app.tracking.reference_kernels import (
    N_NUMBERS,
    STEPS_PER_KNOT,
    Cell,
    Reference,
    Source,
    build_reference,
)

#: Width of a coarse cell along z, at most.
COARSE_NM = 100.0
#: Steps per px of the radial tables for that comparison.
CHECK_STEPS_PER_PX = 8
#: Noise and splines make a sweep darker than the camera's black level by at most this share of its contrast.
_DARKER = 0.1
#: A gain this many times that of the sweep is that of more bits.
_COARSER = 4.0
#: Share of the memory for coarse, fine and wide cells: coarse ones must not run out.
_SHARES = (0.25, 0.5, 0.25)


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
        ceiling_dn = float(noise.saturation_dn) if noise and noise.saturation_dn else math.inf
        noises = np.array([model_noise(model, noise) for model in models])
        # Where the noise is not known, all that the model leaves over is misfit.
        noises[:, 4] = [noise is not None or math.isfinite(model.noise_gain) for model in models]
        self._sources = [_source(model, one, ceiling_dn) for model, one in zip(models, noises, strict=True)]
        self._cells = _cells(models)
        self._slots = np.full(len(self._cells.slots), UNKNOWN, np.int32)
        self._every = (coarse_every(roi_px), 1, 1)
        most = len(self._cells.slots)
        coarse, fine, wide = (
            _pool(roi_px, every, share * setup.memory_mb * 1e6, most)
            for every, share in zip(self._every, _SHARES, strict=True)
        )
        self.pools: Pools = (coarse, fine, wide)
        self.radials = _radials(models, noises, roi_px)
        self._making = threading.Lock()
        self._lock = threading.Lock()
        self._made: list[tuple[int, int]] = []
        self._n_taken = [0, 0, 0]

    @property
    def n_made(self) -> int:
        """Number of references in the pool."""
        return sum(self._n_taken)

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

        `REFUSED` if there is no room, or the Z-LUT says nothing there. Any thread may call this.
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

    def make_middles(self) -> None:
        """Make one reference of every Z-LUT: a bead in the middle of window and Z-LUT."""
        n = CELLS_PER_PX[COARSE] * SPAN_PX[COARSE]
        for lut, n_z in enumerate(self._cells.n_z):
            self.make(lut, (int(n_z) // 2 * n + n // 2) * n + n // 2)

    def _make(self, lut: int, where: int) -> int:
        level = max(kind for kind in (COARSE, FINE, WIDE) if where >= self._cells.first[lut, kind])
        pool, slot = self.pools[level], self._n_taken[level]
        if slot >= len(pool.rows):
            return REFUSED
        reference = Reference(pool.rows[slot], pool.numbers[slot], pool.check[slot])
        if not build_reference(self._sources[lut], self._cell(lut, level, where), reference):
            return REFUSED
        self._n_taken[level] += 1
        return slot

    def _cell(self, lut: int, level: int, where: int) -> Cell:
        """Return the cell that stands at a place of the index."""
        n = CELLS_PER_PX[level] * SPAN_PX[level]
        layer, rest = divmod(where - int(self._cells.first[lut, level]), n * n)
        row, column = divmod(rest, n)
        width_nm = float(self._cells.width_nm[lut]) / Z_CELLS_PER_COARSE[level]
        z_nm = float(self._cells.low_nm[lut]) + (layer + 0.5) * width_nm
        middle = 0.5 * (self._size - 1) - 0.5 * SPAN_PX[level]
        x, y = (middle + (k + 0.5) / CELLS_PER_PX[level] for k in (column, row))
        return Cell(
            x,
            y,
            self._models[lut].plane_of(z_nm),
            0.5 / CELLS_PER_PX[level],
            0.5 * width_nm,
            SAMPLED[level],
            self._size,
            self._every[level],
            check_every(self._size),
        )


def _source(model: LutModel, noise: Float64, ceiling_dn: float) -> Source:
    """Return a model as the kernels see it; `noise` is that of `model_noise`."""
    return Source(
        model.radial,
        model.template,
        min(ceiling_dn, model.ceiling_dn),
        1.0 / model.z_step_nm,
        np.append(model.reach_px, model.r_max_px),
        float(KNOTS_PER_PX * STEPS_PER_KNOT),
        _noise_of_levels(model, noise),
    )


def _noise_of_levels(model: LutModel, noise: Float64) -> Float64:
    """Return gain, offset and variance without light, in the sweep's grey levels, that weigh its pixels.

    They are those of the frames unless the sweep can only come from another camera or bit depth: if it is
    darker than their black level, or has far less noise than their gain says.
    """
    gain, offset, floor, of_model = noise[:4]
    seen = model.radial[:, : 1 + int(np.abs(model.reach_px).min() * KNOTS_PER_PX)]
    darkest, brightest = float(seen.min()), float(seen.max())
    black = offset if offset - darkest < _DARKER * (brightest - darkest) else 0.0
    own_gain = model.noise_gain * model.level_dn / max(model.level_dn - black, 1e-9)
    scale = gain / own_gain if gain > _COARSER * own_gain > 0 else 1.0
    return np.array([gain / scale, black, floor / scale**2 + of_model])


def _pool(roi_px: int, every: int, n_bytes: float, most: int) -> Pool:
    """Allocate what fits into so many bytes, at least one reference; pages not written take no memory."""
    n_pixels, n_checked = (n_rows(roi_px, step) * roi_px for step in (every, check_every(roi_px)))
    n = int(np.clip(n_bytes / (4 * n_pixels + 8 * N_NUMBERS + 4 * n_checked), 1, max(1, most)))
    return Pool(
        np.empty((n, 4, n_pixels), np.int8),
        np.empty((n, N_NUMBERS)),
        np.empty((n, n_checked), np.float32),
    )


def _cells(models: Sequence[LutModel]) -> Cells:
    """Lay out the index: the coarse cells of a Z-LUT, its fine and its wide ones, then the next Z-LUT."""
    n_z = [max(1, math.ceil((model.z_high_nm - model.z_low_nm) / COARSE_NM)) for model in models]
    first, end = [], 0
    for n in n_z:
        row = []
        for level in (COARSE, FINE, WIDE):
            row.append(end)
            end += n * Z_CELLS_PER_COARSE[level] * (CELLS_PER_PX[level] * SPAN_PX[level]) ** 2
        first.append(row)
    return Cells(
        np.full(end, UNKNOWN, np.int32),
        np.array(first, np.int64).reshape(-1, 3),
        np.array(n_z, np.int64),
        np.array([model.z_low_nm for model in models]),
        np.array([(m.z_high_nm - m.z_low_nm) / n for m, n in zip(models, n_z, strict=True)]),
    )


def _radials(models: Sequence[LutModel], noises: Float64, roi_px: int) -> Radials:
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
