"""The link between two processes: order kept, never blocked, the other's death noticed."""

from __future__ import annotations

import multiprocessing
import time

import pytest

from magscope_app.messages import MoveMotor, ProcessReady, Shutdown
from magscope_app.processes.link import MAX_WAITING, Link, LinkClosed


def test_messages_arrive_in_order() -> None:
    here, there = multiprocessing.Pipe()
    one, other = Link(here, "one"), Link(there, "other")
    for number in range(200):
        one.send(MoveMotor("focus", number))
    assert [other.receive(1.0) for _ in range(200)] == [MoveMotor("focus", number) for number in range(200)]
    assert other.receive() is None
    one.close()
    other.close()


def test_a_neighbour_that_does_not_read_never_blocks_the_sender() -> None:
    here, there = multiprocessing.Pipe()
    link = Link(here, "one")
    started = time.monotonic()
    for _ in range(2 * MAX_WAITING):
        link.send(ProcessReady("x" * 100))
    assert time.monotonic() - started < 5.0
    assert not link.flush(0.05)
    there.close()
    link.close()


def test_the_death_of_the_other_end_is_noticed() -> None:
    here, there = multiprocessing.Pipe()
    link = Link(here, "one")
    there.close()
    with pytest.raises(LinkClosed):
        link.receive(1.0)
    link.send(Shutdown())
    link.close()


def test_only_messages_are_taken() -> None:
    here, there = multiprocessing.Pipe()
    link = Link(here, "one")
    there.send({"not": "a message"})
    with pytest.raises(TypeError, match="dict, which is no message"):
        link.receive(1.0)
    link.close()
    there.close()
