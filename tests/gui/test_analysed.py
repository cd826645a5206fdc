"""What the panels that analyse a bead say and draw of beads whose truth is known."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PyQt6.QtWidgets import QApplication

from gui.models.analysed import allan_words
from gui.models.frame_ring import FloatArray
from gui.models.quantities import measured_text
from gui.panels.allan import AllanPanel
from gui.panels.analysis_panel import AnalysisPanel
from gui.panels.spectrum import SpectrumPanel
from gui.panels.traces import TracesPanel
from gui.widgets.reference_tick import ReferenceTick
from gui.window import MainWindow
from magscope_app.analysis import TrappedBead, allan_deviation
from magscope_app.devices.setting import Setting, SettingKind
from magscope_app.messages import CameraSettings
from tests.analysis.beads import seen
from tests.gui.hands import find, look, text_of
from tests.gui.rig import Rig

N = 6000


@pytest.fixture
def running(window: MainWindow, rig: Rig, qapp: QApplication) -> MainWindow:
    rig.open_devices()
    rig.add_beads((100.0, 80.0), (220.0, 150.0))
    look(window, qapp)
    window.session.select(0)
    return window


def shown(running: MainWindow, qapp: QApplication, key: str) -> str:
    """Open a panel and return what it says, without its colours."""
    running.show_panel(key)
    look(running, qapp)
    said = text_of(running, "traces.title" if key == "traces" else f"{key}.text")
    return re.sub(r"<[^>]*>", "", said)


def panel(running: MainWindow, key: str) -> AnalysisPanel:
    found = running.panels[key]
    assert isinstance(found, AllanPanel | SpectrumPanel)
    return found


def feed(
    running: MainWindow,
    rig: Rig,
    qapp: QApplication,
    tracks: dict[int, FloatArray],
    fps: float = 100.0,
    t0_s: float = 0.0,
) -> None:
    for begin in range(0, len(tracks[0]), 2000):
        part = {bead: track[begin : begin + 2000] for bead, track in tracks.items()}
        rig.positions(part, fps=fps, t0_s=t0_s + begin / fps)
        look(running, qapp)


def test_the_spectrum_says_the_corner_with_its_error_and_draws_what_theory_says(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    rng = np.random.default_rng(11)
    x = 30 * seen(rng, N, 0.01, 1.0, noise=0.3)
    y = 30 * seen(rng, N, 0.01, 10.0)
    feed(running, rig, qapp, {0: 8000 + np.stack([x, y, 5 * rng.normal(size=N)], axis=1)})
    said = shown(running, qapp, "spectrum")
    number = r"([\d.]+) ± ([\d.]+) Hz"
    match = re.fullmatch(
        rf"Bead 0, 60 s: x corner {number}, y corner {number}, z no corner \(white noise\)", said
    )
    assert match is not None, said
    corner, sd, faster, its_sd = map(float, match.groups())
    assert abs(corner - 1.0) < 2 * sd
    assert 0.06 < sd < 0.11
    assert abs(faster - 10.0) < 2 * its_sd
    assert 0.35 < its_sd < 0.6
    spectrum = panel(running, "spectrum")
    f, fit = spectrum.fit_points("x")
    theory = TrappedBead(1.0, 900.0, 81.0, 0.01, 0.01).density(10**f)
    assert 10 ** np.median(abs(fit - np.log10(theory))) < 1.15
    f, drawn = spectrum.points("z")
    assert 10 ** drawn.mean() == pytest.approx(2 * 25 * 0.01, rel=0.15)
    assert len(spectrum.fit_points("z")[0]) == 0


def test_the_exposure_in_force_counts(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    rng = np.random.default_rng(12)
    for exposure_ms, exposure in ((None, 1.0), (1.0, 0.1)):
        if exposure_ms is None:
            t0_s = rig.now_ns() * 1e-9 - 60
        else:
            set_camera(rig, exposure_ms=exposure_ms)
            look(running, qapp)
            t0_s = running.session.timed_since_s
        # What is not known is taken to be the whole time from frame to frame.
        in_force = running.session.exposure_s
        assert in_force == (None if exposure_ms is None else pytest.approx(1e-3 * exposure_ms))
        x = 30 * seen(rng, N, 0.01, 10.0, exposure=exposure)
        feed(running, rig, qapp, {0: 8000 + np.stack([x, x, x], axis=1)}, t0_s=t0_s)
        said = shown(running, qapp, "spectrum")
        match = re.search(r"60 s: x corner ([\d.]+) ± ([\d.]+) Hz", said)
        assert match is not None, said
        assert abs(float(match[1]) - 10.0) < 2 * float(match[2])


@pytest.mark.parametrize("change", [{"exposure_ms": 2.0}, {"fps": 50.0}])
def test_frames_of_another_exposure_or_rate_are_not_analysed(
    window: MainWindow, rig: Rig, qapp: QApplication, change: dict[str, float]
) -> None:
    before = {"exposure_ms": 10.0, "fps": 100.0, "gain": 1.0}
    rig.open_devices(described(before))
    rig.add_beads((100.0, 80.0))
    look(window, qapp)
    white = 8000 + np.random.default_rng(20).normal(0, 5.0, (N, 3))
    # Until now, and for a while after: some are still on their way.
    feed(window, rig, qapp, {0: white[:3090]}, t0_s=rig.now_ns() * 1e-9 - 30)
    set_camera(rig, **(before | {"gain": 3.0}))
    for key in ("spectrum", "allan"):
        assert "Bead 0, 31 s: x " in shown(window, qapp, key)
    set_camera(rig, **(before | change))
    for key in ("spectrum", "allan"):
        said = shown(window, qapp, key)
        assert said == "Bead 0 not yet: 64 frames without a gap, of one exposure and rate, are needed"
        assert len(panel(window, key).points("x")[0]) == 0
    feed(window, rig, qapp, {0: white[3090:4090]}, t0_s=window.session.timed_since_s)
    assert "Bead 0, 10 s: x no corner (white noise)" in shown(window, qapp, "spectrum")
    assert "Bead 0, 10 s: x " in shown(window, qapp, "allan")


def set_camera(rig: Rig, **values: float) -> None:
    rig.send(CameraSettings(described(values)))


def described(values: dict[str, float]) -> tuple[Setting, ...]:
    return tuple(Setting(name, SettingKind.FLOAT, value) for name, value in values.items())


def test_the_allan_deviation_of_white_noise_still_falls_and_has_a_band(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    noise = np.random.default_rng(13).normal(0, 5.0, (N, 3))
    feed(running, rig, qapp, {0: 8000 + noise})
    said = shown(running, qapp, "allan")
    assert said.startswith("Bead 0, 60 s: x ")
    told = re.findall(r"([\d.]+) ± ([\d.]+) nm at ([\d.]+) s \(still falling\)", said)
    assert len(told) == 3
    for value, error, tau_s in ((float(a), float(b), float(c)) for a, b, c in told):
        true = 5 / np.sqrt(100 * tau_s)
        assert 2 < tau_s < 8
        assert abs(value - true) < 2.5 * error < 0.8 * true
    allan = panel(running, "allan")
    tau, drawn = allan.points("x")
    low, high = allan.limits("x")
    true = np.log10(5) - 0.5 * (tau + 2)
    assert (low < drawn).all()
    assert (drawn < high).all()
    assert np.mean((low < true) & (true < high)) > 0.5
    assert high[0] - low[0] < 0.02 < 0.1 < high[-1] - low[-1]


def test_least_is_told_only_where_it_rises_afterwards() -> None:
    rng = np.random.default_rng(14)
    white = [allan_words(allan_deviation(rng.normal(0, 5.0, N), 0.01)) for _ in range(60)]
    assert sum("still falling" in said for said in white) >= 55
    assert sum("least" in said for said in white) <= 1
    t_s: FloatArray = np.asarray(np.arange(N) * 0.01, np.float64)
    for _ in range(20):
        # σ² = 25 / 100 τ + 4 τ² / 2, least at 0.4 s.
        match = re.fullmatch(
            r"([\d.]+) ± ([\d.]+) nm at ([\d.]+) s \(least, then rises\)",
            allan_words(allan_deviation(rng.normal(0, 5.0, N) + 2 * t_s, 0.01)),
        )
        assert match is not None
        value, error, tau_s = map(float, match.groups())
        assert 0.2 < tau_s < 0.7
        assert abs(value - np.sqrt(0.25 / tau_s + 2 * tau_s**2)) < 3 * error
    assert "level" in allan_words(allan_deviation(flicker(rng), 0.01))
    assert allan_words(allan_deviation([0.0, 1.0, 0.5, 0.2], 0.01)) == "too short"


def flicker(rng: np.random.Generator) -> FloatArray:
    """Return noise with a density of 1/f: its Allan deviation is level."""
    parts = np.fft.rfft(rng.normal(size=4 * N))
    parts[1:] /= np.sqrt(np.arange(1, len(parts)))
    parts[0] = 0
    return np.asarray(np.fft.irfft(parts)[:N], np.float64)


def test_every_frame_is_analysed_and_not_what_is_drawn(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    noise = np.random.default_rng(15).normal(0, 5.0, (4000, 3))
    feed(running, rig, qapp, {0: 8000 + noise}, fps=1000.0)
    assert "4.0 s: x" in shown(running, qapp, "allan")
    tau, drawn = panel(running, "allan").points("x")
    assert tau[0] == pytest.approx(-3, abs=0.01)
    assert 10 ** drawn[0] == pytest.approx(5.0, rel=0.05)


def test_references_are_subtracted_from_what_is_analysed(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    running.session.select(1)
    running.session.set_role("reference")
    rig.heard()
    running.session.select(0)
    rng = np.random.default_rng(16)
    shake: FloatArray = np.asarray(np.cumsum(rng.normal(0, 1.0, N)), np.float64)
    own = rng.normal(0, 2.0, (2, N, 3))
    feed(running, rig, qapp, {0: 8000 + own[0] + shake[:, None], 1: 22000 + own[1] + shake[:, None]})
    for key in ("allan", "spectrum"):
        running.show_panel(key)
        look(running, qapp)
        raw = panel(running, key).points("x")[1].copy()
        find(running, ReferenceTick, f"{key}.relative").setChecked(True)
        look(running, qapp)
        drawn = panel(running, key).points("x")
        assert drawn[1].max() < raw.max() - 0.4
        rms = np.sqrt(2) * 2.0
        if key == "allan":
            assert drawn[1][:10] == pytest.approx(np.log10(rms) - 0.5 * (drawn[0][:10] + 2), abs=0.04)
        else:
            assert 10 ** drawn[1].mean() == pytest.approx(2 * rms**2 * 0.01, rel=0.15)


@pytest.mark.parametrize("key", ["allan", "spectrum", "traces"])
def test_the_only_reference_is_shown_raw_and_that_is_said(
    running: MainWindow, rig: Rig, qapp: QApplication, key: str
) -> None:
    rng = np.random.default_rng(17)
    feed(running, rig, qapp, {0: 8000 + rng.normal(0, 2, (200, 3)), 1: 22000 + rng.normal(0, 2, (200, 3))})
    running.session.select(1)
    running.session.set_role("reference")
    rig.heard()
    running.session.select(0)
    shown(running, qapp, key)
    tick = find(running, ReferenceTick, f"{key}.relative")
    tick.click()
    assert "subtracted" not in shown(running, qapp, key)
    assert tick.isEnabled()
    assert tick.isChecked()
    running.session.select(1)
    assert "bead 1 is the only reference: nothing is subtracted from it" in shown(running, qapp, key)
    assert not tick.isEnabled()
    assert not tick.isChecked()
    running.session.select(0)
    assert "subtracted" not in shown(running, qapp, key)
    assert tick.isChecked()
    running.session.select(1)
    running.session.set_role("tethered")
    rig.heard()
    running.session.select(0)
    assert "there is no reference: nothing is subtracted" in shown(running, qapp, key)
    assert not tick.isChecked()


def test_a_bead_that_does_not_move_has_no_numbers(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    noise = np.random.default_rng(18).normal(0, 5.0, (200, 3))
    noise[:, 1:] = 0
    feed(running, rig, qapp, {0: 8000 + noise})
    for key in ("allan", "spectrum"):
        said = shown(running, qapp, key)
        assert said.endswith("y does not move, z does not move")
        assert len(panel(running, key).points("y")[0]) == 0


def test_a_stretch_of_another_length_is_said(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    noise = 8000 + np.random.default_rng(19).normal(0, 5.0, (1000, 3))
    noise[:800, 2] = np.nan
    feed(running, rig, qapp, {0: noise})
    said = shown(running, qapp, "allan")
    assert "Bead 0 x (10 s) " in said
    assert "z (2.0 s) " in said


def test_the_title_of_the_traces_says_where_their_zero_is(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    feed(running, rig, qapp, {0: np.tile([79330.0, 8000.0, 300.0], (200, 1))})
    assert isinstance(running.panels["traces"], TracesPanel)
    said = shown(running, qapp, "traces").replace("\u00a0", " ").replace("&nbsp;", " ")
    assert said.startswith("Bead 0: zero at x 79 330, y 8 000, z 300 nm")


@pytest.mark.parametrize(
    ("value", "sd", "text"),
    [
        (1.0234, 0.0834, "1.02 ± 0.08"),
        (1.0, 0.14, "1.00 ± 0.14"),
        (0.1118, 0.0209, "0.11 ± 0.02"),
        (9.97, 0.0996, "9.97 ± 0.10"),
        (1234.4, 56.0, "1234 ± 56"),
        (3.21, 0.96, "3.2 ± 1.0"),
        (3.2, 0.0, "3.2"),
    ],
)
def test_a_number_has_the_digits_that_its_uncertainty_allows(value: float, sd: float, text: str) -> None:
    assert measured_text(value, sd) == text
