"""The profiles of one Z-LUT sweep, collected in shared memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magscope_app import operating_system as system
from magscope_app.datatypes import layout
from magscope_app.datatypes.block import Block
from magscope_app.datatypes.checks import same_sizes, whole_sizes
from magscope_app.datatypes.closed import Closed
from magscope_app.datatypes.errors import BufferOverflow, DatasetNotReadyError
from magscope_app.datatypes.guard import Guard, LockLike
from magscope_app.datatypes.handle import Handle
from magscope_app.datatypes.locks import lock_of
from magscope_app.datatypes.session import Session
from magscope_app.datatypes.sweep_columns import COLUMNS, as_stored, column_arrays, columns_nbytes, preview

_KIND = 5
_SCHEMA_VERSION = 1
_STATE = layout.RESERVED
_SIZES = ("capacity", "profile_length", "n_steps", "n_beads", "profiles_per_bead")


class ZLUTSweepDataset(Handle):
    """One row per captured profile of a sweep; never wraps, never overwrites.

    Parameters
    ----------
    create : bool
        True to make it (then its state is READY), False to attach.
    locks : mapping
        Must have an entry `name`; it serialises writers.
    capacity : int, optional
        Rows. Required, as the other sizes, when creating.
    profile_length, n_steps, n_beads, profiles_per_bead : int, optional
        Samples of a profile; steps, beads and profiles per bead and step of the sweep.
    name : str
    session : Session or str, optional
        Default: the session of this process.

    Raises
    ------
    DatasetNotReadyError
        When attaching to one that is absent, being made, being detached or destroyed.
    FileExistsError
        When creating one that exists.
    ValueError
        For sizes below 1 or, when attaching, another schema, or sizes that are not those of the dataset.
    """

    NAME: ClassVar[str] = "ZLUTSweepDataset"
    #: That of the dataset; the default is to be read on the class.
    name: str = NAME
    STATE_ABSENT = 0
    STATE_CREATING = 1
    STATE_READY = 2
    STATE_CAPTURING = 3
    STATE_COMPLETE = 4
    STATE_DETACHING = 5
    STATE_FAILED = 6
    STATE_DESTROYED = 7

    _NAMES: ClassVar[dict[int, str]] = {
        0: "ABSENT",
        1: "CREATING",
        2: "READY",
        3: "CAPTURING",
        4: "COMPLETE",
        5: "DETACHING",
        6: "FAILED",
        7: "DESTROYED",
    }
    #: From each state to which others.
    _CHANGES: ClassVar[dict[int, frozenset[int]]] = {
        0: frozenset(),
        1: frozenset({2, 6}),
        2: frozenset({3, 4, 5, 6}),
        3: frozenset({2, 4, 5, 6}),
        4: frozenset({5, 6}),
        5: frozenset({6, 7}),
        6: frozenset({5, 7}),
        7: frozenset(),
    }
    _NOT_ATTACHABLE = frozenset({0, 1, 5, 7})
    _WRITABLE = frozenset({2, 3})

    def __init__(
        self,
        *,
        create: bool,
        locks: Mapping[str, LockLike],
        capacity: int | None = None,
        profile_length: int | None = None,
        n_steps: int | None = None,
        n_beads: int | None = None,
        profiles_per_bead: int | None = None,
        name: str = "ZLUTSweepDataset",
        session: Session | str | None = None,
    ) -> None:
        self.name = name
        self.lock = lock_of(locks, name)
        given = dict(
            zip(_SIZES, (capacity, profile_length, n_steps, n_beads, profiles_per_bead), strict=True)
        )
        self._block = self._made(given, session) if create else self._attached(given, session)
        sizes = self._block.geometry(5)
        self.capacity, self.profile_length, self.n_steps, self.n_beads, self.profiles_per_bead = sizes
        self._columns = column_arrays(self._block.data[layout.PAGE :], self.capacity, self.profile_length)
        self._fence = system.memory_fence()
        self._owned = create
        #: The beads of the first so many rows.
        self._known_ids, self._known_rows = frozenset[int](), 0
        if create:
            with self._block.building():
                self._guard = self._guarded()
                for column, values in self._columns.items():
                    values.fill(COLUMNS[column].empty)
                self.set_state(self.STATE_READY)
                self._block.publish()
        else:
            self._guard = self._guarded()

    def _guarded(self) -> Guard:
        return Guard(self.lock, self._block.words, self.name, self._block.session)

    def _made(self, given: Mapping[str, int | None], session: Session | str | None) -> Block:
        sizes = list(whole_sizes(self.name, given).values())
        nbytes = layout.PAGE + columns_nbytes(sizes[0], sizes[1])
        block = Block.create(_KIND, self.name, nbytes, session, (self.lock,))
        block.set_geometry([*sizes, _SCHEMA_VERSION])
        block.words[_STATE] = self.STATE_CREATING
        return block

    def _attached(self, given: Mapping[str, int | None], session: Session | str | None) -> Block:
        try:
            block = Block.attach(_KIND, self.name, session)
        except FileNotFoundError as error:
            raise DatasetNotReadyError(f"{self.name} does not exist yet: begin a sweep first") from error
        schema, state = block.geometry(6)[5], block.words[_STATE]
        if schema != _SCHEMA_VERSION:
            raise ValueError(f"{self.name} has schema {schema}, this program needs {_SCHEMA_VERSION}")
        if state not in self._NAMES:
            raise ValueError(f"{self.name} is damaged, it is in no known state ({state}): make it anew")
        if state in self._NOT_ATTACHABLE:
            raise DatasetNotReadyError(f"{self.name} cannot be attached to while it is {self._NAMES[state]}")
        sizes = block.sizes(5)
        same_sizes(self.name, given, dict(zip(_SIZES, sizes, strict=True)))
        block.require(layout.PAGE + columns_nbytes(sizes[0], sizes[1]))
        return block

    @classmethod
    def create(
        cls,
        *,
        locks: Mapping[str, LockLike],
        capacity: int,
        profile_length: int,
        n_steps: int,
        n_beads: int,
        profiles_per_bead: int,
        name: str = "ZLUTSweepDataset",
        session: Session | str | None = None,
    ) -> ZLUTSweepDataset:
        """Make a dataset; see the class."""
        return cls(
            create=True,
            locks=locks,
            capacity=capacity,
            profile_length=profile_length,
            n_steps=n_steps,
            n_beads=n_beads,
            profiles_per_bead=profiles_per_bead,
            name=name,
            session=session,
        )

    @classmethod
    def attach(
        cls,
        *,
        locks: Mapping[str, LockLike],
        name: str = "ZLUTSweepDataset",
        session: Session | str | None = None,
    ) -> ZLUTSweepDataset:
        """Attach to a dataset; see the class."""
        return cls(create=False, locks=locks, name=name, session=session)

    # State ----------------------------------------------------------------------------------------

    @property
    def state(self) -> int:
        """One of the STATE_ numbers."""
        return self._block.words[_STATE]

    def set_state(self, value: int) -> None:
        """Change the state.

        Raises
        ------
        ValueError
            When there is no such state, or it cannot follow the present one. Setting the present one again is
            allowed.
        """
        with self._guard:
            present = self.state
            if not isinstance(value, int | np.integer) or value not in self._NAMES:
                raise ValueError(f"{self.name} has states {self._NAMES}, not {value}")
            if value != present and value not in self._CHANGES[present]:
                raise ValueError(
                    f"{self.name} is {self._NAMES[present]} and cannot become {self._NAMES[value]}"
                )
            self._block.words[_STATE] = value

    # Rows -----------------------------------------------------------------------------------------

    def write(
        self,
        *,
        bead_ids: ArrayLike,
        step_indices: ArrayLike,
        timestamps: ArrayLike,
        motor_z_values: ArrayLike,
        valid_flags: ArrayLike,
        profiles: ArrayLike,
    ) -> None:
        """Append rows; they become visible all at once.

        Parameters
        ----------
        bead_ids, step_indices, timestamps, motor_z_values, valid_flags : array_like, shape (n,)
        profiles : array_like, shape (n, profile_length)

        Raises
        ------
        ValueError
            For other shapes, for numbers that a column cannot hold, for steps that the sweep does not have,
            more beads than it has, flags other than 0 and 1, times that are not finite, or in a state other
            than READY and CAPTURING; nothing is written.
        BufferOverflow
            When they do not fit; nothing is written.
        """
        values = (bead_ids, step_indices, timestamps, motor_z_values, valid_flags, profiles)
        rows = self._checked(values)
        count = len(rows["bead_ids"])
        with self._guard:
            if self.state not in self._WRITABLE:
                raise ValueError(
                    f"{self.name} is {self._NAMES[self.state]}: it takes rows when READY or CAPTURING"
                )
            first = self.get_count()
            if first + count > self.capacity:
                raise BufferOverflow(
                    f"{self.name} holds {first} of {self.capacity} rows, {count} more do not fit"
                )
            self._require_few_beads(rows["bead_ids"], first)
            for name, row in rows.items():
                self._columns[name][first : first + count] = row
            if self._fence is not None:
                self._fence()
            self._block.words[layout.HEAD] = first + count

    def _require_few_beads(self, bead_ids: NDArray[Any], count: int) -> None:
        """Refuse another bead when all of the sweep have rows already; looks at new rows only."""
        since = self._columns["bead_ids"][self._known_rows : count]
        self._known_ids |= frozenset(np.unique(since).tolist())
        self._known_rows = count
        others = frozenset(np.unique(bead_ids).tolist()) - self._known_ids
        if len(self._known_ids) + len(others) > self.n_beads:
            raise ValueError(
                f"{self.name}: the sweep has {self.n_beads} beads, and rows of others were given (bead "
                f"{max(others)}): give those of the sweep alone"
            )

    def _checked(self, values: Iterable[ArrayLike]) -> dict[str, NDArray[Any]]:
        rows = {name: as_stored(self.name, name, value) for name, value in zip(COLUMNS, values, strict=True)}
        count = len(np.atleast_1d(rows["bead_ids"]))
        for name, row in rows.items():
            expected = (count, self.profile_length) if name == "profiles" else (count,)
            if row.shape != expected:
                raise ValueError(f"{self.name}: {name} must have the shape {expected}, not {row.shape}")
        if count and rows["step_indices"].max() >= self.n_steps:
            raise ValueError(
                f"{self.name}: step_indices must be from 0 to {self.n_steps - 1}, as the sweep has "
                f"{self.n_steps} steps, not {rows['step_indices'].max()}"
            )
        if count and rows["valid_flags"].max() > 1:
            raise ValueError(f"{self.name}: valid_flags must be 0 or 1, not {rows['valid_flags'].max()}")
        if not np.isfinite(rows["timestamps"]).all():
            raise ValueError(f"{self.name}: timestamps must be finite numbers of seconds")
        return rows

    def get_count(self) -> int:
        """Return the number of rows written."""
        return self._block.words[layout.HEAD]

    def get_capacity(self) -> int:
        """Return the number of rows that fit."""
        self._block.geometry(1)
        return self.capacity

    def peak(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of all rows.

        Returns
        -------
        dict
            ``bead_ids``, ``step_indices`` (uint32), ``timestamps``, ``motor_z_values`` (float64),
            ``valid_flags`` (uint8), each of shape (n,), and ``profiles`` (float64, shape (n,
            profile_length)).
        """
        count = self.get_count()
        if self._fence is not None:
            self._fence()
        return {name: values[:count].copy() for name, values in self._columns.items()}

    def read_preview(self, selected_bead_id: int | None = None) -> dict[str, object]:
        """Return state, sizes and the rows of one bead, valid or not.

        Parameters
        ----------
        selected_bead_id : int, optional
            Default, and when that bead has no row: the first one that has.

        Returns
        -------
        dict
            ``state``, ``count``, ``capacity``, ``n_steps``, ``n_beads``, ``profiles_per_bead``,
            ``profile_length``, ``available_bead_ids``, ``selected_bead_id``, ``motor_z_min``, ``motor_z_max``
            and, of that bead, ``step_indices``, ``motor_z_values``, ``profiles``.
        """
        rows = self.peak()
        head: dict[str, object] = {"state": self.state, "count": len(rows["bead_ids"])}
        sizes = ("capacity", "n_steps", "n_beads", "profiles_per_bead", "profile_length")
        head.update((size, getattr(self, size)) for size in sizes)
        return {**head, **preview(rows, selected_bead_id)}

    # End ------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Detach; closed by its owner, the dataset is DESTROYED for all. A second call does nothing."""
        if not isinstance(self._block, Closed):
            self._owned = self._block.created
            if self._owned:
                self._block.words[_STATE] = self.STATE_DESTROYED
            self._block.remove()
            self._block = cast("Block", Closed(self.name))
            self._guard = cast("Guard", self._block)
            self._columns = {}

    def destroy(self) -> None:
        """Mark the dataset as destroyed and remove it; RuntimeError for anyone but its creator."""
        closed = isinstance(self._block, Closed)
        if not (self._owned if closed else self._block.created):
            raise RuntimeError(f"only the creator of {self.name} may destroy it: close() detaches")
        self.close()

    def __del__(self) -> None:
        # A constructor that raised leaves nothing to close.
        if hasattr(self, "_columns"):
            self.close()
