"""Dark frame and flat field in the images of a sweep, which are ROIs and no more whole frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from magscope_app.errors import MagscopeError
from magscope_app.messages import CorrectionFile
from magscope_app.processes.camera_noise import correction_marks
from magscope_app.storage import Dataset
from magscope_app.tracking.field_correction import FieldCorrection


class MosaicCorrection:
    """Corrects ROIs that were cut from a frame exactly as the tracking process corrects them in it.

    Parameters
    ----------
    field : FieldCorrection
        That of the tracking process.
    ceiling_dn : int
        Grey level at which the camera clips.
    """

    def __init__(self, field: FieldCorrection, ceiling_dn: int) -> None:
        self._field = field
        self._ceiling_dn = ceiling_dn
        self._frame: npt.NDArray[Any] = np.zeros((1, *field.shape), np.uint8)

    def __call__(
        self, rois: npt.NDArray[Any], corners: list[list[int]], size: int | None = None
    ) -> npt.NDArray[Any]:
        """Return corrected ROIs (n_beads, size, size).

        Parameters
        ----------
        rois : ndarray of uint8 or uint16, (n_beads, edge, edge)
            Of one frame.
        corners : list of list of int
            x0, y0 of each in that frame.
        size : int, optional
            Edge of the part in the middle of a ROI that is wanted and, as by a tracker with such ROIs, made
            even in itself; the whole ROI by default.

        Raises
        ------
        MagscopeError
            A ROI lies beyond the images of the correction.
        """
        edge = rois.shape[1]
        wanted = edge if size is None else size
        places = np.array(corners, np.int64).reshape(-1, 2)
        height, width = self._field.shape
        if len(places) != len(rois) or (places < 0).any() or (places + edge > (width, height)).any():
            raise MagscopeError(
                f"dark frame and flat field are {width} x {height} px, and the ROIs of the sweep are not all "
                "inside; take them with the same camera ROI, and sweep again"
            )
        if self._frame.dtype != rois.dtype:
            self._frame = self._frame.astype(rois.dtype)
        # Where ROIs overlap, they show the same pixels.
        for roi, (x0, y0) in zip(rois, places, strict=True):
            self._frame[0, y0 : y0 + edge, x0 : x0 + edge] = roi
        inner = places + (edge - wanted) // 2
        limit = self._ceiling_dn
        return self._field.tiles(self._frame, inner, wanted, 0, limit, limit).reshape(-1, wanted, wanted)


def recorded_corrections(dataset: Dataset, marks: Mapping[str, str | None] | None) -> list[CorrectionFile]:
    """Return the dark frame and flat field with which a sweep's images are to be corrected.

    Parameters
    ----------
    dataset : Dataset
        Of the sweep.
    marks : mapping of str to str or None, or None
        What `correction_marks` said at the sweep; None for a sweep of before they were kept, whose images
        are taken as they are.

    Raises
    ------
    MagscopeError
        They are not in the dataset.
    """
    wanted = {kind for kind, mark in (marks or {}).items() if mark is not None}
    copies = {kind: path for kind, path in dataset.corrections.items() if kind in wanted}
    try:
        files = [CorrectionFile(kind, str(path), path.read_bytes()) for kind, path in copies.items()]
    except OSError as error:
        raise MagscopeError(f"{dataset.path}: {error}; copy the dataset again") from error
    if marks is not None and correction_marks(files) != marks:
        raise MagscopeError(
            f"{dataset.path} has no copy of the {' and the '.join(sorted(wanted)) or 'images'} that its "
            "sweep was corrected with; copy the dataset again"
        )
    return files
