"""Recordings and images as a camera."""
