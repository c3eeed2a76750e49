"""The law of the bucket: never more than the burst and what flowed in."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.limits import buckets
from gateway.limits.buckets import Buckets
from services.errors import TooMany


@given(
    st.lists(st.floats(0, 2, allow_nan=False), min_size=1, max_size=200),
    st.floats(0.1, 50, allow_nan=False),
    st.integers(1, 20),
)
def test_no_window_passes_more_than_the_burst_and_what_flowed_in(pauses: list[float], per_second: float, burst: int) -> None:
    """For any arrivals: in any window of t seconds at most burst + t × rate requests pass, and the first `burst` at once pass."""
    limit = Buckets(per_second=per_second, burst=burst)
    now, passed = 0.0, []
    for pause in pauses:
        now += pause
        try:
            limit.take("key", now)
            passed.append(now)
        except TooMany:
            continue
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            assert last - first + 1 <= burst + (passed[last] - passed[first]) * per_second + 1e-6
    at_once = Buckets(per_second=per_second, burst=burst)
    for _ in range(burst):
        at_once.take("key", 0.0)


def test_who_comes_again_when_told_to_passes() -> None:
    limit = Buckets(per_second=0.25, burst=1)
    limit.take("key", 0.0)
    with pytest.raises(TooMany) as refused:
        limit.take("key", 1.0)
    assert refused.value.retry_after_seconds == math.ceil(0.75 / 0.25)
    limit.take("key", 1.0 + refused.value.retry_after_seconds)


def test_full_buckets_are_dropped_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "MOST_BUCKETS", 100)
    limit = Buckets(per_second=10, burst=10)
    limit.take("busy", 0.5)
    for number in range(99):
        limit.take(str(number), 0.0)
    limit.take("new", 1.2)
    assert set(limit._buckets) == {"busy", "new"}
