"""The command line: `magscope-app`."""

from magscope_app.cli.main import main

__all__ = ["main"]
