"""What every object has in common that stands for shared memory."""

from __future__ import annotations

from typing import NoReturn


class Handle:
    """Attached to shared memory and closed once: a copy would take that from the original when it goes."""

    def __copy__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be copied: attach or make another one instead")

    def __deepcopy__(self, _known: object) -> NoReturn:
        self.__copy__()
