"""A whole calibration as one event: sweep, make and judge the Z-LUTs, keep the dataset, save."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from magscope_app.calibration.build import SweepResult, build_zluts
from magscope_app.calibration.saving import save_zluts
from magscope_app.calibration.sweep import FocusSweep
from magscope_app.errors import MagscopeError


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """What a calibration gave.

    Attributes
    ----------
    result : SweepResult
        Z-LUTs and reports.
    dataset : Path
        The images of the sweep.
    saved : Path or None
        Where the good Z-LUTs are, if a file was named.
    warnings : tuple of str
        What the user should know.
    """

    result: SweepResult
    dataset: Path
    saved: Path | None
    warnings: tuple[str, ...]


class Calibration(FocusSweep):
    """A `FocusSweep` and what is made of it; parameters as there.

    Attributes
    ----------
    out : Path or None
        File for the good Z-LUTs.
    """

    out: Path | None = None

    def execute(self) -> Calibrated:
        """Sweep and evaluate; until the end nothing of it can be found on the disk."""
        super().execute()
        result = build_zluts(self.raw.path, progress=self._on_built)
        self.check_abort()
        if result.zluts:
            result.zluts.save(self.raw.path / "zluts" / "zluts.npz")
        dataset = self.raw.keep()
        if self.out is not None:
            zluts = result.only(result.good_ids)
            try:
                if not zluts:
                    raise MagscopeError("no bead gave a good Z-LUT")
                save_zluts(zluts, self.out)
            except MagscopeError as error:
                reasons = "; ".join(_reason(result)) or "there was none"
                raise MagscopeError(f"{error} ({reasons}); the sweep itself is kept in {dataset}") from error
        return Calibrated(result, dataset, self.out, tuple(self.warnings))

    def _on_built(self, what: str, done: float) -> None:
        self.check_abort()
        n_beads = len(self.beads)
        self._report_built(round(done * n_beads), n_beads, what)


def _reason(result: SweepResult) -> list[str]:
    """Return, for the first few beads, what is wrong with them."""
    bad = [report for report in result.reports if report.verdict != "good"]
    return [f"bead {report.bead_id}: {'; '.join(report.remarks)}" for report in bad[:3]]
