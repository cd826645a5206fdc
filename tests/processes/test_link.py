"""The link between two processes: order kept, never blocked, the other's death noticed."""

from __future__ import annotations

import multiprocessing
import sys
import time
import types

import pytest

from magscope_app.errors import MagscopeError
from magscope_app.messages import MoveMotor, ProcessReady, SetCameraSetting, Shutdown
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


def test_what_no_other_process_can_be_given_is_refused_and_the_next_message_arrives() -> None:
    here, there = multiprocessing.Pipe()
    one, other = Link(here, "one"), Link(there, "other")
    with pytest.raises(
        MagscopeError, match=r"SetCameraSetting cannot be sent .*: its value is <function .*>"
    ):
        one.send(SetCameraSetting("exposure_ms", lambda: 3))  # type: ignore[arg-type]  # that is the test
    one.send(MoveMotor("focus", 1.0))
    assert other.receive(5.0) == MoveMotor("focus", 1.0)
    one.close()
    other.close()


class _Mute:
    """Can neither be sent nor shown."""

    def __reduce__(self) -> str:
        raise RuntimeError("no")

    def __repr__(self) -> str:
        raise ValueError("no")


def test_what_cannot_even_be_shown_is_refused_with_its_type() -> None:
    here, there = multiprocessing.Pipe()
    link = Link(here, "one")
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    for content, kind in ((_Mute(), "_Mute"), (deep, "list")):
        with pytest.raises(MagscopeError, match=f"its value is of the type {kind}"):
            link.send(SetCameraSetting("exposure_ms", content))  # type: ignore[arg-type]  # that is the test
    link.close()
    there.close()


def test_what_is_too_much_to_wait_is_dropped_the_oldest_first() -> None:
    here, there = multiprocessing.Pipe()
    one, other = Link(here, "one"), Link(there, "other")
    # More than the pipe itself takes.
    for number in range(2 * MAX_WAITING):
        one.send(MoveMotor("x" * 200, number))
    come = []
    while (message := other.receive(0.5)) is not None:
        assert isinstance(message, MoveMotor)
        come.append(message.position)
    assert come == sorted(come)
    assert come[-1] == 2 * MAX_WAITING - 1
    assert MAX_WAITING <= len(come) < 2 * MAX_WAITING
    one.close()
    other.close()


def test_what_is_on_its_way_is_not_taken_for_sent() -> None:
    here, there = multiprocessing.Pipe()
    one, other = Link(here, "one"), Link(there, "other")
    # One message that the pipe does not take at once: it is in the sender's hand, and nothing waits.
    one.send(ProcessReady("x" * 10_000_000))
    time.sleep(0.2)
    assert not one.flush(0.1)
    assert other.receive(5.0) is not None
    assert one.flush(5.0)
    one.close()
    other.close()


def test_what_is_unknown_at_this_end_is_named_and_the_next_message_arrives() -> None:
    here, there = multiprocessing.Pipe()
    one, other = Link(here, "one"), Link(there, "other")
    module = types.ModuleType("not_to_be_found_here")
    sys.modules[module.__name__] = module
    try:
        module.Own = type("Own", (), {"__module__": module.__name__})  # type: ignore[attr-defined]  # made here
        one.send(SetCameraSetting("exposure_ms", module.Own()))
        assert one.flush(5.0)
    finally:
        del sys.modules[module.__name__]
    one.send(MoveMotor("focus", 1.0))
    with pytest.raises(TypeError, match=r"cannot be read here .*not_to_be_found_here"):
        other.receive(5.0)
    assert other.receive(5.0) == MoveMotor("focus", 1.0)
    one.close()
    other.close()
