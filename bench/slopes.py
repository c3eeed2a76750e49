"""How much a series of samples grows: the median of the slopes of all pairs, which single peaks do not move (Theil 1950, Sen 1968)."""

from collections.abc import Sequence

from scipy import stats

TEN_MINUTES = 600.0


def growth_percent(seconds: Sequence[float], sizes: Sequence[float]) -> float:
    """The growth of `sizes` that were seen at `seconds`, in percent of their median and ten minutes.

    Fewer than two samples, or sizes of zero, grow by nothing.
    """
    if len(set(seconds)) < 2:
        return 0.0
    slope = stats.theilslopes(sizes, seconds).slope
    middle = sorted(sizes)[len(sizes) // 2]
    return float(100 * slope * TEN_MINUTES / middle) if middle else 0.0
