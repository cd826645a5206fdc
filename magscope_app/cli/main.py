"""Parse the command line and hand it to the command."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from magscope_app import __version__
from magscope_app.cli.dataset_commands import add_dataset_commands
from magscope_app.cli.zlut_commands import add_zlut_command
from magscope_app.errors import MagscopeError
from magscope_app.signals import Signals

EXIT_BAD_INPUT, EXIT_INTERRUPTED = 2, 130

_EPILOG = """\
examples:
  magscope-app run demo.toml                               the simulated microscope, in a window
  magscope-app run demo.toml --headless --duration 10      the same in the terminal, for ten seconds
  magscope-app run demo.toml --record data --name first    and record it into the folder data
  magscope-app replay data/2026-01-31_120000_first         track its video again, as it was
  magscope-app check my_setup.toml                         what is wrong with a config
  magscope-app check my_setup.toml --connect               and whether its devices answer
  magscope-app devices                                     which drivers there are
  magscope-app zlut my_setup.toml --start-nm -2000 --stop-nm 2000 --step-nm 50 --out zluts.npz
  magscope-app info data/2026-01-31_120000_first           what is in a dataset
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; from ``sys.argv`` if not given.
    """
    _survive_any_text()
    parsed = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = parsed.command
    try:
        with _unseen_leaving(), Signals(_leave):
            _require_own_packages()
            return command(parsed)
    except MagscopeError as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_INPUT
    except BrokenPipeError:
        # Whoever read our output has enough; the interpreter must not try to flush the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except _Left as left:
        print("ended before the start", file=sys.stderr)
        return left.exit_code


class _Left(BaseException):
    """The user does not want to wait for the start; no driver's fault, and nobody's to catch but `main`."""

    def __init__(self, exit_code: int) -> None:
        super().__init__()
        self.exit_code = exit_code


def _leave(number: int) -> None:
    raise _Left(EXIT_INTERRUPTED if number == signal.SIGINT else 0)


@contextmanager
def _unseen_leaving() -> Iterator[None]:
    """Print nothing where Python must drop the wish to leave, as in a callback: `Signals` remembers it."""
    before = sys.unraisablehook

    def hook(dropped: sys.UnraisableHookArgs) -> None:
        if not isinstance(dropped.exc_value, _Left):
            before(dropped)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _survive_any_text() -> None:
    """Let a terminal or file that cannot show a character get a stand-in instead of ending the run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="magscope-app",
        description="Magnetic-tweezers microscopy: live 3-D tracking, recorded without a silent loss.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"magscope-app {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_run(commands)
    _add_replay(commands)
    _add_check(commands)
    _add_devices(commands)
    add_dataset_commands(commands)
    add_zlut_command(commands, _add_overrides)
    _add_report(commands)
    _add_bench(commands)
    return parser


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser(
        "run",
        help="start a microscope from a config file",
        epilog=_EPILOG,
        description="Start the microscope that a config file describes.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_config(run)
    run.add_argument("--duration", type=_seconds, metavar="S", help="end S seconds after the first frame")
    _add_recording(run)
    run.set_defaults(command=_run)


def _add_replay(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    replay = commands.add_parser(
        "replay",
        help="track the video of a dataset again, with its own beads, Z-LUT and settings",
        description="Play every frame of a dataset that was recorded with video of whole frames through the "
        "line again, with the beads, Z-LUT and settings that it was recorded with; --set changes them.",
    )
    replay.add_argument("dataset", type=Path, metavar="DATASET", help="the folder of a dataset")
    _add_overrides(replay)
    _add_recording(replay)
    replay.add_argument(
        "--write", type=Path, metavar="FILE", help="write the config that does this to FILE, and run nothing"
    )
    replay.set_defaults(command=_replay)


def _add_recording(run: argparse.ArgumentParser) -> None:
    run.add_argument("--headless", action="store_true", help="no window: a status line in the terminal")
    run.add_argument(
        "--record",
        type=_folder,
        metavar="FOLDER",
        help="record from the first frame into FOLDER, which is created if absent",
    )
    run.add_argument(
        "--name", metavar="NAME", help="name of that recording (default: session.name of the config)"
    )


def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = commands.add_parser(
        "check",
        help="say what is wrong with a config file, without moving anything",
        description="Validate a config file and print every problem at once. Nothing is moved, and without "
        "--connect nothing is opened.",
    )
    _add_config(check)
    check.add_argument(
        "--connect", action="store_true", help="open every device, say what came of it, and close it again"
    )
    check.set_defaults(command=_check)


def _add_devices(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    devices = commands.add_parser(
        "devices",
        help="say which drivers are installed, and which of them can be used",
        description="List the drivers of cameras and motors, what each needs and why one cannot be used. "
        "No device is opened.",
    )
    devices.add_argument("--json", action="store_true", help="print one JSON list")
    devices.set_defaults(command=_devices)


def _add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    report = commands.add_parser(
        "report",
        help="bundle logs and versions for a bug report",
        description="Write the logs of the last runs, a config, the versions of all libraries and what "
        "computer this is into one zip file. No recorded data go into it.",
    )
    report.add_argument("config", metavar="CONFIG", nargs="?", help="a config that belongs to the report")
    report.add_argument("--out", type=Path, metavar="FILE", help="the zip file to write")
    report.set_defaults(command=_report)


def _add_bench(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    bench = commands.add_parser(
        "bench",
        help="measure what this computer can do",
        description="Measure memory, tracker, disk and the whole line for about a minute, and say how many "
        "beads the camera of a config may have at its rate. No device is opened.",
    )
    _add_config(bench, optional=True)
    bench.set_defaults(command=_bench)


def _add_config(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    said = "a TOML file, or the name of a shipped one such as demo.toml"
    if optional:
        parser.add_argument("config", metavar="CONFIG", nargs="?", default="demo.toml", help=said)
    else:
        parser.add_argument("config", metavar="CONFIG", help=said)
    _add_overrides(parser)


def _add_overrides(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="set any key of the config, such as camera.fps=50; may be given more than once",
    )


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < 1e7:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; give seconds, such as 10")
    return value


def _folder(text: str) -> Path:
    if not text.strip():
        raise argparse.ArgumentTypeError("the folder's name is empty; give a folder")
    return Path(text)


def _run(parsed: argparse.Namespace) -> int:
    from magscope_app.cli.run import run

    return run(parsed.config, parsed.overrides, parsed.headless, parsed.duration, parsed.record, parsed.name)


def _replay(parsed: argparse.Namespace) -> int:
    from magscope_app.cli.replay import replay

    given = (parsed.dataset, parsed.overrides, parsed.headless)
    return replay(*given, parsed.record, parsed.name, parsed.write)


def _check(parsed: argparse.Namespace) -> int:
    from magscope_app.cli.check import check

    return check(parsed.config, parsed.overrides, parsed.connect)


def _devices(parsed: argparse.Namespace) -> int:
    from magscope_app.cli.devices import devices

    return devices(parsed.json)


def _report(parsed: argparse.Namespace) -> int:
    from magscope_app.cli.report import report

    return report(parsed.config, parsed.out)


def _bench(parsed: argparse.Namespace) -> int:
    from magscope_app.cli.bench import bench

    return bench(parsed.config, parsed.overrides)


def _require_own_packages() -> None:
    from magscope_app.packages import require_own_packages

    require_own_packages()
