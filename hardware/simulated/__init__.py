"""A digital twin of a magnetic-tweezers microscope: camera, focus and magnets share one world."""
