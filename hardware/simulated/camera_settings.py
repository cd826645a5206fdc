"""What a user of the simulated camera can change while frames come, and what they can only see."""

from __future__ import annotations

from dataclasses import replace

from hardware.simulated.renderer import Light
from magscope_app.devices import Setting, SettingKind

_LIMITS_E = (10.0, 1e6)


def described(
    light: Light, *, exposure_ms: float, nominal_ms: float, fps: float, bits: int
) -> tuple[Setting, ...]:
    """Return the settings with their values now; all but exposure_ms, fps and bits are fields of `light`.

    Parameters
    ----------
    light : Light
        Light at the nominal exposure.
    exposure_ms, nominal_ms : float
        Exposure now, and the one of the config.
    fps, bits
        As in the config.
    """
    # The config gives the light at its own exposure, which will be the one of now.
    background_e = light.background_e * exposure_ms / nominal_ms
    return (
        _real("exposure_ms", exposure_ms, "ms", (1e-6, 1000.0 / fps), "Exposure of a frame."),
        replace(
            _lit(
                "background_e",
                light.background_e,
                "e",
                _LIMITS_E,
                f"Electrons per pixel in {nominal_ms:g} ms.",
            ),
            config_value=background_e,
        ),
        _lit("contrast", light.contrast, "", (0.0, 1.0), "Contrast of the rings; 1 for coherent light."),
        _noise("gain_dn_per_e", light.gain_dn_per_e, "DN/e", (1e-6, 1e6), "Grey levels per electron."),
        _noise(
            "offset_dn", light.offset_dn, "DN", (0.0, float(light.highest_dn)), "Grey level without light."
        ),
        _noise("read_noise_e", light.read_noise_e, "e", (0.0, 1e6), "Read noise, rms."),
        Setting(
            "fps", SettingKind.FLOAT, fps, "Hz", read_only=True, help="Frames per second, from the config."
        ),
        Setting(
            "bits", SettingKind.INT, bits, "bit", read_only=True, help="Depth of a pixel, from the config."
        ),
    )


def _real(name: str, value: float, unit: str, limits: tuple[float, float], tip: str) -> Setting:
    return Setting(name, SettingKind.FLOAT, value, unit, limits, help=tip)


def _lit(name: str, value: float, unit: str, limits: tuple[float, float], tip: str) -> Setting:
    return replace(_real(name, value, unit, limits, tip), config_key=("simulation", "light", name))


def _noise(name: str, value: float, unit: str, limits: tuple[float, float], tip: str) -> Setting:
    return replace(_real(name, value, unit, limits, tip), config_key=("camera", "noise", name))
