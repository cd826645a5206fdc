"""Any interleaving of writes, reads, peeks, attaches, wraps and expiring pins keeps the ring's promises."""

from __future__ import annotations

import threading

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from magscope_app.datatypes import BufferUnderflow, FrameBatch, ReaderMode, Session, VideoBuffer, VideoReader
from tests.datatypes.frames_for_tests import is_whole, publish

MODES = {"tracking": ReaderMode.LOSSLESS, "recording": ReaderMode.LOSSLESS, "display": ReaderMode.OVERWRITE}
NAMES = st.sampled_from(sorted(MODES))


class RingMachine(RuleBasedStateMachine):
    """Drives one small ring with three readers on two handles and checks it against plain counting."""

    @initialize(
        n_images=st.integers(1, 3),
        n_stacks=st.integers(1, 3),
        pins_hold=st.booleans(),
        default_reader=st.booleans(),
        unpin_first=st.sampled_from([(), ("recording",), ("recording", "tracking")]),
    )
    def make(
        self,
        n_images: int,
        n_stacks: int,
        *,
        pins_hold: bool,
        default_reader: bool,
        unpin_first: tuple[str, ...],
    ) -> None:
        self.session = Session.create()
        self.locks = {"VideoBuffer": threading.Lock()}
        self.pins_hold = pins_hold and not unpin_first
        self.writer = VideoBuffer(
            create=True,
            locks=self.locks,
            n_stacks=n_stacks,
            n_images=n_images,
            width=3,
            height=2,
            bits=16,
            default_reader=default_reader,
            pin_timeout_s=1e6 if pins_hold else 0.0,
            unpin_first=unpin_first,
        )
        self.other = VideoBuffer(create=False, locks=self.locks)
        self.has_default = default_reader
        self.ids: list[int] = []
        self.default_read = 0
        self.readers: dict[str, VideoReader] = {}
        self.held: dict[str, FrameBatch] = {}
        self.got: dict[str, list[int]] = {name: [] for name in MODES}
        self.camera_number = 0
        self.camera_seen = 0

    @rule(frames=st.integers(1, 7), skipped=st.sampled_from([0, 0, 0, 2]))
    def write(self, frames: int, skipped: int) -> None:
        # The first number of a run says nothing about what came before it.
        self.camera_seen += skipped if self.camera_number else 0
        self.camera_number += skipped
        for _ in range(frames):
            before = self.writer.counters().next_frame_id
            frame_id = publish(self.writer, self.camera_number)
            assert frame_id in (before, None)
            if frame_id is not None:
                self.ids.append(frame_id)
            self.camera_number += 1
            self.camera_seen += 1

    @rule()
    def restart_camera(self) -> None:
        self.writer.begin_run()
        self.camera_number = 0

    @rule()
    def restart_writer(self) -> None:
        self.writer, self.other = self.other, self.writer
        self.writer.begin_run()
        self.camera_number = 0

    @rule(name=NAMES, start=st.sampled_from(["resume", "oldest"]), other=st.booleans())
    def open(self, name: str, start: str, *, other: bool) -> None:
        if name not in self.readers:
            handle = self.other if other else self.writer
            self.readers[name] = handle.reader(name, MODES[name], start=start)  # type: ignore[arg-type]  # sampled

    @rule(name=NAMES, count=st.integers(1, 9))
    def acquire(self, name: str, count: int) -> None:
        # A step that does nothing would be wasted.
        if name in self.held:
            self.release(name)
        self.open(name, "resume", other=False)
        batch = self.readers[name].acquire(count)
        if batch is not None:
            self.held[name] = batch

    @precondition(lambda self: self.held)
    @rule(name=NAMES)
    def release(self, name: str) -> None:
        if name not in self.held:
            return
        batch = self.held.pop(name)
        whole = [is_whole(pixels, int(i)) for pixels, i in zip(batch.frames, batch.frame_ids, strict=True)]
        valid = batch.release()
        assert all(fine for fine, told in zip(whole, valid, strict=True) if told)
        if MODES[name] is ReaderMode.LOSSLESS and self.pins_hold:
            assert valid.all()
        self.got[name] += batch.frame_ids[valid].tolist()

    @rule(name=NAMES, count=st.integers(1, 9), frames=st.integers(1, 20))
    def write_while_held(self, name: str, count: int, frames: int) -> None:
        """What is overwritten in use is told, and what a lossless reader holds is not overwritten."""
        self.acquire(name, count)
        self.write(frames=frames, skipped=0)
        self.release(name)

    @rule(name=NAMES, count=st.integers(1, 9), frames=st.integers(1, 20))
    def write_while_validated(self, name: str, count: int, frames: int) -> None:
        """What `validate` called whole counts as got, whatever happens before `release`."""
        self.acquire(name, count)
        if name not in self.held:
            return
        batch = self.held.pop(name)
        whole = [is_whole(pixels, int(i)) for pixels, i in zip(batch.frames, batch.frame_ids, strict=True)]
        told = batch.validate().copy()
        assert all(fine for fine, said in zip(whole, told, strict=True) if said)
        self.write(frames=frames, skipped=0)
        assert batch.release().tolist() == told.tolist()
        self.got[name] += batch.frame_ids[told].tolist()

    @rule(name=NAMES)
    def beat(self, name: str) -> None:
        if name in self.readers:
            self.readers[name].beat()

    @rule()
    def attach_anew(self) -> None:
        """The handle that does not write goes, its readers with it, and another comes."""
        mine = [name for name, reader in self.readers.items() if reader in self.other._readers]
        if any(name in self.held for name in mine):
            return
        for name in mine:
            self.readers.pop(name).close()
        if not self.other._block.created:
            self.other.close()
            self.other = VideoBuffer(create=False, locks=self.locks)

    @rule()
    def look(self) -> None:
        """A reader of the newest frame holds nothing back and counts nothing."""
        with self.other.reader("gui", ReaderMode.NEWEST) as gui:
            frame = gui.newest()
            assert (frame is None) == (not self.ids)
            if frame is not None:
                assert frame.frame_id == self.ids[-1]
                assert is_whole(frame.pixels, frame.frame_id)
            assert (gui.counters.got, gui.counters.lost) == (0, 0)

    @rule(stack=st.booleans())
    def read_as_documented(self, *, stack: bool) -> None:
        if not self.has_default:
            return
        count = self.other.n_images if stack else 1
        unread = len(self.ids) - self.default_read
        assert self.writer.get_unread_stack_count() == unread // self.writer.n_images
        assert self.writer.get_level() == unread / self.writer.n_total_images
        if unread < count:
            with pytest.raises(BufferUnderflow):
                self.other.peak_stack() if stack else self.other.read_image()
            return
        if stack:
            frames = self.other.peak_stack()[0]
            self.writer.read_stack_no_return()
        else:
            frames = self.other.read_image()[0][:, :, None]
        expected = self.ids[self.default_read :][:count]
        assert all(is_whole(frames[:, :, place], number) for place, number in enumerate(expected))
        self.default_read += count

    @rule(name=NAMES)
    def close_reader(self, name: str) -> None:
        if name in self.readers and name not in self.held:
            self.readers.pop(name).close()

    @rule()
    def peek(self) -> None:
        count = self.writer.counters().acquired
        if count:
            index, _ = self.other.peak_image()
            assert index == (count - 1) % self.writer.n_total_images

    @invariant()
    def counts_agree(self) -> None:
        if not hasattr(self, "writer"):
            return
        counters = self.other.counters()
        total = counters.acquired + counters.lost_ring + counters.lost_upstream
        assert total == self.camera_seen
        assert counters.next_frame_id == counters.acquired + counters.lost_ring
        lost = counters.lost_ring + counters.lost_upstream
        for status in counters.readers:
            mine = status.counters
            if status.name == "gui":
                continue
            assert mine.got + mine.lost == mine.cursor <= counters.acquired
            assert mine.got == len(self.got[status.name])
            assert self.got[status.name] == sorted(set(self.got[status.name]))
            assert set(self.got[status.name]) <= set(self.ids)
            # The reader's own count is independent of its cursor and its losses.
            reader = self.readers.get(status.name)
            assert reader is None or reader.counters == mine
            lost += mine.lost + status.overdue
        assert lost == sum(gap.count for gap in self.writer.ledger())

    def teardown(self) -> None:
        if hasattr(self, "writer"):
            self.held.clear()
            for buffer in (self.other, self.writer):
                buffer.close()
            self.session.close()


RingMachine.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
TestRing = RingMachine.TestCase
