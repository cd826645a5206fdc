"""Orders to other processes, with everything that a dataset has to say about itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from magscope_app.calibration.messages import StartSweep, SweepOrder
from magscope_app.clock import WallAnchor
from magscope_app.config import LoadedConfig
from magscope_app.messages import (
    Bead,
    CameraReady,
    MotorInfo,
    RecordingOrder,
    StartRecording,
)
from magscope_app.processes.facts import dataset_facts


class Orders:
    """Completes what the user wants by what the supervisor knows.

    Parameters
    ----------
    loaded : LoadedConfig
        The config that is run.
    anchor : WallAnchor
        The session clock.
    """

    def __init__(self, loaded: LoadedConfig, anchor: WallAnchor) -> None:
        self._loaded = loaded
        self._anchor = anchor

    def recording(
        self,
        message: StartRecording,
        camera: CameraReady | None,
        motors: Sequence[MotorInfo],
        beads: tuple[Bead, ...],
        roi_px: int,
        zlut: Path | None,
    ) -> RecordingOrder:
        """Return the order for a dataset; what the message leaves open comes from the config."""
        config = self._loaded.config
        return RecordingOrder(
            folder=message.folder or config.recording.folder,
            name=message.name or config.session.name,
            mode=message.mode or config.recording.mode,
            config_text=self._loaded.text,
            anchor=self._anchor,
            facts=dataset_facts(self._loaded, self._anchor, camera, motors, beads, roi_px),
            zlut=zlut,
        )

    def sweep(
        self,
        message: StartSweep,
        camera: CameraReady | None,
        motors: Sequence[MotorInfo],
        beads: tuple[Bead, ...],
        roi_px: int,
    ) -> SweepOrder:
        """Return the order for a sweep."""
        return SweepOrder(
            plan=message.plan,
            out=message.out,
            overwrite=message.overwrite,
            folder=self._loaded.config.recording.folder,
            config_text=self._loaded.text,
            anchor=self._anchor,
            facts=dataset_facts(self._loaded, self._anchor, camera, motors, beads, roi_px),
            beads=beads,
            roi_px=roi_px,
        )
