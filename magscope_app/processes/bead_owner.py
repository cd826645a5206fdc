"""The owner of the bead list: the only writer of the ROIs that all others read."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast, get_args

from magscope_app.config import BeadRole, Config
from magscope_app.datatypes import BeadRoiBuffer
from magscope_app.devices import FrameFormat
from magscope_app.errors import MagscopeError, Problem
from magscope_app.messages import (
    AddBead,
    Bead,
    BeadsChanged,
    EditBeads,
    Message,
    MoveBead,
    RemoveBeads,
    SetBeadRole,
)
from magscope_app.storage.atomic import write_atomically

Roi = tuple[int, int, int, int]
#: What a bead list must say of every bead.
_COLUMNS = ("id", "x_px", "y_px")
#: What the tracker can do.
MIN_ROI_PX, MAX_ROI_PX = 16, 256


class BeadRefused(MagscopeError):
    """A bead cannot be where it was asked for; the list is unchanged."""


def roi_of(x_px: float, y_px: float, roi_px: int) -> Roi:
    """Return the ROI (x0, x1, y0, y1) of `roi_px` pixels whose centre is nearest to a point."""
    x0, y0 = round(x_px - (roi_px - 1) / 2), round(y_px - (roi_px - 1) / 2)
    return x0, x0 + roi_px, y0, y0 + roi_px


def why_outside(bead: Bead, roi_px: int, form: FrameFormat) -> str | None:
    """Say in one sentence how a bead's ROI leaves the frame, or return None."""
    if not (math.isfinite(bead.x_px) and math.isfinite(bead.y_px)):
        return f"bead {bead.id} at ({bead.x_px:g}, {bead.y_px:g}) is nowhere"
    x0, x1, y0, y1 = roi_of(bead.x_px, bead.y_px, roi_px)
    if x0 >= 0 and y0 >= 0 and x1 <= form.width_px and y1 <= form.height_px:
        return None
    return (
        f"the {roi_px} px ROI of bead {bead.id} at ({bead.x_px:g}, {bead.y_px:g}) leaves the frame of "
        f"{form.width_px} × {form.height_px} px"
    )


def beads_of_config(config: Config) -> list[Bead]:
    """Return the beads that a config names, in its list and its file.

    Raises
    ------
    MagscopeError
        The file cannot be read or says something that is no bead.
    """
    beads = [Bead(entry.id, entry.x_px, entry.y_px, entry.role) for entry in config.beads.list]
    if config.beads.file is not None:
        beads += read_bead_file(config.beads.file)
    return beads


def read_bead_file(path: Path) -> list[Bead]:
    """Read a bead list: CSV with the columns id, x_px, y_px and, if given, role.

    Raises
    ------
    MagscopeError
        The file cannot be read, has no such columns, or names an id twice.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if missing := [name for name in _COLUMNS if name not in (reader.fieldnames or ())]:
                raise ValueError(f"{', '.join(missing)} is missing" if reader.fieldnames else "it is empty")
            beads = [_bead(row) for row in reader]
    except OSError as error:
        raise MagscopeError(
            f"{path}: the bead list cannot be read ({error.strerror}); give a CSV file"
        ) from error
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise MagscopeError(
            f"{path}: not a bead list ({error}); give the columns id, x_px, y_px, role"
        ) from error
    ids = [bead.id for bead in beads]
    if twice := sorted({bead_id for bead_id in ids if ids.count(bead_id) > 1}):
        named = ", ".join(map(str, twice))
        raise MagscopeError(f"{path}: the bead id {named} is there twice; give every bead its own id")
    return beads


def _bead(row: dict[str, str]) -> Bead:
    role = row.get("role") or "tethered"
    if role not in get_args(BeadRole):
        raise ValueError(f"role {role!r}")
    bead = Bead(int(row["id"]), float(row["x_px"]), float(row["y_px"]), cast("BeadRole", role))
    if bead.id < 0:
        raise ValueError(f"id {bead.id}")
    return bead


def write_bead_file(path: Path, beads: Iterable[Bead]) -> None:
    """Write a bead list that `read_bead_file` and ``beads.file`` of a config take, whole or not at all.

    Raises
    ------
    MagscopeError
        The file cannot be written.
    """
    lines = [f"{bead.id},{bead.x_px!r},{bead.y_px!r},{bead.role}\n" for bead in beads]
    try:
        write_atomically(path, "".join(["id,x_px,y_px,role\n", *lines]).encode())
    except OSError as error:
        said = f"{path}: the bead list cannot be written ({error.strerror}); choose another folder"
        raise MagscopeError(said) from error


def bead_problems(config: Config, form: FrameFormat | None) -> list[Problem]:
    """Return what is wrong with the beads that a config names."""
    try:
        beads = beads_of_config(config)
    except MagscopeError as error:
        return [Problem("beads.file", str(error))]
    problems = []
    roi_px = config.beads.roi_px
    if form is not None and roi_px > min(form.width_px, form.height_px):
        what = f"{roi_px} is larger than the frame of {form.width_px} × {form.height_px} px"
        problems.append(Problem("beads.roi_px", what, "give a smaller ROI"))
    ids = [bead.id for bead in beads]
    problems += [
        Problem("beads", f"the bead id {bead_id} is used more than once", "give every bead its own id")
        for bead_id in sorted({bead_id for bead_id in ids if ids.count(bead_id) > 1})
    ]
    for bead in beads:
        if bead.id >= config.beads.max_beads:
            what = f"the bead id {bead.id} is not below max_beads = {config.beads.max_beads}"
            problems.append(Problem("beads", what, "renumber the beads or raise max_beads"))
        outside = why_outside(bead, roi_px, form) if form is not None else None
        if outside:
            problems.append(Problem("beads.list", outside, "move the bead or choose a smaller beads.roi_px"))
    return problems


class BeadOwner:
    """Keeps the bead list and carries out what others ask of it.

    Parameters
    ----------
    rois : BeadRoiBuffer
        Written here and nowhere else.
    roi_px : int
        Side of every ROI.
    """

    def __init__(self, rois: BeadRoiBuffer, roi_px: int) -> None:
        self._rois = rois
        self._roi_px = roi_px
        self._beads: dict[int, Bead] = {}
        #: Ids below have been used since the list was last replaced as a whole.
        self._used = 0
        self.format: FrameFormat | None = None

    def __len__(self) -> int:
        return len(self._beads)

    @property
    def roi_px(self) -> int:
        """Side of every ROI now."""
        return self._roi_px

    def changed(self) -> BeadsChanged:
        """Return the list as a message."""
        beads = tuple(self._beads[key] for key in sorted(self._beads))
        return BeadsChanged(beads, self._rois.version, self._roi_px, self._used)

    def add(self, beads: Iterable[Bead]) -> None:
        """Add beads, all or none. Raises BeadRefused."""
        new = {bead.id: bead for bead in beads}
        for bead in new.values():
            self._require_inside(bead)
        if len(self._beads) + len(new) > self._rois.capacity:
            raise BeadRefused(
                f"there is room for {self._rois.capacity} beads; raise beads.max_beads in the config"
            )
        self._rois.add_beads({bead.id: self._roi(bead) for bead in new.values()})
        self._beads |= new
        self._used = max([self._used, *(bead_id + 1 for bead_id in new)])

    def add_found(self, centres: Iterable[tuple[float, float, float]]) -> int:
        """Add the best of the beads that were found, as many as there is room for, numbered by rows."""
        first = self._used
        room = self._rois.capacity - first
        new = [centre for centre in centres if not self._is_known(*centre[:2])]
        best = sorted(new[:room], key=lambda centre: (centre[1], centre[0]))
        self.add(Bead(first + index, x, y) for index, (x, y, _) in enumerate(best))
        return len(best)

    @property
    def version(self) -> int:
        """Changes with every change of the ROIs."""
        return int(self._rois.version)

    def follow(self, centres: Mapping[int, tuple[float, float]]) -> list[Bead]:
        """Centre ROIs elsewhere, as far as they are known and stay in the frame; return those moved."""
        known = [(self._beads[bead_id], at) for bead_id, at in centres.items() if bead_id in self._beads]
        moved = [Bead(bead.id, *at, bead.role) for bead, at in known]
        form = self.format
        inside = [
            bead for bead in moved if form is not None and why_outside(bead, self._roi_px, form) is None
        ]
        if inside:
            self._rois.update_beads({bead.id: self._roi(bead) for bead in inside})
            self._beads |= {bead.id: bead for bead in inside}
        return inside

    def handle(self, message: Message) -> bool:
        """Carry out a command about beads; False when `message` is none. Raises BeadRefused."""
        match message:
            case AddBead(x_px, y_px, role):
                self.add([Bead(self._next_id(), x_px, y_px, role)])
            case MoveBead(bead_id, x_px, y_px):
                self._update(Bead(bead_id, x_px, y_px, self._known(bead_id).role))
            case SetBeadRole(bead_id, role):
                old = self._known(bead_id)
                self._beads[bead_id] = Bead(bead_id, old.x_px, old.y_px, role)
            case RemoveBeads(bead_ids):
                self._rois.remove_beads(list(bead_ids))
                for bead_id in bead_ids:
                    self._beads.pop(bead_id, None)
            case EditBeads():
                self._edit(message)
            case _:
                return False
        return True

    def _edit(self, edit: EditBeads) -> None:
        """Change the whole list at once; raises BeadRefused before anything has changed."""
        roi_px = self._roi_px if edit.roi_px is None else edit.roi_px
        if not MIN_ROI_PX <= roi_px <= MAX_ROI_PX:
            raise BeadRefused(f"a ROI has {MIN_ROI_PX} to {MAX_ROI_PX} px, not {roi_px}; give another size")
        beads = {key: bead for key, bead in self._beads.items() if key not in edit.remove}
        # A whole new list (loaded, renumbered) begins anew; otherwise no id is ever used for another bead.
        used = self._used if beads or not edit.put else 0
        beads |= {bead.id: bead for bead in edit.put}
        wrong = sorted(key for key in beads if not 0 <= key < self._rois.capacity)
        if wrong:
            highest = self._rois.capacity - 1
            raise BeadRefused(f"bead ids go from 0 to {highest}, not {wrong[0]}; raise beads.max_beads")
        for bead in beads.values():
            self._require_inside(bead, roi_px)
        self._rois.replace_beads({key: roi_of(bead.x_px, bead.y_px, roi_px) for key, bead in beads.items()})
        self._beads, self._roi_px = beads, roi_px
        self._used = max([used, *(bead_id + 1 for bead_id in beads)])

    def _is_known(self, x_px: float, y_px: float) -> bool:
        """Return whether a bead of the list is at this place."""
        near = self._roi_px / 2
        return any(math.hypot(bead.x_px - x_px, bead.y_px - y_px) < near for bead in self._beads.values())

    def _next_id(self) -> int:
        next_id = self._used
        if next_id >= self._rois.capacity:
            raise BeadRefused(
                f"the bead ids up to {next_id - 1} are used up; raise beads.max_beads in the config"
            )
        return next_id

    def _known(self, bead_id: int) -> Bead:
        if bead_id not in self._beads:
            raise BeadRefused(f"there is no bead {bead_id}; choose one of the list")
        return self._beads[bead_id]

    def _update(self, bead: Bead) -> None:
        self._require_inside(bead)
        self._rois.update_beads({bead.id: self._roi(bead)})
        self._beads[bead.id] = bead

    def _require_inside(self, bead: Bead, roi_px: int | None = None) -> None:
        if self.format is None:
            raise BeadRefused("beads can be placed once the camera is open")
        outside = why_outside(bead, self._roi_px if roi_px is None else roi_px, self.format)
        if outside:
            raise BeadRefused(f"{outside}; place it further inside")

    def _roi(self, bead: Bead) -> Roi:
        return roi_of(bead.x_px, bead.y_px, self._roi_px)
