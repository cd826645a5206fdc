"""Which part of the image is seen: zoom and pan as numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

#: Screen pixels per image pixel at most.
MAX_SCALE = 40.0


@dataclass(frozen=True, slots=True)
class Viewport:
    """Maps image coordinates to a widget and back.

    Image coordinates count pixel centres: pixel i covers i − 0.5 to i + 0.5.

    Attributes
    ----------
    scale : float
        Screen pixels per image pixel.
    left_px, top_px : float
        Image coordinates of the widget's upper left corner.
    """

    scale: float = 1.0
    left_px: float = -0.5
    top_px: float = -0.5

    @classmethod
    def fitting(cls, image: tuple[int, int], view: tuple[int, int]) -> Viewport:
        """Return the viewport that shows a whole image (width, height) centred in a view (width, height)."""
        scale = max(min(view[0] / image[0], view[1] / image[1]), 1e-3)
        left = (image[0] - view[0] / scale) / 2 - 0.5
        top = (image[1] - view[1] / scale) / 2 - 0.5
        return cls(scale, left, top)

    def to_image(self, x: float, y: float) -> tuple[float, float]:
        """Return the image coordinates under a point of the widget."""
        return self.left_px + x / self.scale, self.top_px + y / self.scale

    def to_view(self, x_px: float, y_px: float) -> tuple[float, float]:
        """Return the point of the widget that shows image coordinates."""
        return (x_px - self.left_px) * self.scale, (y_px - self.top_px) * self.scale

    def to_view_all(self, x_px: FloatArray, y_px: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the points of the widget that show many image coordinates."""
        return (x_px - self.left_px) * self.scale, (y_px - self.top_px) * self.scale

    def zoomed(self, factor: float, x: float, y: float, smallest: float) -> Viewport:
        """Zoom by `factor`; what lies under the widget's point (x, y) stays there.

        Parameters
        ----------
        factor : float
            Above 1 enlarges.
        x, y : float
            Point of the widget.
        smallest : float
            Scale that is not gone below.
        """
        scale = min(max(self.scale * factor, smallest), MAX_SCALE)
        x_px, y_px = self.to_image(x, y)
        return Viewport(scale, x_px - x / scale, y_px - y / scale)

    def panned(self, dx: float, dy: float) -> Viewport:
        """Move the image by (dx, dy) screen pixels."""
        return replace(self, left_px=self.left_px - dx / self.scale, top_px=self.top_px - dy / self.scale)

    def within(self, image: tuple[int, int], view: tuple[int, int]) -> Viewport:
        """Return the nearest viewport whose centre shows a point of the image, so that it cannot get lost."""
        half = view[0] / self.scale / 2, view[1] / self.scale / 2
        centre_x = min(max(self.left_px + half[0], -0.5), image[0] - 0.5)
        centre_y = min(max(self.top_px + half[1], -0.5), image[1] - 0.5)
        return replace(self, left_px=centre_x - half[0], top_px=centre_y - half[1])
