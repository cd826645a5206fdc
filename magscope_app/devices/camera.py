"""What a camera is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from magscope_app.devices.context import CameraContext
from magscope_app.devices.device import Device
from magscope_app.errors import Problem

Frame = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class FrameFormat:
    """Shape and depth of the frames of a camera.

    Attributes
    ----------
    width_px, height_px : int
        Size of a frame.
    bits : int
        Significant bits of a pixel, 8 to 16.
    """

    width_px: int
    height_px: int
    bits: int

    @property
    def container_bits(self) -> int:
        """Bits of a pixel in memory: 8 or 16."""
        return 8 if self.bits <= 8 else 16

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel in memory: uint8 or uint16."""
        return np.dtype(f"uint{self.container_bits}")

    @property
    def nbytes(self) -> int:
        """Bytes of one frame."""
        return self.width_px * self.height_px * self.container_bits // 8


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """What is known about one frame.

    Attributes
    ----------
    frame_number : int
        The camera's own count of frames since `start`; it jumps where the camera lost some.
    timestamp_ns : int
        ``time.perf_counter_ns()`` when the frame was read out.
    device_tick : int
        The camera's own clock, 0 where it has none; never mixed with `timestamp_ns`.
    metadata : mapping
        Anything else worth keeping.
    """

    frame_number: int
    timestamp_ns: int
    device_tick: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)


class Camera(Device, ABC):
    """A camera. The engine lends it memory for every frame; it never sees the ring.

    A driver is a class with these methods, named in the config as ``"package.module:Class"``. Making
    one does not touch the device; importing its module must be quick and must not need the device's
    software. All methods are called from one thread.

    Parameters
    ----------
    context : CameraContext
        The config and what the engine offers.
    """

    #: Unit and origin of FrameInfo.device_tick, such as ``"ns, camera clock"``; empty without one.
    tick_source: ClassVar[str] = ""
    #: Columns of `truth`, for simulated cameras.
    truth_columns: ClassVar[tuple[str, ...]] = ()
    #: Functions ``"module:function"`` that compile the driver's kernels, called once per machine.
    kernels: ClassVar[tuple[str, ...]] = ()
    #: True for a driver that reads ``camera.path``.
    uses_path: ClassVar[bool] = False

    def __init__(self, context: CameraContext) -> None:
        self.context = context

    @classmethod
    def problems(cls, context: CameraContext) -> tuple[Problem, ...]:  # noqa: ARG003 - drivers use it
        """Return what is wrong with the config, without opening or moving anything."""
        return ()

    @classmethod
    def claims(cls, context: CameraContext) -> tuple[str, ...]:  # noqa: ARG003 - drivers use it
        """Name what only one process can have at a time, such as ``"the port COM3"``; nothing is opened."""
        return ()

    @classmethod
    def waits_for_ring(cls, context: CameraContext) -> bool:  # noqa: ARG003 - drivers use it
        """Return True for a camera whose frames are not taken from life, so that none may be skipped."""
        return False

    @classmethod
    def expected_format(cls, context: CameraContext) -> FrameFormat | None:  # noqa: ARG003 - drivers use it
        """Return the format the camera will have where it is known without opening it, else None."""
        return None

    @abstractmethod
    def open(self) -> None:
        """Connect and apply the settings of the config.

        Raises
        ------
        DeviceError
            The camera is not there or refuses a setting; the text says what to do.
        """

    @property
    @abstractmethod
    def format(self) -> FrameFormat:
        """Shape and depth of the frames, known after `open`."""

    @abstractmethod
    def start(self) -> None:
        """Start acquiring; frame numbers begin anew."""

    @abstractmethod
    def read_into(self, buffer: npt.NDArray[Any], timeout_s: float) -> FrameInfo | None:
        """Fill `buffer` (height, width) with the next frame, or return None after `timeout_s`.

        Raises
        ------
        DeviceLost
            The camera does not answer any more.
        EOFError
            There are no more frames (replay).
        """

    @abstractmethod
    def stop(self) -> None:
        """Stop acquiring. Does nothing when not acquiring."""

    @abstractmethod
    def close(self) -> None:
        """Release the camera. May be called at any time, more than once; `open` may follow."""

    def truth(self) -> npt.NDArray[np.float64]:
        """Return the truth about the frame just read, (n_beads, len(truth_columns) - 1), without frame_id."""
        return np.empty((0, max(len(self.truth_columns) - 1, 0)))
