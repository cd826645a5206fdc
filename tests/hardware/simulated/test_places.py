from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.simulated.camera_config import bead_field
from hardware.simulated.places import Field
from tests.hardware.simulated.twin import film, started, twin_config

ROUNDING_PX = 1e-9


@settings(max_examples=200, deadline=None)
@given(
    width=st.integers(100, 1500),
    height=st.integers(100, 1500),
    roi=st.integers(16, 128),
    part=st.floats(0.0, 1.0),
    seed=st.integers(0, 2**32),
)
def test_beads_keep_their_distance_and_stay_inside(
    width: int, height: int, roi: int, part: float, seed: int
) -> None:
    field = Field(width, height, roi / 2 + 3.0, 1.4 * roi)
    n_beads = min(round(part * field.capacity), 300)
    xy = field.place(n_beads, np.random.default_rng(seed))
    assert xy.shape == (n_beads, 2)
    if n_beads:
        assert xy.min() >= field.margin_px - ROUNDING_PX
        assert (xy <= np.array([width - 1, height - 1]) - field.margin_px + ROUNDING_PX).all()
    if n_beads > 1:
        distance = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))
        assert distance[~np.eye(n_beads, dtype=bool)].min() >= 1.4 * roi * (1 - 1e-9)


def test_beads_lie_at_random() -> None:
    field = Field(1024, 1024, 36.0, 90.0)
    x = np.array([field.place(20, np.random.default_rng(seed))[:, 0] for seed in range(100)])
    assert np.unique(x).size == x.size
    assert abs(x.mean() - 511.5) < 30.0


def test_the_whole_demo_fits() -> None:
    config = twin_config(camera={"roi_px": [0, 0, 1024, 1024]})
    assert bead_field(config).capacity >= 100


def test_rois_stay_in_the_frame_while_beads_wander() -> None:
    for seed in range(5):
        camera = started(twin_config(simulation={"seed": seed, "n_beads": 4, "n_reference": 1}))
        _, truth = film(camera, 100)
        xy_px = truth[..., 1:3] / 100.0
        assert xy_px.min() >= 32.0
        assert (xy_px <= np.array([319.0, 239.0]) - 32.0).all()
        camera.close()
