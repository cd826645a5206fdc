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
    overwrite : bool
        Replace an older one.
    """

    out: Path | None = None
    overwrite: bool = False

    def execute(self) -> Calibrated:
        """Sweep and evaluate; until the end nothing of it can be found on the disk."""
        super().execute()
        result = build_zluts(self.raw.path, progress=self._on_built)
        self.check_abort()
        drift = result.drift
        # Where a file was asked for and no Z-LUT is good, too much drift is why there is none.
        kept = not self.out or bool(result.good_ids)
        if drift is not None and (drift.unknown or drift.is_uncertain or (drift.is_too_much and kept)):
            self.warnings.append(drift.text)
        try:
            if result.zluts:
                result.zluts.save(self.raw.path / "zluts" / "zluts.npz")
        except OSError as error:
            raise MagscopeError(
                f"the sweep's Z-LUTs could not be stored ({error}); check the disk"
            ) from error
        dataset = self.raw.keep()
        if self.out is not None:
            try:
                save_zluts(result.require_good(), self.out, overwrite=self.overwrite)
            except MagscopeError as error:
                raise MagscopeError(f"{error}; the sweep itself is kept in {dataset}") from error
        return Calibrated(result, dataset, self.out, tuple(self.warnings))

    def _on_built(self, what: str, done: float) -> None:
        self.check_abort()
        n_beads = len(self.beads)
        self._report_built(round(done * n_beads), n_beads, what)
