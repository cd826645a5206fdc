"""The shared memory of a session: created, and removed on every path, by the supervisor."""

from __future__ import annotations

import math
from dataclasses import asdict

from magscope_app.calibration.messages import MakeSweepBuffer
from magscope_app.config import Config
from magscope_app.datatypes import (
    DRIFT_COLUMNS,
    TELEMETRY_COLUMNS,
    TRACKS_COLUMNS,
    XY_LOCK_COLUMNS,
    Z_LOCK_COLUMNS,
    BeadRoiBuffer,
    LiveProfileBuffer,
    MatrixBuffer,
    VideoBuffer,
    ZLUTSweepDataset,
)
from magscope_app.devices import Camera, CameraContext, FrameFormat, Motor
from magscope_app.devices.lookup import load_driver
from magscope_app.processes.handles import DRIFT, TRACKS, TRUTH, XY_LOCK, Z_LOCK, Handles, telemetry_name

#: Telemetry that is kept in memory.
_TELEMETRY_S = 60
#: Rows of the locks that are kept in memory.
_LOCK_ROWS = 20_000
LOCK_SHAPES = {
    DRIFT: (_LOCK_ROWS, len(DRIFT_COLUMNS)),
    Z_LOCK: (_LOCK_ROWS, len(Z_LOCK_COLUMNS)),
    XY_LOCK: (_LOCK_ROWS, len(XY_LOCK_COLUMNS)),
}
#: Radii that a live profile may have: half the diagonal of the largest ROI.
_PROFILE_CAPACITY = 256


def ring_size(config: Config) -> tuple[int, int]:
    """Return (n_stacks, n_images) of the video ring that a config asks for."""
    n_images = config.buffer.n_images
    return max(2, math.ceil(config.buffer.seconds * config.camera.fps / n_images)), n_images


def ring_bytes(config: Config, form: FrameFormat) -> int:
    """Return the memory that the video ring needs for frames of this format."""
    n_stacks, n_images = ring_size(config)
    return n_stacks * n_images * form.nbytes


def matrix_shapes(config: Config) -> dict[str, tuple[int, int]]:
    """Return name and shape of every matrix of a session, those of the drivers included."""
    camera = load_driver(config.camera.driver, Camera, config.drivers.path)
    shapes = {
        TRACKS: (config.buffer.tracks_rows, len(TRACKS_COLUMNS)),
        **LOCK_SHAPES,
    }
    if camera.truth_columns:
        shapes[TRUTH] = (config.buffer.tracks_rows, len(camera.truth_columns))
    shapes |= camera.shared_matrices
    for motor in config.motors:
        shapes |= load_driver(motor.driver, Motor, config.drivers.path).shared_matrices
        shapes[telemetry_name(motor.name)] = (int(_TELEMETRY_S * motor.telemetry_hz), len(TELEMETRY_COLUMNS))
    return shapes


def expected_format(config: Config) -> FrameFormat | None:
    """Return the format of the camera's frames where its driver knows it without opening the camera."""
    camera = load_driver(config.camera.driver, Camera, config.drivers.path)
    return camera.expected_format(CameraContext(config=config))


def camera_waits(config: Config) -> bool:
    """Return True where the camera waits for room in the ring, so that nobody misses a frame."""
    camera = load_driver(config.camera.driver, Camera, config.drivers.path)
    return camera.waits_for_ring(CameraContext(config=config))


class Segments:
    """All buffers of a session.

    Parameters
    ----------
    handles : Handles
        Locks and names.
    shapes : dict
        Of the matrices, from `matrix_shapes`.
    """

    def __init__(self, handles: Handles, shapes: dict[str, tuple[int, int]]) -> None:
        self._handles = handles
        self._matrices: list[MatrixBuffer] = []
        self.video: VideoBuffer | None = None
        self._sweep: ZLUTSweepDataset | None = None
        capacity = handles.config.beads.max_beads
        self.rois = BeadRoiBuffer(
            create=True, locks=handles.locks, capacity=capacity, session=handles.session
        )
        self._profile: LiveProfileBuffer | None = None
        try:
            self._create(shapes)
        except BaseException:
            self.close()
            raise

    def _create(self, shapes: dict[str, tuple[int, int]]) -> None:
        handles = self._handles
        for name, shape in shapes.items():
            self._matrices.append(
                MatrixBuffer(
                    create=True,
                    locks=handles.locks,
                    name=name,
                    shape=shape,
                    wakes=handles.wakes,
                    session=handles.session,
                )
            )
        self._profile = LiveProfileBuffer(
            create=True, locks=handles.locks, profile_capacity=_PROFILE_CAPACITY, session=handles.session
        )

    def create_video(self, form: FrameFormat, *, camera_waits: bool = False) -> VideoBuffer:
        """Create the video ring, reserved and touched.

        Parameters
        ----------
        form : FrameFormat
            Of the frames.
        camera_waits : bool
            The camera waits until there is room in the ring.

        Raises
        ------
        MagscopeError
            It does not fit in memory; the text has the sizes.
        """
        handles = self._handles
        n_stacks, n_images = ring_size(handles.config)
        self.video = VideoBuffer(
            create=True,
            locks=handles.locks,
            n_stacks=n_stacks,
            width=form.width_px,
            height=form.height_px,
            n_images=n_images,
            bits=form.container_bits,
            significant_bits=form.bits,
            default_reader=False,
            # From life, a slow disk must not cost rows; a camera that waits lets everyone see every frame.
            unpin_first=() if camera_waits else ("recording",),
            wakes=handles.wakes,
            session=handles.session,
        )
        return self.video

    def create_sweep(self, sizes: MakeSweepBuffer) -> None:
        """Make the buffer of a sweep's profiles, in the place of the last one.

        Raises
        ------
        MagscopeError
            It does not fit in memory.
        """
        if self._sweep is not None:
            self._sweep.destroy()
            self._sweep = None
        self._sweep = ZLUTSweepDataset.create(
            locks=self._handles.locks, session=self._handles.session, **asdict(sizes)
        )

    def close(self) -> None:
        """Remove every segment."""
        if self._sweep is not None:
            self._sweep.destroy()
            self._sweep = None
        for buffer in (self.video, self.rois, self._profile, *self._matrices):
            if buffer is not None:
                buffer.close()
        self._matrices.clear()
