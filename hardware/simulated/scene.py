"""The sample under the simulated microscope: beads, tethers, drift, and what the camera sees of them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from hardware.simulated import camera_config
from hardware.simulated.motion import BeadMotion
from hardware.simulated.optics import bead_table
from hardware.simulated.renderer import Light, Renderer
from hardware.simulated.tether import Trap, trap_at
from hardware.simulated.world import Axis, World
from magscope_app.datatypes import TRUTH_COLUMNS
from magscope_app.devices import CameraContext

#: Random streams of one frame.
_MOTION, _PIXELS, _STREAMS = 0, 1, 3


class Scene:
    """Beads at random places, drawn frame by frame.

    Parameters
    ----------
    context : CameraContext
        Config and shared matrices.
    kernels : module
        `hardware.simulated.kernels`.
    """

    def __init__(self, context: CameraContext, kernels: ModuleType) -> None:
        config = self._config = context.config
        simulation = config.simulation
        rng = np.random.default_rng((simulation.seed, 0))
        n_beads = simulation.n_beads
        tethered = np.arange(n_beads) >= simulation.n_reference
        self._nm_per_px = config.optics.nm_per_px
        self._anchors_nm = camera_config.bead_field(config).place(n_beads, rng) * self._nm_per_px
        self._tethered = tethered
        self._motion = BeadMotion(kernels, tethered, 1.0 / config.camera.fps)
        table = bead_table(
            radius_nm=simulation.bead_radius_nm, nm_per_px=self._nm_per_px, roi_px=config.beads.roi_px
        )
        dtype = camera_config.frame_format(config).dtype
        self._renderer = Renderer(kernels, table, dtype, int(rng.integers(1 << 62)))
        self._world = World(config, context.shared_matrix)
        self._exposure_s = 1e-3 * camera_config.exposure_ms(config)
        self._force_pn = -1.0
        self._trap: Trap = trap_at(camera_config.starting_force_pn(config), simulation)
        self._truth = np.zeros((n_beads, len(TRUTH_COLUMNS) - 1))
        self._truth[:, 0] = np.arange(n_beads)
        self._starts = 0
        self._next_frame = 0
        self._earlier_s = 0.0
        self._key = 0

    def begin(self) -> None:
        """Start anew with frame 0; drift goes on from where it was."""
        self._starts += 1
        self._earlier_s += self._next_frame / self._config.camera.fps
        self._next_frame = 0
        rng = np.random.default_rng((self._config.simulation.seed, self._starts))
        self._key = int(rng.integers(1 << 61))
        self._motion.begin(self._trap, rng)

    def set_exposure(self, exposure_s: float, light: Light) -> None:
        """Use another exposure or other light from the next frame on."""
        self._exposure_s = exposure_s
        self._renderer.set_light(light)
        self._motion.hold(self._trap, exposure_s)

    def draw(self, buffer: npt.NDArray[Any], frame: int, timestamp_ns: int) -> None:
        """Let the sample live up to `frame`, whose exposure ends at `timestamp_ns`, and draw it."""
        self._world.refresh()
        middle_ns = timestamp_ns - 0.5e9 * self._exposure_s
        self._feel_magnets(self._world.position(Axis.MAGNET_HEIGHT, middle_ns))
        # Frames that were lost were lived through as well.
        for lived in range(self._next_frame, frame + 1):
            seen_nm = self._motion.advance(self._key + _STREAMS * lived + _MOTION)
        self._next_frame = frame + 1
        self._place(seen_nm, middle_ns)
        centres = self._truth[:, 1:4] / (self._nm_per_px, self._nm_per_px, 1.0)
        self._renderer.draw(buffer, centres, self._key + _STREAMS * frame + _PIXELS)

    def truth(self) -> npt.NDArray[np.float64]:
        """Return a row of TRUTH_COLUMNS, without frame_id, per bead for the frame drawn last."""
        return self._truth.copy()

    def close(self) -> None:
        """Let go of the shared matrix."""
        self._world.close()

    def _feel_magnets(self, magnet_height_mm: float) -> None:
        force_pn = camera_config.force_pn(self._config, magnet_height_mm)
        if force_pn != self._force_pn:
            self._force_pn = force_pn
            self._trap = trap_at(force_pn, self._config.simulation)
            self._motion.hold(self._trap, self._exposure_s)

    def _place(self, seen_nm: npt.NDArray[np.float64], t_ns: float) -> None:
        """Put mean position, thermal motion, stage and focus together."""
        simulation, optics, world = self._config.simulation, self._config.optics, self._world
        drift = simulation.drift
        # In the middle of the exposure, which is the last part of the frame.
        elapsed_s = self._earlier_s + self._next_frame / self._config.camera.fps - 0.5 * self._exposure_s
        stage_nm = (
            1e3 * world.position(Axis.STAGE_X, t_ns) + drift.x_nm_per_s * elapsed_s,
            1e3 * world.position(Axis.STAGE_Y, t_ns) + drift.y_nm_per_s * elapsed_s,
        )
        radius_nm = simulation.bead_radius_nm
        rest_nm = np.where(self._tethered, self._trap.height_nm, radius_nm)
        height_nm = np.clip(rest_nm + seen_nm[:, 2], radius_nm, radius_nm + simulation.tether.contour_nm)
        focus_nm = optics.focal_shift_factor * world.position(Axis.FOCUS, t_ns)
        self._truth[:, 1:3] = self._anchors_nm + seen_nm[:, :2] + stage_nm
        self._truth[:, 3] = height_nm - focus_nm + optics.surface_nm + drift.z_nm_per_s * elapsed_s
        self._truth[:, 4] = height_nm
