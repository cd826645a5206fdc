"""Kills and stops the processes of an instance at random instants, and balances the accounts afterwards."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from magscope_app import operating_system as system
from magscope_app.datatypes import MatrixBuffer, Session, VideoBuffer
from tests.datatypes import chaos_board as at
from tests.datatypes import chaos_roles as roles
from tests.datatypes.chaos_accounts import Accounts
from tests.datatypes.chaos_board import Board

#: Nobody may need longer than this to go on, whoever was killed.
_HUNG_S = 60.0
_CHECKOUT = Path(__file__).parents[2]


@dataclass
class Tally:
    """What was done and what came of it."""

    kills: Counter[str] = field(default_factory=Counter)
    stops: Counter[str] = field(default_factory=Counter)
    lives: int = 0
    accounts: list[Accounts] = field(default_factory=list)
    slowest_s: float = 0.0

    def total(self) -> Accounts:
        return sum(self.accounts, Accounts())


class Life:
    """One supervisor with its children, from start to kill."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.board = Board(folder)
        with (folder / "stderr").open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", roles.__name__, str(folder)],
                cwd=_CHECKOUT,
                stdin=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        self.await_true(lambda: bool(self.board.words[at.READY]), "the supervisor became ready")
        self.session = Session((folder / "session").read_text(encoding="utf-8"))
        locks = {"VideoBuffer": threading.Lock(), "tracks": threading.Lock()}
        self.video = VideoBuffer(create=False, locks=locks, session=self.session)
        self.matrix = MatrixBuffer(create=False, name="tracks", locks=locks, session=self.session)

    def await_true(self, condition: Callable[[], bool], what: str) -> float:
        """Wait until something has happened; return the seconds."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < _HUNG_S, f"{what}: not within {_HUNG_S} s\n{self.said()}"
            time.sleep(0.002)
        return time.monotonic() - began

    def said(self) -> str:
        return (self.folder / "stderr").read_text(encoding="utf-8")[-3000:] + self.board.mistakes()

    def pid(self, role: str) -> int:
        return self.process.pid if role == "supervisor" else self.board.words[at.PIDS[role]]

    def signal(self, role: str, number: int) -> None:
        """Send a signal to a process of this instance, if it is still there."""
        pid = self.pid(role)
        try:
            if role == "supervisor" or psutil.Process(pid).ppid() == self.process.pid:
                os.kill(pid, number)
        except (ProcessLookupError, psutil.NoSuchProcess):
            return

    def marks(self) -> tuple[int, ...]:
        """Return what must rise while everybody works."""
        words = self.board.words
        readers = {status.name: status.counters.position for status in self.video.counters().readers}
        progress = tuple(words[word] for word in (at.TICKS, at.PRODUCED, at.TRACKED, at.SHOWN))
        return (*progress, self.video.counters().acquired, readers.get("tracking", 0))

    def await_progress(self) -> float:
        """Wait until every process has gone on and frames flow through; return the seconds."""
        before = self.marks()
        return self.await_true(
            lambda: all(now > old for now, old in zip(self.marks(), before, strict=True)),
            f"everybody goes on from {before}",
        )

    def listed(self) -> list[str]:
        """Return the names of segments and semaphores in the session file."""
        lines = self.session.path.read_text(encoding="utf-8").splitlines()[1:]
        return [name for line in lines for name in json.loads(line).values()]

    def group(self) -> list[psutil.Process]:
        """Return the supervisor and everything it started, the resource tracker too."""
        try:
            supervisor = psutil.Process(self.process.pid)
            return [supervisor, *supervisor.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def end(self, *, everything: bool) -> list[str]:
        """Kill the supervisor, or all at once; return the names that may be left."""
        names, members = self.listed(), self.group()
        if everything:
            os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()
        self.process.wait(10)
        _, alive = psutil.wait_procs(members[1:], timeout=_HUNG_S)
        assert not alive, f"orphans did not end: {alive}\n{self.said()}"
        return names

    def balance(self, tracking_kills: int) -> Accounts:
        """Read what is left in the ring, check everything against the ledger, let go."""
        said = self.said()
        assert not self.board.mistakes(), said
        # A child whose parent dies while it starts says so in words of the interpreter: those are not ours.
        assert f'File "{_CHECKOUT}' not in said, said
        rows = self.matrix.peak_sorted()
        written = rows[~np.isnan(rows[:, 0])]
        assert (written[:, 1] == 3 * written[:, 0]).all()
        assert (written[:, 2] == written[:, 0] % 11).all()
        accounts = Accounts.of(self.video, self.board, tracking_kills)
        self.matrix.close()
        self.video.close()
        return accounts


class Chaos:
    """Lives one after the other, with signals at seeded random instants."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._random = random.Random(seed)
        self.tally = Tally()

    def run(self, kills: int, kills_per_life: int) -> Tally:
        """Go on until so many processes have been killed."""
        left: list[str] = []
        while self.tally.kills.total() < kills:
            self.tally.lives += 1
            life = Life(self._folder / f"life {self.tally.lives}")
            try:
                assert not [name for name in left if _exists(name)], "the next start left something"
                left = self._one_life(life, min(kills, self.tally.kills.total() + kills_per_life))
            finally:
                if life.process.poll() is None:
                    os.killpg(life.process.pid, signal.SIGKILL)
                    life.process.wait(10)
        self._last_start(left)
        return self.tally

    def _one_life(self, life: Life, until: int) -> list[str]:
        tally, chance = self.tally, self._random
        before = tally.kills["tracking"]
        life.await_progress()
        while tally.kills.total() < until - 1:
            for _ in range(chance.randint(1, 3)):
                self._strike(life)
            if chance.random() < 0.7:
                tally.slowest_s = max(tally.slowest_s, life.await_progress())
        everything = chance.random() < 0.5
        time.sleep(chance.uniform(0, 0.03))
        names = life.end(everything=everything)
        tally.kills["supervisor"] += 1
        # Killing everything kills the tracking process too.
        tally.accounts.append(life.balance(tally.kills["tracking"] - before + 1))
        return names

    def _strike(self, life: Life) -> None:
        chance = self._random
        time.sleep(chance.uniform(0, 0.05))
        victim = chance.choice(["producer", "producer", "tracking", "tracking", "gui"])
        kind = chance.random()
        if kind < 0.7:
            life.signal(victim, signal.SIGKILL)
            self.tally.kills[victim] += 1
            return
        if kind > 0.95:
            victim = "supervisor"
        life.signal(victim, signal.SIGSTOP)
        self.tally.stops[victim] += 1
        time.sleep(chance.choice([0.01, 0.05, 0.35]))
        if kind < 0.8:
            life.signal(victim, signal.SIGKILL)
            self.tally.kills[victim] += 1
        else:
            life.signal(victim, signal.SIGCONT)

    def _last_start(self, left: list[str]) -> None:
        Session.create().close()
        assert not [name for name in left if _exists(name)], "the next start left something"
        assert list(system.runtime_folder().glob("*.session")) == []


def _exists(name: str) -> bool:
    # A semaphore's name has a slash, a file in the folder of the kernel the prefix "sem.".
    return system.segment_exists(name) or Path("/dev/shm", "sem." + name.lstrip("/")).exists()
