"""What is to happen when which process fails in which way, doing what. docs/reliability.md shows this table.

A new state is one more entry of `STATES`; where it changes what is to happen, one more of `EXCEPTIONS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Process = Literal["camera", "tracking", "recording", "motors", "experiment", "gui", "supervisor"]
Kind = Literal["killed", "stopped", "raises", "loops"]
Ending = Literal["goes on", "ends the run", "stays"]
KINDS: dict[Kind, str] = {
    "killed": "SIGKILL",
    "stopped": "SIGSTOP for 10 s",
    "raises": "an exception",
    "loops": "an endless loop",
}


@dataclass(frozen=True)
class State:
    """What the line does when the fault comes.

    Attributes
    ----------
    arguments : tuple of str
        Of `magscope-app run`.
    ready : str
        Is printed when the state is reached.
    records : bool
        A dataset is written from the first frame.
    protocol : str
        Body of the protocol that runs; it must go on until it is stopped.
    """

    arguments: tuple[str, ...]
    ready: str
    records: bool = False
    protocol: str = "while not microscope.wait(0.1): pass"


_BEADS = (
    *("--set", "camera.roi_px=[0,0,512,384]"),
    *("--set", "simulation.n_beads=4"),
    *("--set", "simulation.n_reference=1"),
)
_VIDEO = ("--set", "recording.mode=Track and Video (Full)")
STATES: dict[str, State] = {
    "idle": State(
        (*_BEADS, "--set", "camera.fps=1", "--set", "beads.list=[]", "--set", "beads.find=false"), " fps · "
    ),
    "acquiring": State(_BEADS, "beads found"),
    "recording": State((*_BEADS, *_VIDEO), "beads found", records=True),
}


@dataclass(frozen=True)
class Outcome:
    """What is to happen.

    Attributes
    ----------
    text : str
        For people.
    said, back : str
        What is printed when it is noticed, and when it is over; ``{process}`` is filled in.
    ending : str
        Whether the run goes on, ends, or goes on with a process that stays as it is.
    exit_code : int
        Of the run.
    """

    text: str
    said: str = ""
    back: str = ""
    ending: Ending = "goes on"
    exit_code: int = 0


_RETURN = "the {process} process runs again"
_SILENT = "the {process} process gave no sign of life"
_WAITED_FOR = "the {process} process has not answered"
_ANSWERS = "the {process} process answers again"
_ALONE = "acquisition and recording go on, the motors stop"
BACK = {
    "killed": Outcome(
        "said at once, started again; goes on", "the {process} process ended unexpectedly", _RETURN
    ),
    "stopped": Outcome("hung after 6 heartbeats, killed, started again; goes on", _SILENT, _RETURN),
    "raises": Outcome(
        "the error is said with its place, started again; goes on",
        "{process} stopped: RuntimeError: injected",
        _RETURN,
    ),
    "loops": Outcome("hung after 6 heartbeats, killed, started again; goes on", _SILENT, _RETURN),
}
WAITS = Outcome("shown as hung, waited for; goes on where it was, nothing is lost", _WAITED_FOR, _ANSWERS)
STAYS = Outcome("shown as hung; the others go on, the end of the run ends it", _WAITED_FOR, ending="stays")
_EXPERIMENT_DIES = "said; the motors stop, acquisition and recording go on; exit code 1"
EXPECTED: dict[tuple[Process, Kind], Outcome] = {
    **{(process, kind): BACK[kind] for process in ("camera", "tracking", "motors") for kind in KINDS},
    ("recording", "killed"): BACK["killed"],
    ("recording", "stopped"): WAITS,
    ("recording", "raises"): BACK["raises"],
    ("recording", "loops"): Outcome(
        "hung after 120 heartbeats, killed, started again; goes on in its dataset", _SILENT, _RETURN
    ),
    ("experiment", "killed"): Outcome(_EXPERIMENT_DIES, _ALONE, exit_code=1),
    ("experiment", "stopped"): WAITS,
    ("experiment", "raises"): Outcome(_EXPERIMENT_DIES, _ALONE, exit_code=1),
    ("experiment", "loops"): STAYS,
    ("gui", "killed"): Outcome(
        "said, opened again; the motors stop, the rest does not notice",
        "it is opened again, acquisition and recording go on",
        "the window is open",
    ),
    ("gui", "stopped"): WAITS,
    ("gui", "raises"): Outcome(
        "the error is in the log, the window goes on", "an error in the window, please report it"
    ),
    ("gui", "loops"): STAYS,
    ("supervisor", "killed"): Outcome(
        "all others end within 2 s, the dataset is closed as interrupted; the next start is clean",
        ending="ends the run",
        exit_code=-9,
    ),
    ("supervisor", "stopped"): Outcome("the others go on, nothing is lost"),
    ("supervisor", "raises"): Outcome(
        "the error is said with its place; everything ends in order, exit code 1",
        "the supervisor stopped: RuntimeError: injected",
        ending="ends the run",
        exit_code=1,
    ),
    ("supervisor", "loops"): Outcome(
        "the others go on; killed, it leaves nothing behind", ending="stays", exit_code=-9
    ),
}
#: What is different in a state: (process, kind, state).
EXCEPTIONS: dict[tuple[Process, Kind, str], Outcome] = {}


@dataclass(frozen=True)
class Cell:
    """One fault."""

    process: Process
    kind: Kind
    state: str

    @property
    def outcome(self) -> Outcome:
        """What is to happen."""
        default = EXPECTED[self.process, self.kind]
        return EXCEPTIONS.get((self.process, self.kind, self.state), default)


#: Faults that one run takes one after the other; what ends the run, or stays, comes last.
_GROUPS: tuple[tuple[tuple[Process, Kind], ...], ...] = (
    *(
        tuple((process, kind) for process in ("camera", "tracking", "recording", "motors", "experiment"))
        for kind in KINDS
    ),
    tuple(("gui", kind) for kind in ("stopped", "raises", "killed", "loops")),
    (("supervisor", "stopped"), ("supervisor", "raises")),
    (("supervisor", "killed"),),
    (("supervisor", "loops"),),
)
WHOLE = tuple(
    tuple(Cell(process, kind, state) for process, kind in group) for state in STATES for group in _GROUPS
)
#: Every process and every kind once, in little time.
SHORT = (
    (
        Cell("camera", "killed", "recording"),
        Cell("tracking", "loops", "recording"),
        Cell("recording", "raises", "recording"),
        Cell("motors", "killed", "recording"),
        Cell("experiment", "killed", "recording"),
    ),
    (
        Cell("gui", "raises", "acquiring"),
        Cell("gui", "killed", "acquiring"),
        Cell("supervisor", "stopped", "acquiring"),
        Cell("supervisor", "raises", "acquiring"),
    ),
)
