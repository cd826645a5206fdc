"""SIGKILL and SIGSTOP at random instants: nobody hangs, nothing is corrupt, every loss is accounted for."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.datatypes.chaos import Chaos

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills as POSIX does")


def check(folder: Path, *, seed: int, kills: int, kills_per_life: int) -> None:
    tally = Chaos(folder, seed).run(kills, kills_per_life)
    total = tally.total()
    print(f"seed {seed}: {tally.lives} lives, slowest {tally.slowest_s:.2f} s to go on, {total}")
    print(f"killed {dict(tally.kills)}, stopped {dict(tally.stops)}")
    assert tally.kills.total() >= kills
    assert all(tally.kills[role] for role in ("producer", "tracking", "gui", "supervisor"))
    assert total.delivered > 0


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_sixty_kills(tmp_path: Path) -> None:
    check(tmp_path, seed=1, kills=60, kills_per_life=15)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_thousand_kills(tmp_path: Path) -> None:
    check(tmp_path, seed=2, kills=1000, kills_per_life=25)
