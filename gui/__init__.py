"""The window of MagScope App: the only package that imports Qt."""
