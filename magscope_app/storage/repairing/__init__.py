"""Saving what can be read of a damaged dataset."""

from magscope_app.storage.repairing.dataset import RepairReport, repair_dataset

__all__ = ["RepairReport", "repair_dataset"]
