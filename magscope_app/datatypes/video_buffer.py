"""Frames in shared memory, from one writer to any number of readers."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from numpy.typing import NDArray

from magscope_app.datatypes import layout
from magscope_app.datatypes.block import Block
from magscope_app.datatypes.checks import names_in_order, same_sizes, timeout_ns, whole_sizes, yes_or_no
from magscope_app.datatypes.closed import Closed
from magscope_app.datatypes.default_cursor import DefaultCursor
from magscope_app.datatypes.documented_video import DocumentedVideo
from magscope_app.datatypes.frames import NO_SECONDS
from magscope_app.datatypes.gaps import Gap
from magscope_app.datatypes.guard import LockLike
from magscope_app.datatypes.locks import lock_of
from magscope_app.datatypes.reader_entries import Start
from magscope_app.datatypes.reader_mode import ReaderCounters, ReaderMode, RingCounters
from magscope_app.datatypes.ring import KIND, Geometry, Ring
from magscope_app.datatypes.ring_writer import RingWriter
from magscope_app.datatypes.session import Session
from magscope_app.datatypes.video_reader import VideoReader
from magscope_app.datatypes.wakes import Wakes, checked_wakes


class VideoBuffer(DocumentedVideo):
    """Shared-memory ring of camera frames.

    One process writes, any number read. The documented methods (`peak_stack`, `read_image`, …) act on one
    lossless cursor that all handles share; the application reads through named readers (`reader`) instead. A
    frame that finds the ring full is refused and counted, never written over one that a lossless reader still
    needs.

    Parameters
    ----------
    create : bool
        True to make the buffer, False to attach to the one of this session.
    locks : mapping
        Must have an entry ``"VideoBuffer"``: a `multiprocessing` lock, used for moving the shared cursor and
        for joining as a writer or reader, never while publishing.
    n_stacks, n_images : int
        The ring holds ``n_stacks * n_images`` frames. Required (as all sizes) when creating; when attaching
        they are read, and ValueError for one that is given and is another.
    width, height : int
        Of a frame, in pixels.
    bits : int
        Container width of a pixel: 8, 16, 32 or 64.
    default_reader : bool
        Whether the shared cursor exists. Without it only named readers hold frames back.
    wakes : mapping, optional
        ``"VideoBuffer.<reader>"`` to semaphore, the same in all processes; see `make_wakes`. A reader without
        one polls.
    session : Session or str, optional
        Where to make or find the buffer; default: the session of this process.
    significant_bits : int, optional
        Bits that the camera really delivers, such as 12; default: `bits`.
    pin_timeout_s : float
        A lossless reader without a sign of life for so long no longer holds frames back.
    unpin_first : tuple of str
        Lossless readers that give way when the ring fills: the first at three quarters, the others evenly
        later.
        Readers that are not named make the ring refuse frames instead.

    Raises
    ------
    KeyError
        When `locks` lacks the entry.
    FileExistsError, FileNotFoundError
        When creating a living buffer, or attaching to none.
    ValueError
        For impossible sizes.
    SharedMemoryFullError
        When it does not fit, with the sizes.
    """

    def __init__(
        self,
        *,
        create: bool,
        locks: Mapping[str, LockLike],
        n_stacks: int | None = None,
        width: int | None = None,
        height: int | None = None,
        n_images: int | None = None,
        bits: int | None = None,
        default_reader: bool = True,
        wakes: Wakes | None = None,
        session: Session | str | None = None,
        significant_bits: int | None = None,
        pin_timeout_s: float = 1.0,
        unpin_first: tuple[str, ...] = (),
    ) -> None:
        self.lock = lock_of(locks, self.name)
        wakes = checked_wakes(wakes)
        sizes = {"n_stacks": n_stacks, "n_images": n_images, "width": width, "height": height, "bits": bits}
        if create:
            geometry = Geometry.checked(
                **whole_sizes("a VideoBuffer", sizes), significant_bits=significant_bits
            )
            semaphores = (self.lock, *wakes.values())
            self._block = Block.create(KIND, self.name, geometry.nbytes, session, semaphores)
            with self._block.building():
                self._ring = Ring(self._block, geometry, self.lock, wakes)
                self._fill_header(geometry, default_reader, pin_timeout_s, unpin_first)
        else:
            self._block = Block.attach(KIND, self.name, session)
            geometry = Geometry(*self._block.sizes(6))
            same_sizes(self.name, {**sizes, "significant_bits": significant_bits}, asdict(geometry))
            self._ring = Ring(self._block, geometry, self.lock, wakes)
        self._describe(self._ring.geometry)
        self._block.prefault()
        self._writer = RingWriter(self._ring)
        self._default = DefaultCursor(self._ring)
        self._readers: weakref.WeakSet[VideoReader] = weakref.WeakSet()
        self._last_good: tuple[int, bytes] | None = None

    def _fill_header(
        self, geometry: Geometry, default_reader: bool, pin_timeout_s: float, unpin_first: tuple[str, ...]
    ) -> None:
        block = self._block
        block.set_geometry(
            (
                geometry.n_stacks,
                geometry.n_images,
                geometry.width,
                geometry.height,
                geometry.bits,
                geometry.significant_bits,
            )
        )
        block.words[layout.HAS_DEFAULT] = yes_or_no("default_reader", default_reader)
        block.words[layout.PIN_TIMEOUT_NS] = timeout_ns("pin_timeout_s", pin_timeout_s)
        self._ring.store_unpin_names(names_in_order("unpin_first", unpin_first))
        block.publish()

    # Named readers --------------------------------------------------------------------------------

    def reader(self, name: str, mode: ReaderMode, *, start: Start = "resume") -> VideoReader:
        """Register a reader under a name.

        Parameters
        ----------
        name : str
            At most 64 bytes. The next reader of the same name goes on where this one stopped.
        mode : ReaderMode
        start : {"resume", "oldest", "newest"}
            Where to begin. ``resume``: at the cursor of the predecessor (0 without one) when that is still in
            the ring, else half a ring back. ``oldest``: the same, but a whole ring back. What is no longer
            there counts as lost. ``newest``: with the next frame to come; what came before was not wanted and
            does not count.

        Raises
        ------
        RuntimeError
            When a living process reads under that name, or all sixteen entries have readers that live or will
            come back (those named in `unpin_first` or `wakes`). Of others the one that has been silent for
            the longest time is forgotten, lossless ones last.
        ValueError
            For a mode that is none, or a name that is too long.
        """
        reader = VideoReader(self._ring, name, ReaderMode(mode), start)
        reader.keep(self)
        self._readers.add(reader)
        return reader

    def reader_counters(self, name: str) -> ReaderCounters:
        """Return the counts of one reader; KeyError when it never registered."""
        return self._ring.counters_of(name)

    def counters(self) -> RingCounters:
        """Return the counts of the ring and of all its readers."""
        return self._ring.ring_counters()

    def newest_time(self) -> tuple[int, int] | None:
        """Return how many frames were published, and the session time (ns) of the newest.

        None before the first frame, or where the writer overtook every one of a few tries.
        """
        return self._ring.newest_time()

    def ledger(self) -> tuple[Gap, ...]:
        """Return every loss so far: first id, count, where and why."""
        return self._ring.ledger()

    def level(self, reader_name: str | None = None) -> float:
        """Return the unread fraction of the ring, of one reader or of the slowest lossless one."""
        if reader_name is None:
            return self._ring.slowest_level()
        return self._ring.level_of(reader_name)

    # Writing --------------------------------------------------------------------------------------

    def begin(self) -> NDArray[Any] | None:
        """Return the next free slot for the camera to fill, or None when the ring is full.

        For one thread: until its `commit` or `abort` no other may write through this handle, in whatever way.

        Returns
        -------
        ndarray, shape (height, width), or None
            Follow it by `commit` or `abort`. After None nothing has been counted yet: fetch the frame
            elsewhere and call `refuse` once for it, or try `begin` again.
        """
        return self._writer.begin()

    def commit(
        self,
        *,
        timestamp_ns: int,
        camera_frame: int = -1,
        device_tick: int = 0,
        flags: int = 0,
        seconds: float = NO_SECONDS,
    ) -> int:
        """Publish the slot that `begin` returned, in the same thread.

        Parameters
        ----------
        timestamp_ns : int
            Session clock.
        camera_frame : int
            The camera's own number, -1 when it has none: then the next frame's may be any. A jump is booked
            as lost upstream.
        device_tick : int
            The device's own clock.
        flags : int
            Stored with the frame.
        seconds : float
            A time as given by the caller, for the documented methods; they return `timestamp_ns` without it.

        Returns
        -------
        int
            The frame id.

        Raises
        ------
        RuntimeError
            Without `begin`.
        struct.error
            For what is no whole number of 64 bits; nothing is booked or published.

        Notes
        -----
        Killed anywhere in here, the writer leaves the next one exact: no number is booked twice. A frame that
        had no head word yet was not published; the camera's next number says that it is missing.
        """
        return self._writer.commit(timestamp_ns, camera_frame, device_tick, flags, seconds)

    def abort(self) -> None:
        """Give the slot of `begin` back unpublished; no frame id is used."""
        self._writer.abort()

    def refuse(self, *, camera_frame: int = -1) -> int:
        """Count one frame that arrived while the ring was full; return the frame id it took.

        TypeError or ValueError for a `camera_frame` that is no whole number of 64 bits; nothing is counted.
        """
        return self._writer.refuse(camera_frame)

    def begin_run(self) -> None:
        """Say that the camera starts, so that its number may begin anew without counting as a loss.

        RuntimeError where `begin` would raise it: another process writes.
        """
        self._writer.begin_run()

    def resume_run(self, *, timestamp_ns: int, fps: float) -> int:
        """Say that the camera is back after its process had died; call it between `begin` and `commit`.

        Parameters
        ----------
        timestamp_ns : int
            Session clock of the frame that is about to be published.
        fps : float
            The camera's rate, from which the number of frames follows that it took meanwhile.

        Returns
        -------
        int
            How many frames were booked as lost in the camera. Those that the ring has refused since the last
            accepted one, and those that are booked already, are not among them.

        Raises
        ------
        RuntimeError
            Without `begin`.
        ValueError
            For a rate that no camera has; nothing is booked.
        struct.error
            For a time that is no whole number of 64 bits; nothing is booked.
        """
        return self._writer.resume_run(timestamp_ns, fps)

    # End ------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Detach, and remove the buffer if this handle created it; views stay valid. Idempotent."""
        if isinstance(self._ring, Closed):
            return
        for reader in list(self._readers):
            reader.close()
        self._writer.close()
        self._block.remove()
        closed = Closed(self.name)
        self._block = cast("Block", closed)
        self._ring = cast("Ring", closed)
        self._writer = cast("RingWriter", closed)
        self._default = cast("DefaultCursor", closed)

    def __del__(self) -> None:
        # A constructor that raised leaves nothing to close.
        if hasattr(self, "_last_good"):
            self.close()
