"""What stands in for the inside of a closed buffer."""

from __future__ import annotations

from typing import NoReturn


class Closed:
    """Raises RuntimeError for every use, so that the hot paths need no check of their own."""

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_closed_name", name)

    def __getattr__(self, _attribute: str) -> NoReturn:
        raise RuntimeError(f"{self._closed_name} is closed: make or attach a new one")

    def __setattr__(self, _attribute: str, _value: object) -> NoReturn:
        raise RuntimeError(f"{self._closed_name} is closed: make or attach a new one")

    # A with statement looks these two up in the class.

    def __enter__(self) -> NoReturn:
        raise RuntimeError(f"{self._closed_name} is closed: make or attach a new one")

    def __exit__(self, *_error: object) -> None:
        """Do nothing: nobody gets here."""
