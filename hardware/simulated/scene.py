"""The sample under the simulated microscope: beads, tethers, drift, and what the camera sees of them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from hardware.simulated import camera_config
from hardware.simulated.motion import BeadMotion
from hardware.simulated.optics import Optics, bead_table
from hardware.simulated.renderer import Light, Renderer
from hardware.simulated.runs import Runs
from hardware.simulated.sample import Sample
from hardware.simulated.tether import Trap
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
    runs : Runs
        Those that there were; open as long as the scene is.
    """

    def __init__(self, context: CameraContext, kernels: ModuleType, runs: Runs) -> None:
        config = self._config = context.config
        simulation = config.simulation
        rng = np.random.default_rng((simulation.seed, 0))
        sample = self._sample = Sample.of(config, rng)
        self._nm_per_px = config.optics.nm_per_px
        self._motion = BeadMotion(kernels, sample.tethered, 1.0 / config.camera.fps)
        tables = [
            bead_table(
                radius_nm=radius_nm,
                nm_per_px=self._nm_per_px,
                roi_px=config.beads.roi_px,
                optics=Optics.of(simulation),
            )
            for radius_nm in sample.radii_nm
        ]
        dtype = camera_config.frame_format(config).dtype
        self._renderer = Renderer(kernels, tables, dtype, int(rng.integers(1 << 62)))
        self._world = World(config, context.shared_matrix)
        self._runs = runs
        runs.open(context.shared_matrix)
        self._exposure_s = 1e-3 * camera_config.exposure_ms(config)
        self._magnets = (camera_config.starting_force_pn(config), camera_config.starting_turns(config))
        self._trap: Trap = sample.trap(*self._magnets, simulation)
        self._truth = np.zeros((simulation.n_beads, len(TRUTH_COLUMNS) - 1))
        self._truth[:, 0] = np.arange(simulation.n_beads)
        self._next_frame = 0
        self._key = 0

    def begin(self) -> None:
        """Start anew with frame 0; drift goes on from where it was."""
        self._runs.begin()
        self._next_frame = 0
        rng = np.random.default_rng((self._config.simulation.seed, self._runs.number))
        self._key = int(rng.integers(1 << 61))
        self._motion.begin(rng)

    def set_exposure(self, exposure_s: float) -> None:
        """Use another exposure from the next frame on."""
        self._exposure_s = exposure_s
        self._hold()

    def set_light(self, light: Light) -> None:
        """Use other light from the next frame on."""
        self._renderer.set_light(light)

    def draw(self, buffer: npt.NDArray[Any], frame: int, timestamp_ns: int) -> None:
        """Let the sample live up to `frame`, whose exposure ends at `timestamp_ns`, and draw it."""
        self._world.refresh()
        middle_ns = timestamp_ns - 0.5e9 * self._exposure_s
        self._feel_magnets(middle_ns)
        # Frames that were lost were lived through as well.
        for lived in range(self._next_frame, frame + 1):
            seen_nm = self._motion.advance(self._key + _STREAMS * lived + _MOTION)
        self._next_frame = frame + 1
        self._runs.lived_s = self._next_frame / self._config.camera.fps
        self._place(seen_nm, middle_ns)
        centres = self._truth[:, 1:4] / (self._nm_per_px, self._nm_per_px, 1.0)
        self._renderer.draw(buffer, centres, self._sample.size, self._key + _STREAMS * frame + _PIXELS)

    def truth(self) -> npt.NDArray[np.float64]:
        """Return a row of TRUTH_COLUMNS, without frame_id, per bead for the frame drawn last."""
        return self._truth.copy()

    def close(self) -> None:
        """Let go of the shared matrices."""
        self._world.close()
        self._runs.close()

    def _feel_magnets(self, t_ns: float) -> None:
        world = self._world
        force_pn = camera_config.force_pn(self._config, world.position(Axis.MAGNET_HEIGHT, t_ns))
        magnets = (force_pn, world.position(Axis.MAGNET_ROTATION, t_ns))
        if magnets != self._magnets:
            self._magnets = magnets
            self._trap = self._sample.trap(*magnets, self._config.simulation)
            self._hold()

    def _hold(self) -> None:
        # The magnets' field lies along x when they have not been turned.
        self._motion.hold(self._trap, self._exposure_s, self._magnets[1])

    def _place(self, seen_nm: npt.NDArray[np.float64], t_ns: float) -> None:
        """Put mean position, thermal motion, stage and focus together."""
        simulation, optics, world = self._config.simulation, self._config.optics, self._world
        drift, sample = simulation.drift, self._sample
        # In the middle of the exposure, which is the last part of the frame.
        elapsed_s = self._runs.earlier_s + self._runs.lived_s - 0.5 * self._exposure_s
        stage_nm = (
            1e3 * world.position(Axis.STAGE_X, t_ns) + drift.x_nm_per_s * elapsed_s,
            1e3 * world.position(Axis.STAGE_Y, t_ns) + drift.y_nm_per_s * elapsed_s,
        )
        extension_nm = np.clip(self._trap.height_nm - sample.radius_nm + seen_nm[:, 2], 0.0, sample.reach_nm)
        focus_nm = optics.focal_shift_factor * world.position(Axis.FOCUS, t_ns)
        truth = self._truth
        truth[:, 1:3] = sample.anchors_nm + seen_nm[:, :2] + stage_nm
        truth[:, 4] = sample.radius_nm + extension_nm
        step_nm = drift.z_step_nm if elapsed_s >= drift.z_step_at_s else 0.0
        truth[:, 3] = truth[:, 4] - focus_nm + optics.surface_nm + drift.z_nm_per_s * elapsed_s + step_nm
        truth[:, 5] = sample.force_pn(self._magnets[0])
        truth[:, 6] = extension_nm
