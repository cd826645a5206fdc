"""`python -m magscope_app` is `magscope-app`."""

import sys


def run() -> int:
    """Run the command line; Ctrl-C before its first line, while modules are loaded, ends it quietly, too."""
    try:
        from magscope_app.cli.main import main
    except KeyboardInterrupt:
        return 130
    return main()


if __name__ == "__main__":
    sys.exit(run())
