"""Cameras and stages of Micro-Manager, through pymmcore-plus."""
