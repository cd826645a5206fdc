"""Labels for data: where an image lies along named axes such as time, channel and z."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from pydantic import TypeAdapter

AxisValue: TypeAlias = int | str


def _plain_value(value: object) -> object:
    """Turn numpy integers and strings and whole floats into plain ones; leave the rest to be refused."""
    if isinstance(value, (bool, np.bool_)):
        raise ValueError("an axis value is a whole number or a string, not True or False")
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return int(value)
    return value


@functools.cache
def _validator() -> TypeAdapter[dict[str, AxisValue]]:
    # Imported when a value is not plain: most processes never need it.
    from pydantic import BeforeValidator, StrictInt, StrictStr, TypeAdapter

    return TypeAdapter(dict[StrictStr, Annotated[StrictInt | StrictStr, BeforeValidator(_plain_value)]])


def _checked(axes: Mapping[Any, Any]) -> dict[str, AxisValue]:
    for name, value in axes.items():
        # The common case, thousands of times a second: plain values need no validator.
        if type(name) is not str or not (type(value) is int or type(value) is str):
            return _validator().validate_python(dict(axes))
    return dict(axes)


class DataCoordinates(MutableMapping[str, AxisValue]):
    """Position of one piece of data along named axes, such as ``time=3, channel="DAPI", z=5``.

    Axes are read and set as attributes (``coords.time``) and items (``coords["time"]``). An axis whose name
    is a method of this class (``items``, ``keys``, ``get`` …) or starts with an underscore is reached as an
    item only. Equal to any mapping with the same axes and values. The hash follows the content, so change no
    coordinates that serve as a key: keep `frozen` ones.

    Parameters
    ----------
    coordinate_dict : mapping of str to int or str, optional
        All axes at once.
    **axes : int or str
        The axes by name. Numpy integers and floats that are whole numbers become ``int``.

    Raises
    ------
    ValueError
        If both `coordinate_dict` and `axes` are given.
    TypeError
        If `coordinate_dict` is no mapping.
    pydantic.ValidationError
        If a value is neither a whole number nor a string, or a name is no string.
    """

    __slots__ = ("_axes",)

    _axes: dict[str, AxisValue]

    def __init__(self, coordinate_dict: Mapping[str, Any] | None = None, **axes: Any) -> None:
        if coordinate_dict is not None and axes:
            raise ValueError("give the axes as one mapping or as keywords, not both")
        if coordinate_dict is not None and not isinstance(coordinate_dict, Mapping):
            raise TypeError(
                f"coordinates are a mapping of axes to values, not {type(coordinate_dict).__name__}"
            )
        object.__setattr__(self, "_axes", _checked(axes if coordinate_dict is None else coordinate_dict))

    @property
    def coordinate_dict(self) -> dict[str, AxisValue]:
        """A copy of the axes as a plain dictionary."""
        return dict(self._axes)

    def frozen(self) -> FrozenDataCoordinates:
        """Return an unchangeable copy that is safe as a key; what keeps coordinates keeps this."""
        return FrozenDataCoordinates(self._axes)

    def _absent(self, name: object) -> str:
        return f"no axis {name!r}; the axes present are {', '.join(map(repr, self._axes)) or 'none'}"

    def __getitem__(self, name: str) -> AxisValue:
        try:
            return self._axes[name]
        except KeyError:
            raise KeyError(self._absent(name)) from None

    def __setitem__(self, name: str, value: Any) -> None:
        self._axes.update(_checked({name: value}))

    def __delitem__(self, name: str) -> None:
        if name not in self._axes:
            raise KeyError(self._absent(name))
        del self._axes[name]

    def __getattr__(self, name: str) -> AxisValue:
        if not name.startswith("_") and name in self._axes:
            return self._axes[name]
        raise AttributeError(name if name.startswith("_") else self._absent(name))

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_") or hasattr(type(self), name):
            raise AttributeError(f"the axis {name!r} can only be set as an item: coords[{name!r}] = …")
        self[name] = value

    def __delattr__(self, name: str) -> None:
        if name not in self._axes:
            raise AttributeError(self._absent(name))
        del self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._axes)

    def __len__(self) -> int:
        return len(self._axes)

    def __contains__(self, name: object) -> bool:
        return name in self._axes

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DataCoordinates):
            return self._axes == other._axes
        return dict(other) == self._axes if isinstance(other, Mapping) else NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self._axes.items()))

    def __reduce__(self) -> tuple[type[DataCoordinates], tuple[dict[str, AxisValue]]]:
        return type(self), (dict(self._axes),)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._axes]

    def __str__(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self._axes.items()) or "no axes"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._axes!r})"


class FrozenDataCoordinates(DataCoordinates):
    """Coordinates that cannot be changed, for use as a key; made by `DataCoordinates.frozen`."""

    __slots__ = ("_hash",)

    _hash: int

    def __init__(self, coordinate_dict: Mapping[str, Any] | None = None, **axes: Any) -> None:
        super().__init__(coordinate_dict, **axes)
        object.__setattr__(self, "_hash", hash(frozenset(self._axes.items())))

    def frozen(self) -> FrozenDataCoordinates:
        """Return itself."""
        return self

    def __setitem__(self, name: str, value: Any) -> None:
        raise TypeError(
            f"these coordinates are frozen: cannot set {name!r}; change a DataCoordinates(…) copy"
        )

    def __delitem__(self, name: str) -> None:
        raise TypeError(
            f"these coordinates are frozen: cannot remove {name!r}; change a DataCoordinates(…) copy"
        )

    def __hash__(self) -> int:
        return self._hash


def as_frozen(coordinates: Mapping[str, Any]) -> FrozenDataCoordinates:
    """Return the unchangeable form of `coordinates`, given as DataCoordinates or as any mapping."""
    return (
        coordinates.frozen()
        if isinstance(coordinates, DataCoordinates)
        else FrozenDataCoordinates(coordinates)
    )
