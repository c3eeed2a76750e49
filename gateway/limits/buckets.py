"""Token buckets, one per key: each request takes a token, and tokens come back at a steady rate."""

import math
from dataclasses import dataclass

from services.errors import TooMany

MOST_BUCKETS = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """The buckets of a process. A bucket that nobody has used for as long as it takes to fill is as good as a new one and is dropped."""

    def __init__(self, *, per_second: float, burst: int) -> None:
        self._rate = per_second
        self._burst = float(burst)
        self._buckets: dict[str, _Bucket] = {}

    def take(self, key: str, now: float) -> None:
        """Take a token of `key` at the monotonic instant `now` (seconds). Raises TooMany, which says when to come again."""
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= MOST_BUCKETS:
                self._drop_full(now)
            bucket = self._buckets[key] = _Bucket(self._burst, now)
        tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._rate)
        bucket.at = now
        if tokens < 1.0:
            bucket.tokens = tokens
            wait = max(1, math.ceil((1.0 - tokens) / self._rate))
            raise TooMany(f"At most {self._rate:g} requests a second; come again in {wait} s", retry_after_seconds=wait)
        bucket.tokens = tokens - 1.0

    def _drop_full(self, now: float) -> None:
        fills_in = self._burst / self._rate
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if now - bucket.at < fills_in}
