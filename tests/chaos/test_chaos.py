"""Twelve kills in every run of the tests; `make chaos` does a hundred and more."""

from services.failpoints import POINTS
from tests.chaos.run import RECOVERY_SECONDS, run


async def test_twelve_kills_lose_double_and_reorder_nothing() -> None:
    report = await run(12, 20260302, say=lambda _line: None)
    assert report.verdict.lost == []
    assert report.verdict.doubled == []
    assert report.verdict.reordered == []
    assert len(report.recoveries) == 12
    assert max(report.recoveries) <= RECOVERY_SECONDS
    assert sum(report.kills.values()) == 12
    assert set(report.kills) <= {*POINTS, "at random"}
    assert report.verdict.orders > 50
