"""The command `zlut`: sweep, show, rebuild."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

_ABOUT = """Make a Z-LUT of every bead: the focus goes from A to B relative to where it stands, and back.
  magscope-app zlut CONFIG --start-nm -2000 --stop-nm 2000 --step-nm 50 --frames 10 --out zluts.npz
  magscope-app zlut show FILE [--plot PICTURE.png]     what each Z-LUT of a file is worth
  magscope-app zlut rebuild DATASET [--out FILE]       make the Z-LUTs of a sweep anew
"""


def add_zlut_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    add_overrides: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add the command; it sets ``command``, which takes the parsed arguments and returns the exit code."""
    zlut = commands.add_parser(
        "zlut",
        help="sweep the focus and make a Z-LUT of every bead; show or rebuild Z-LUTs",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    zlut.add_argument("what", metavar="CONFIG|show|rebuild", help="a config to sweep with, show, or rebuild")
    zlut.add_argument("file", type=Path, metavar="FILE|DATASET", nargs="?", help="for show and rebuild")
    zlut.add_argument("--start-nm", type=float, metavar="A", help="first focus, relative to where it stands")
    zlut.add_argument("--stop-nm", type=float, metavar="B", help="last focus, relative to where it stands")
    zlut.add_argument("--step-nm", type=float, metavar="S", help="focus travel between planes")
    zlut.add_argument("--frames", type=int, metavar="N", help="frames per plane (default: 10; rebuild: all)")
    zlut.add_argument(
        "--out", type=Path, metavar="FILE", help="the .npz file to write (rebuild: by default beside DATASET)"
    )
    zlut.add_argument("--overwrite", action="store_true", help="replace an older FILE and its text files")
    zlut.add_argument(
        "--force-pn",
        type=float,
        metavar="F",
        help="force on tethered beads during the sweep (default: 10)",
    )
    zlut.add_argument("--keep-force", action="store_true", help="leave the magnets where they are")
    _add_settling(zlut)
    zlut.add_argument("--every", type=int, metavar="K", help="rebuild: only every K-th plane")
    zlut.add_argument("--roi-px", type=int, metavar="PX", help="rebuild: a smaller ROI")
    zlut.add_argument("--plot", type=Path, metavar="PNG", help="show: draw the Z-LUTs into a picture")
    add_overrides(zlut)
    zlut.set_defaults(command=_zlut)


def _add_settling(zlut: argparse.ArgumentParser) -> None:
    zlut.add_argument(
        "--settle-ms",
        type=float,
        metavar="MS",
        help="time that the focus must have stood at a plane before frames count (default: the config's, 20)",
    )
    zlut.add_argument(
        "--settle-frames",
        type=int,
        metavar="N",
        help="frames that are passed over at each plane after that (default: the config's, 0)",
    )
    zlut.add_argument(
        "--backlash-nm",
        type=float,
        metavar="B",
        help="way beyond the first plane, to reach all from one side (default: the config's, 300)",
    )


#: Flags that stand for a key of the section `calibration`.
_SETTLING = ("settle_ms", "settle_frames", "backlash_nm")
#: What each use of the command takes; what it does not take is no option that does nothing.
_TAKES = {
    "show": ("file", "plot"),
    "rebuild": ("file", "out", "overwrite", "frames", "every", "roi_px"),
    "": (
        *("start_nm", "stop_nm", "step_nm", "frames", "out", "overwrite"),
        *("force_pn", "keep_force", *_SETTLING, "overrides"),
    ),
}
_ALL = tuple(dict.fromkeys(name for names in _TAKES.values() for name in names))


def _zlut(parsed: argparse.Namespace) -> int:
    _refuse_others(parsed)
    if parsed.what == "show":
        from magscope_app.cli.zlut_show import show

        return show(_required(parsed, "file"), parsed.plot)
    if parsed.what == "rebuild":
        from magscope_app.calibration.build import BuildSettings
        from magscope_app.cli.zlut_rebuild import rebuild

        settings = BuildSettings(parsed.frames, 1 if parsed.every is None else parsed.every, parsed.roi_px)
        return rebuild(_required(parsed, "file"), settings, parsed.out, parsed.overwrite)
    from magscope_app.calibration.plan import CALIBRATION_FORCE_PN, SweepPlan
    from magscope_app.cli.zlut_sweep import sweep

    if parsed.keep_force and parsed.force_pn is not None:
        _refuse(parsed, "--force-pn sets a force and --keep-force leaves it as it is: give one of them")
    force_pn = CALIBRATION_FORCE_PN if parsed.force_pn is None else parsed.force_pn
    plan = SweepPlan(
        _required(parsed, "start_nm"),
        _required(parsed, "stop_nm"),
        _required(parsed, "step_nm"),
        10 if parsed.frames is None else parsed.frames,
        force_pn=None if parsed.keep_force else force_pn,
    )
    settling = {name: getattr(parsed, name) for name in _SETTLING}
    given = [f"calibration.{name}={value}" for name, value in settling.items() if value is not None]
    return sweep(parsed.what, [*parsed.overrides, *given], plan, _required(parsed, "out"), parsed.overwrite)


def _refuse_others(parsed: argparse.Namespace) -> None:
    """Raise MagscopeError if something was given that this use of the command does not take."""
    taken = _TAKES.get(parsed.what, _TAKES[""])
    for name in _ALL:
        value = getattr(parsed, name)
        # 0 was given.
        if name not in taken and not (value is None or value is False or value == []):
            said = str(parsed.file) if name == "file" else "--set" if name == "overrides" else _flag(name)
            _refuse(parsed, f"{said} does not belong here; see magscope-app zlut --help")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _required(parsed: argparse.Namespace, name: str) -> Any:
    """Return an argument that this use of the command needs."""
    value = getattr(parsed, name)
    if value is None:
        said = "FILE|DATASET" if name == "file" else _flag(name)
        _refuse(parsed, f"{said} is missing; see magscope-app zlut --help")
    return value


def _refuse(parsed: argparse.Namespace, why: str) -> NoReturn:
    from magscope_app.errors import MagscopeError  # not before it is needed: the command line starts at once

    raise MagscopeError(f"zlut {parsed.what}: {why}")
