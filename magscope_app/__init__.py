"""MagScope App: the engine of a magnetic-tweezers microscope (no Qt, no device SDK in here)."""

__version__ = "0.1.0"
