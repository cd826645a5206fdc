"""What is to happen when which process fails in which way, doing what. docs/reliability.md shows this table.

A new state is one more entry of `STATES`; where it changes what is to happen, one more of `EXCEPTIONS`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Process = Literal["camera", "tracking", "recording", "motors", "feedback", "experiment", "gui", "supervisor"]
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
        Body of the protocol that runs; it must go on until it is stopped. Empty: none runs.
    order : str
        What is ordered before each fault, see `tests.faults.commanded`.
    under_way : str
        Is printed when that is being done.
    holds : str
        Of what is never printed unless the table says so.
    """

    arguments: tuple[str, ...]
    ready: str
    records: bool = False
    protocol: str = "while not microscope.wait(0.1): pass"
    order: str = ""
    under_way: str = ""
    holds: str = ""


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
    "sweep": State(_BEADS, "beads found", protocol="", order="sweep", under_way="sweep: plane 2 of"),
    "lock": State(
        (*_BEADS, "--set", "simulation.n_reference=4"),
        "beads found",
        records=True,
        order="lock",
        under_way="Z-lock on (",
        holds="Z-lock has let go",
    ),
}
#: States in which something else goes on beside the line, with columns of its own in the document.
BESIDE = ("sweep", "lock")


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
    beside : str
        What becomes of the sweep or lock, for people.
    also : str
        What is printed of it.
    focus_stays : bool
        A sweep leaves the focus where it is.
    """

    text: str
    said: str = ""
    back: str = ""
    ending: Ending = "goes on"
    exit_code: int = 0
    beside: str = ""
    also: str = ""
    focus_stays: bool = False


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
_FEEDBACK_DIES = "said, after 6 heartbeats where it hangs; the locks are off, all else goes on"
_EXPERIMENT_DIES = "said; the motors stop, acquisition and recording go on; exit code 1"
EXPECTED: dict[tuple[Process, Kind], Outcome] = {
    **{(process, kind): BACK[kind] for process in ("camera", "tracking", "motors") for kind in KINDS},
    ("recording", "killed"): BACK["killed"],
    ("recording", "stopped"): replace(
        WAITS,
        text="shown as hung, waited for; goes on where it was, nothing is lost that the ring still holds",
    ),
    ("recording", "raises"): BACK["raises"],
    ("recording", "loops"): Outcome(
        "hung after 120 heartbeats, killed, started again; goes on in its dataset, "
        "with what the ring still holds",
        _SILENT,
        _RETURN,
    ),
    **{("feedback", kind): replace(BACK[kind], text=_FEEDBACK_DIES, back="") for kind in KINDS},
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


def _beside(
    state: str, text: str, also: str, *cells: tuple[Process, Kind], focus_stays: bool = False
) -> None:
    for process, kind in cells:
        default = EXPECTED[process, kind]
        EXCEPTIONS[process, kind, state] = replace(default, beside=text, also=also, focus_stays=focus_stays)


def _all(*processes: Process) -> list[tuple[Process, Kind]]:
    return [(process, kind) for process in processes for kind in KINDS]


_HANDS: tuple[tuple[Process, Kind], ...] = (("experiment", "killed"), ("experiment", "raises"))
_WAITING: tuple[tuple[Process, Kind], ...] = (("experiment", "stopped"), ("experiment", "loops"))
_SHOWN: tuple[tuple[Process, Kind], ...] = (("gui", "stopped"), ("gui", "raises"), ("gui", "loops"))
_beside("sweep", "goes on to its end", "sweep kept", *_all("camera", "tracking", "recording", "motors"))
_beside("sweep", "goes on to its end", "sweep kept", *_WAITING, *_SHOWN, ("supervisor", "stopped"))
_beside(
    "sweep",
    "said; nothing is kept, the focus stays where it was by then",
    "sweep failed",
    ("experiment", "killed"),
    focus_stays=True,
)
_beside(
    "sweep",
    "ended, as the motors stop; nothing is kept, the focus stays",
    "sweep cancelled",
    ("gui", "killed"),
    focus_stays=True,
)
_beside(
    "sweep",
    "cancelled; nothing is kept, the focus is back",
    "sweep cancelled",
    ("supervisor", "raises"),
    ("experiment", "raises"),
)
_beside("sweep", "nothing is kept", "", ("supervisor", "killed"), ("supervisor", "loops"))
_beside(
    "lock",
    "lets go and says why",
    "Z-lock has let go",
    *_all("camera", "tracking", "motors", "feedback"),
    *_HANDS,
    ("gui", "killed"),
    ("supervisor", "stopped"),
)
_beside("lock", "goes on", "", *_all("recording"), *_WAITING, *_SHOWN)
_beside("lock", "ends with the run", "", *((("supervisor", kind)) for kind in ("killed", "raises", "loops")))


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
_ONE_AFTER_THE_OTHER: tuple[Process, ...] = (
    *("camera", "tracking", "recording", "motors", "feedback", "experiment"),
)
_GROUPS: tuple[tuple[tuple[Process, Kind], ...], ...] = (
    *(tuple((process, kind) for process in _ONE_AFTER_THE_OTHER) for kind in KINDS),
    tuple(("gui", kind) for kind in ("stopped", "raises", "killed", "loops")),
    (("supervisor", "stopped"), ("supervisor", "raises")),
    (("supervisor", "killed"),),
    (("supervisor", "loops"),),
)
WHOLE = tuple(
    tuple(Cell(process, kind, state) for process, kind in group if process != "feedback" or state == "lock")
    for state in STATES
    for group in _GROUPS
)
#: Every process, kind and state at least once, in little time.
SHORT = (
    (
        Cell("camera", "killed", "recording"),
        Cell("tracking", "killed", "recording"),
        Cell("recording", "killed", "recording"),
        Cell("supervisor", "killed", "recording"),
    ),
    (
        Cell("gui", "killed", "idle"),
        Cell("motors", "loops", "idle"),
        Cell("supervisor", "raises", "idle"),
    ),
    (Cell("experiment", "killed", "sweep"),),
    (
        Cell("recording", "stopped", "lock"),
        Cell("feedback", "raises", "lock"),
    ),
)
