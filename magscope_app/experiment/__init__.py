"""Protocols: functions of your own that are handed the microscope and run in a process of their own."""

from magscope_app.experiment.microscope import Microscope
from magscope_app.experiment.protocol import Protocol

__all__ = ["Microscope", "Protocol"]
