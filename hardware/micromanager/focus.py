"""Any single-axis stage of Micro-Manager as the focus."""

from __future__ import annotations

from typing import ClassVar

from hardware.micromanager.stage import MicroManagerStage


class MicroManagerFocus(MicroManagerStage):
    """A focus of Micro-Manager, in nm."""

    unit: ClassVar[str] = "nm"
    um_per_unit: ClassVar[float] = 1e-3
