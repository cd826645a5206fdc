"""The Z-LUTs of several beads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike

from magscope_app.tracking.requests import whole
from magscope_app.tracking.zlut import ZLUT


class ZLUTSet(Mapping[int, ZLUT]):
    """Z-LUTs by bead id; read-only.

    Parameters
    ----------
    zluts : mapping of int to ZLUT
        May be empty.
    default : ZLUT or None
        Serves every bead that has no Z-LUT of its own; None: such a bead has no z.

    Raises
    ------
    ValueError
        If a bead id is not a whole number of at most 64 bits, or a value is no ZLUT.
    """

    __slots__ = ("_default", "_zluts")

    def __init__(self, zluts: Mapping[int, ZLUT], default: ZLUT | None = None) -> None:
        if not isinstance(zluts, Mapping):
            raise ValueError(f"zluts must be a mapping of bead ids to ZLUTs, not {type(zluts).__name__}")
        for zlut in (*zluts.values(), *([] if default is None else [default])):
            if not isinstance(zlut, ZLUT):
                raise ValueError(f"a ZLUTSet holds ZLUTs, not {type(zlut).__name__}; load them first")
        by_id = {_bead_id(bead_id): zlut for bead_id, zlut in zluts.items()}
        self._zluts = {bead_id: by_id[bead_id] for bead_id in sorted(by_id)}
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


def _bead_id(value: object) -> int:
    bead_id = whole(value)
    if bead_id is None or not -(2**63) <= bead_id < 2**63:
        raise ValueError(
            f"the bead id {value!r} must be a whole number of at most 64 bits; give the bead's own"
        )
    return bead_id
