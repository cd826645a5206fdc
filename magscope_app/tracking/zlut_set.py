"""The Z-LUTs of several beads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike

from magscope_app.tracking.zlut import ZLUT


class ZLUTSet(Mapping[int, ZLUT]):
    """Z-LUTs by bead id; read-only.

    Parameters
    ----------
    zluts : mapping of int to ZLUT
        May be empty.
    default : ZLUT or None
        Serves every bead that has no Z-LUT of its own; None: such a bead has no z.
    """

    __slots__ = ("_default", "_zluts")

    def __init__(self, zluts: Mapping[int, ZLUT], default: ZLUT | None = None) -> None:
        self._zluts = {int(bead_id): zluts[bead_id] for bead_id in sorted(zluts)}
        self._default = default

    @property
    def default(self) -> ZLUT | None:
        """The Z-LUT of beads that have none of their own."""
        return self._default

    def __getitem__(self, bead_id: int) -> ZLUT:
        return self._zluts[bead_id]

    def __iter__(self) -> Iterator[int]:
        return iter(self._zluts)

    def __len__(self) -> int:
        return len(self._zluts)

    @classmethod
    def load(cls, path: str | PathLike[str], plane_nm: float | None = None) -> ZLUTSet:
        """Read a set from .npz, or all beads (numbered from 0) of QTrk's .radialzlut, which needs plane_nm.

        Raises
        ------
        ValueError
            If the file is not such a set; the text names it and says what to do.
        OSError
            If the file cannot be read.
        """
        from magscope_app.tracking.zlut_files import load_set  # it makes objects of this class

        return load_set(path, plane_nm)

    def save(self, path: str | PathLike[str]) -> None:
        """Write all tables with everything known to one .npz; another ending is refused with ValueError."""
        from magscope_app.tracking.zlut_files import save_set  # it makes objects of this class

        save_set(self, path)
