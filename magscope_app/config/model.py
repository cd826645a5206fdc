"""The whole config file as one model."""

from __future__ import annotations

from pydantic import Field, model_validator

from magscope_app.config.experiment import (
    Beads,
    Buffer,
    Drivers,
    Experiment,
    Gui,
    Recording,
    SessionInfo,
    Supervisor,
    Tracking,
)
from magscope_app.config.feedback import Calibration, DriftConfig, XYLockConfig, ZLockConfig
from magscope_app.config.instrument import Camera, Force, Motor, Optics
from magscope_app.config.section import Section
from magscope_app.config.simulation import Simulation


class Config(Section):
    """Everything that a config file may say."""

    session: SessionInfo = Field(default_factory=SessionInfo, description="Who measures what.")
    drivers: Drivers = Field(default_factory=Drivers, description="Drivers of your own.")
    camera: Camera = Field(description="The camera.")
    optics: Optics = Field(description="Pixel size and focus.")
    motors: tuple[Motor, ...] = Field((), description="The axes.")
    force: Force | None = Field(None, description="Magnet height to force.")
    buffer: Buffer = Field(default_factory=Buffer, description="Shared memory.")
    beads: Beads = Field(default_factory=Beads, description="The beads.")
    tracking: Tracking = Field(default_factory=Tracking, description="The tracker.")
    recording: Recording = Field(default_factory=Recording, description="What is written.")
    experiment: Experiment = Field(default_factory=Experiment, description="Protocols.")
    calibration: Calibration = Field(default_factory=Calibration, description="Z-LUT sweeps.")
    xy_lock: XYLockConfig = Field(default_factory=XYLockConfig, description="The ROIs follow their beads.")
    z_lock: ZLockConfig = Field(default_factory=ZLockConfig, description="The focus follows reference beads.")
    drift: DriftConfig = Field(default_factory=DriftConfig, description="The drift of the stage.")
    supervisor: Supervisor = Field(default_factory=Supervisor, description="What happens when a part fails.")
    gui: Gui = Field(default_factory=Gui, description="The window.")
    simulation: Simulation = Field(default_factory=Simulation, description="The digital twin.")

    @model_validator(mode="after")
    def _motors_are_told_apart(self) -> Config:
        names = [motor.name for motor in self.motors]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            again = f"the name {', '.join(twice)} is used more than once"
            raise ValueError(f"motors: {again}; give each a name of its own")
        for role in ("focus", "magnet_height", "magnet_rotation", "stage_x", "stage_y"):
            if len([motor for motor in self.motors if motor.role == role]) > 1:
                raise ValueError(f"motors: more than one motor has the role {role}")
        return self

    def motor_with_role(self, role: str) -> Motor | None:
        """Return the axis that is for `role`, or None."""
        return next((motor for motor in self.motors if motor.role == role), None)
