"""`python -m magscope_app` is `magscope-app`."""

import sys

from magscope_app.cli import main

if __name__ == "__main__":
    sys.exit(main())
