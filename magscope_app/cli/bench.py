"""`magscope-app bench`: what this computer can do, and how many beads the camera of a config may have."""

from __future__ import annotations

import os
from collections.abc import Sequence

from magscope_app.bench.disk import disk_bytes_per_s
from magscope_app.bench.line import run_line
from magscope_app.bench.ring import ring_bytes_per_s
from magscope_app.bench.tracking import rois_per_s
from magscope_app.bench.verdict import Limit, first_limit, frame_cost, most_beads
from magscope_app.bench.window import window_rate
from magscope_app.cli.progress import ProgressLine
from magscope_app.config import Config, load_config
from magscope_app.devices import FrameFormat
from magscope_app.errors import MagscopeError
from magscope_app.kernel_cache import TRACKING_KERNELS, ensure_compiled
from magscope_app.processes.calibration_file import load_calibration
from magscope_app.processes.free_disk import nearest_folder
from magscope_app.processes.segments import expected_format
from magscope_app.tracking import ZLUT

_BAR = 30
_ROIS_PX = (32, 64, 100, 128)
#: Frames for which the line is measured; more beads than fit in them are not asked for.
_FEW, _MANY = 10, 400
#: How long each of them is watched, and each tracker.
_LINE_S, _WARM_S, _TRACKER_S = 7.0, 3.0, 1.0
#: Assumed of a camera that does not tell its format before it is opened.
_USUAL = FrameFormat(1024, 1024, 8)


def bench(config: str, overrides: Sequence[str]) -> int:
    """Measure for about a minute and print the result; returns the exit code.

    Parameters
    ----------
    config : str
        Its camera gives the size and rate of the frames, its tracker the method; no device is opened.
    overrides : sequence of str
        Of the config's keys.

    Raises
    ------
    MagscopeError
        The config is wrong, or something could not be measured.
    """
    loaded = load_config(config, overrides).config
    form = expected_format(loaded) or _USUAL
    ensure_compiled(TRACKING_KERNELS, print)
    with ProgressLine() as progress:
        bench_of_config = _Bench(loaded, form, progress)
        lines = bench_of_config.run()
    print("\n".join(lines))
    return 0


class _Bench:
    def __init__(self, config: Config, form: FrameFormat, progress: ProgressLine) -> None:
        self._config = config
        self._form = form
        self._progress = progress
        zlut = load_calibration(config.tracking.zlut) if config.tracking.zlut else None
        self._zlut = zlut if isinstance(zlut, ZLUT) else None

    def run(self) -> list[str]:
        config, form = self._config, self._form
        fps = config.camera.fps
        self._show("memory between two processes", 0.0)
        ring = ring_bytes_per_s(form)
        tracker = self._tracker()
        self._show("the disk", 0.4)
        folder = nearest_folder(config.recording.folder)
        disk = disk_bytes_per_s(folder, form)
        self._show("the window", 0.5)
        window = self._window()
        cost, rates = self._line()
        need = form.nbytes * fps
        n_beads = most_beads(cost, fps)
        limits = [
            Limit("memory between processes", need / ring),
            Limit("tracking of the frames themselves", cost[0] * fps),
        ]
        if n_beads >= self._room():
            limits.append(Limit("tracking", (cost[0] + self._room() * cost[1]) * fps))
        size = f"{form.width_px} × {form.height_px} px, {form.bits} bit"
        return [
            f"{size}, {fps:g} frames/s: {need / 1e6:.0f} MB/s",
            _row("memory between two processes", f"{ring / 1e9:.1f} GB/s"),
            *tracker,
            _row("disk, sustained", f"{disk / 1e6:.0f} MB/s in {folder}{_video_note(need / disk)}"),
            window,
            *rates,
            _verdict(n_beads, fps, config.beads.roi_px, limits, self._room(), need / disk),
        ]

    def _show(self, what: str, done: float) -> None:
        filled = round(_BAR * done)
        self._progress.show(f"[{'#' * filled}{'.' * (_BAR - filled)}] {what}", done)

    def _room(self) -> int:
        roi_px = self._config.beads.roi_px
        return (self._form.width_px // roi_px) * (self._form.height_px // roi_px)

    def _tracker(self) -> list[str]:
        method = self._config.tracking.method
        lines = []
        threads = sorted({1, min(os.cpu_count() or 1, max(2, self._config.tracking.threads))})
        for number, roi_px in enumerate(_ROIS_PX):
            self._show(f"the tracker with {roi_px} px", 0.05 + 0.08 * number)
            rates = [
                f"{rois_per_s(roi_px, method, count, self._zlut, _TRACKER_S):,.0f} ROIs/s on {count}"
                for count in threads
            ]
            lines.append(_row(f"tracker {method!r}, {roi_px:3d} px", f"{', '.join(rates)} threads"))
        return lines

    def _window(self) -> str:
        try:
            rate = window_rate(self._config, self._form)
        except MagscopeError as error:
            return _row("window", f"not measured: {error}")
        where = "" if rate.on_screen else " (there is no display: drawn in memory)"
        shown = f"{rate.updates_per_s:.0f} updates/s, {100 * rate.processor:.0f} % of a processor{where}"
        return _row("window", shown)

    def _line(self) -> tuple[tuple[float, float], list[str]]:
        numbers = sorted({min(_FEW, self._room()), min(_MANY, self._room())})
        if not numbers[0]:
            raise MagscopeError("the frames are smaller than a ROI: beads.roi_px must fit in camera.roi_px")
        runs = []
        for step, n_beads in enumerate(numbers):
            self._show(f"the whole line with {n_beads} beads", 0.7 + 0.15 * step)
            run = run_line(self._config, self._form, n_beads, None, _LINE_S, warm_s=_WARM_S)
            runs.append((n_beads, run.frames_per_s))
        lines = [
            _row(f"whole line, {n:4d} beads", f"{fps:.0f} frames/s, {n * fps:,.0f} ROIs/s") for n, fps in runs
        ]
        return frame_cost(runs[0], runs[-1]), lines


def _row(part: str, value: str) -> str:
    return f"{part:<31}{value}"


def _video_note(share: float) -> str:
    return f"; whole frames need {100 * share:.0f} % of it" if share <= 1 else "; too slow for whole frames"


def _verdict(n_beads: int, fps: float, roi_px: int, limits: list[Limit], room: int, disk_share: float) -> str:
    worst = first_limit(limits)
    if worst.share >= 1:
        return f"This computer cannot follow this camera at {fps:g} frames/s: {worst.part} is too slow."
    if n_beads >= room:
        said = (
            f"All {room} beads of {roi_px} px that fit in a frame can be tracked at {fps:g} frames/s; "
            f"the first limit is {worst.part}, which is used to {100 * worst.share:.0f} %."
        )
    else:
        said = (
            f"About {n_beads} beads of {roi_px} px can be tracked at {fps:g} frames/s; tracking is the limit."
        )
    return said if disk_share <= 1 else f"{said} Video of whole frames cannot be recorded at this rate."
