"""Errors and travels of the focus, judged one by one."""

from __future__ import annotations

import pytest

from magscope_app.feedback.swing import Swing


def effects(*found: float) -> list[str | None]:
    """Return what is said when travels of 100 nm do so many times of what they should."""
    swing = Swing(1.0)
    error_nm = focus_nm = 0.0
    said = [swing.look(error_nm, focus_nm, 1.0)]
    for effect in found:
        focus_nm += 100.0
        error_nm -= 100.0 * effect
        said.append(swing.look(error_nm, focus_nm, 1.0))
    return said


def test_three_travels_that_all_do_too_much_are_too_much() -> None:
    said = effects(3.0, 2.1, 4.0)
    assert said[:3] == [None] * 3
    assert said[3] is not None
    assert "moved them by 3.0 times what they should" in said[3]


@pytest.mark.parametrize("found", [(3.0, 1.0, 4.0), (1.0, 5.0, 5.0), (5.0, 5.0, 1.9)])
def test_one_travel_that_does_what_it_should_speaks_for_the_focus(found: tuple[float, ...]) -> None:
    assert effects(*found) == [None] * 4


def test_what_is_within_the_noise_is_no_swing() -> None:
    """8 times the noise that the lock states is the limit: 30 nm to and fro with a noise of 2 and of 5 nm."""
    for noise_nm, swings in ((2.0, True), (5.0, False)):
        swing = Swing(1.0)
        said = [swing.look(30.0 * (-1) ** number, 0.0, noise_nm) for number in range(20)]
        assert any(said) == swings
