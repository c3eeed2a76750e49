"""Five kills of a campaign's worker in every run of the tests; `python -m tests.chaos.campaigns` does twenty among 100,000 recipients."""

from tests.chaos.campaigns import run


async def test_five_kills_of_its_worker_send_nothing_twice_and_lose_nobody() -> None:
    verdict = await run(2_000, 5, 20260302, say=lambda _line: None)
    assert verdict.twice == []
    assert verdict.lost == []
    assert verdict.reordered == []
    assert verdict.events >= 2_000 - verdict.states["unknown"]
    assert verdict.kills.total() == 5
    assert sum(verdict.states.values()) == 2_000
    assert verdict.states["sent"] > 1_500
    assert {"no_consent", "duplicate_address", "holdout"} <= set(verdict.states)
