"""What a user should know of Z-LUTs that fit as far as that is known."""

from __future__ import annotations

from collections.abc import Sequence

from magscope_app.config import Config
from magscope_app.messages import CorrectionFile
from magscope_app.processes.calibration_file import all_zluts, stated_surface_nm
from magscope_app.processes.camera_noise import correction_marks
from magscope_app.tracking.zlut import ZLUT
from magscope_app.tracking.zlut_set import ZLUTSet

#: Heights that differ by less are the same.
_SAME_NM = 1.0


def calibration_doubts(
    loaded: ZLUT | ZLUTSet, config: Config, corrections: Sequence[CorrectionFile]
) -> list[str]:
    """Return, one sentence each, what cannot be compared and what makes z another than one may think.

    Parameters
    ----------
    loaded : ZLUT or ZLUTSet
        For which there is no reason against it (`why_not_calibration`).
    config : Config
        Says what camera and optics are.
    corrections : sequence of CorrectionFile
        With which ROIs are corrected.
    """
    zluts = all_zluts(loaded)
    return [*_unknown(zluts), *_other_corrections(zluts, corrections), *_other_zeros(zluts, config)]


def _unknown(zluts: list[ZLUT]) -> list[str]:
    """Say if nothing is known of how a Z-LUT was made."""
    silent = sum(
        zlut.nm_per_px is None and zlut.focal_shift_factor is None and "camera" not in zlut.metadata
        for zlut in zluts
    )
    if not silent:
        return []
    whose = "the Z-LUT does" if len(zluts) == 1 else f"{silent} of {len(zluts)} Z-LUTs do"
    return [
        f"{whose} not say with what optics, ROI and camera it was made, so none of it could be compared; "
        "see to it that they are those of now"
    ]


def _other_corrections(zluts: list[ZLUT], corrections: Sequence[CorrectionFile]) -> list[str]:
    """Say if a dark frame or flat field is another one now, or if nothing is known of that of the sweep."""
    said = []
    for kind, mark in correction_marks(corrections).items():
        name = kind.replace("_", " ")
        if mark is not None and any(kind not in zlut.metadata for zlut in zluts):
            said.append(
                f"ROIs are corrected by a {name}, and the Z-LUT does not say if its sweep was: if not, z is "
                "wrong where the image is uneven; sweep again"
            )
        elif mark is not None and any(zlut.metadata[kind] != mark for zlut in zluts):
            said.append(
                f"the Z-LUT was made with another {name} than that of now: z is right only if each of them "
                "is right for its time; sweep again if in doubt"
            )
    return said


def _other_zeros(zluts: list[ZLUT], config: Config) -> list[str]:
    """Say if heights of different beads, or of now and of the sweep, begin at different places."""
    zeros = [zero for zlut in zluts if (zero := _zero_nm(zlut)) is not None]
    if zeros and max(zeros) - min(zeros) > _SAME_NM:
        return [
            f"the Z-LUTs begin at heights that differ by {max(zeros) - min(zeros):.0f} nm, and so do the "
            "beads' heights: sweep all beads in one sweep, or with optics.surface_nm stated"
        ]
    surface_nm, swept = stated_surface_nm(config), {zlut.metadata.get("surface_nm") for zlut in zluts}
    others = [nm for nm in swept if isinstance(nm, int | float)]
    if surface_nm is not None and any(abs(nm - surface_nm) > _SAME_NM for nm in others):
        return [
            f"optics.surface_nm is {surface_nm:g}, but was {others[0]:g} in the sweep: heights are lower by "
            f"{surface_nm - others[0]:g} nm than with a Z-LUT of now"
        ]
    return []


def _zero_nm(zlut: ZLUT) -> float | None:
    """Return where, in focus travel as height, its bead is taken to have been; None where not known."""
    surface_nm, focus_nm = (zlut.metadata.get(name) for name in ("surface_nm", "focus_start_nm"))
    if isinstance(surface_nm, int | float):
        return float(surface_nm)
    if isinstance(focus_nm, int | float) and zlut.focal_shift_factor is not None:
        return zlut.focal_shift_factor * focus_nm
    return None
