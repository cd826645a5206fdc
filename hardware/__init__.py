"""Drivers: the simulated microscope, Micro-Manager devices, recordings as cameras."""
