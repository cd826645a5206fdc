"""Locks that cannot be, said before anything starts."""

from __future__ import annotations

import pytest

from magscope_app.errors import ConfigError
from magscope_app.processes.preflight import load_ready


def test_a_z_lock_without_focus_or_z_is_refused() -> None:
    with pytest.raises(ConfigError) as raised:
        load_ready("replay.toml", ["z_lock.on=true"], None, None)
    said = [str(problem) for problem in raised.value.problems if problem.where == "z_lock.on"]
    assert len(said) == 2
    assert "no motor with the role focus" in said[0]
    assert "without a Z-LUT there is no z" in said[1]


def test_gains_that_would_swing_are_refused_in_one_sentence() -> None:
    with pytest.raises(ConfigError) as raised:
        load_ready("demo.toml", ["z_lock.gain=0.4", "z_lock.damping=0.9"], None, None)
    [said] = [str(problem) for problem in raised.value.problems]
    assert "z_lock" in said
    assert "gain = 0.4 with damping = 0.9 would swing" in said
    assert "give a damping up to 0.2 or a smaller gain" in said
