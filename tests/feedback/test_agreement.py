"""Who is believed of beads that should move alike."""

from __future__ import annotations

import numpy as np

from magscope_app.feedback.agreement import Agreement


def moved(*x_nm: float) -> np.ndarray:
    return np.array([[x, 0.0, 0.0] for x in x_nm])


def test_it_is_unclear_only_after_long_and_until_they_agree() -> None:
    agreement = Agreement(50.0, patience=3)
    for _ in range(3):
        assert agreement.wrong((1, 2), moved(0, 60)).tolist() == [True, True]
        assert not agreement.is_unclear
    assert agreement.wrong((1, 2), moved(0, 40)).tolist() == [False, False]
    for _ in range(3):
        agreement.wrong((1, 2), moved(0, 60))
        assert not agreement.is_unclear
    agreement.wrong((1, 2), moved(0, 60))
    assert agreement.is_unclear


def test_more_than_half_must_agree() -> None:
    """Two of five agree, and two others: nobody is believed, though the median is one of them."""
    agreement = Agreement(50.0, patience=3)
    assert agreement.wrong((1, 2, 3, 4, 5), moved(0, 0, 200, 210, 400)).all()
    assert "the drift is not known" in agreement.reason
    assert agreement.wrong((1, 2, 3, 4, 5), moved(0, 0, 0, 210, 400)).tolist() == [0, 0, 0, 1, 1]


def test_a_bead_that_is_not_seen_is_neither_right_nor_wrong() -> None:
    """It blinks, and is wrong whenever it is seen: it is left out, and stays so."""
    agreement = Agreement(50.0, patience=3)
    for _ in range(4):
        agreement.wrong((1, 2, 3), moved(0, 0, 90))
        agreement.wrong((1, 2, 3), np.array([[0.0] * 3, [0.0] * 3, [np.nan] * 3]))
    assert agreement.left_out == {3}
    said = agreement.reason
    for x_nm in (0.0, 0.0, 0.0, 95.0, 0.0, 0.0, 0.0):
        assert agreement.wrong((1, 2, 3), moved(0, 0, x_nm)).tolist() == [False, False, True]
        assert agreement.reason == said
    agreement.wrong((1, 2, 3), moved(0, 0, 0))
    assert agreement.left_out == set()
    assert agreement.reason == ""
