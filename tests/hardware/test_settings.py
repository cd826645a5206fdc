"""A setting refuses what it cannot be, whatever it is, in one sentence."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from magscope_app.devices import Setting, SettingKind

NONE_OF_ALL: tuple[Any, ...] = (None, [1], {}, b"x", nan, inf, -inf, 10**400, -(10**5000), 1j)


@pytest.mark.parametrize("limits", [None, (0.0, 10.0), (-inf, inf)])
@pytest.mark.parametrize("kind", list(SettingKind))
@pytest.mark.parametrize(
    "value", NONE_OF_ALL, ids=lambda value: repr(value)[:9] if value != -(10**5000) else "-1e5000"
)
def test_what_no_setting_can_be_is_refused(kind: SettingKind, limits: Any, value: Any) -> None:
    refusal = Setting("gain", kind, 1, limits=limits, choices=("x",)).why_not(value)
    assert refusal is not None
    assert refusal.startswith("gain = ")
    assert len(refusal) < 120


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (SettingKind.TEXT, 3, "gain = 3: give text"),
        (SettingKind.BOOL, 1, "gain = 1: give true or false"),
        (SettingKind.CHOICE, "y", "gain = 'y': choose one of x"),
        (SettingKind.FLOAT, nan, "gain = nan: give a finite number"),
        (SettingKind.INT, 10**400, "gain = a number beyond all limits: give a finite number"),
        (SettingKind.INT, 3.5, "gain = 3.5: give a whole number"),
        (SettingKind.FLOAT, 11, "gain = 11: give 0 to 10"),
        (SettingKind.FLOAT, True, "gain = True: give a number"),
        (SettingKind.INT, 3.0, None),
        (SettingKind.TEXT, "", None),
        (SettingKind.CHOICE, "x", None),
        (SettingKind.BOOL, False, None),
    ],
)
def test_the_sentence_says_what_would_be_right(kind: SettingKind, value: Any, said: str | None) -> None:
    assert Setting("gain", kind, 1, limits=(0.0, 10.0), choices=("x",)).why_not(value) == said
