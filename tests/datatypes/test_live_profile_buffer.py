"""The newest profile, as its document describes it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from magscope_app.datatypes import LiveProfileBuffer, Session
from tests.datatypes.conftest import LockMap


@pytest.fixture
def profiles(locks: LockMap, session: Session) -> Iterator[LiveProfileBuffer]:
    made = LiveProfileBuffer(create=True, locks=locks, profile_capacity=4)
    yield made
    made.close()


def test_a_profile_of_any_length_up_to_the_capacity(profiles: LiveProfileBuffer, locks: LockMap) -> None:
    attached = LiveProfileBuffer(create=False, locks=locks)
    assert attached.shape == (1, 7)
    assert attached.profile_capacity == 4
    assert np.isnan(attached.peak_unsorted()).all()
    for length in (4, 2, 0):
        profiles.write_profile(1.5, 7, np.arange(10.0, 10.0 + length))
        row = attached.peak_unsorted()
        assert row.shape == (1, 7)
        np.testing.assert_array_equal(row[0, : 3 + length], [1.5, 7, length, *range(10, 10 + length)])
        assert np.isnan(row[0, 3 + length :]).all()
    attached.clear()
    assert np.isnan(profiles.peak_unsorted()).all()
    attached.close()


@pytest.mark.parametrize("shape", [(5,), (2, 2), ()])
def test_a_wrong_profile_changes_nothing(profiles: LiveProfileBuffer, shape: tuple[int, ...]) -> None:
    profiles.write_profile(1.0, 2, [3.0])
    with pytest.raises(ValueError, match="at most 4"):
        profiles.write_profile(9.0, 9, np.zeros(shape))
    assert profiles.peak_unsorted()[0, :4].tolist() == [1.0, 2.0, 1.0, 3.0]


def test_a_profile_of_no_real_numbers_changes_nothing(profiles: LiveProfileBuffer) -> None:
    profiles.write_profile(1.0, 2, [3.0])
    with pytest.raises(ValueError, match="takes real numbers, not values of the type complex128"):
        profiles.write_profile(9.0, 9, np.ones(3) * 1j)
    assert profiles.peak_unsorted()[0, :4].tolist() == [1.0, 2.0, 1.0, 3.0]


def test_a_buffer_without_capacity_or_after_close_is_refused(
    profiles: LiveProfileBuffer, locks: LockMap
) -> None:
    profiles.close()
    with pytest.raises(RuntimeError, match="closed"):
        profiles.peak_unsorted()
    with pytest.raises(ValueError, match="profile_capacity"):
        LiveProfileBuffer(create=True, locks=locks)
