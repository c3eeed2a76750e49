"""One kill of a rebuild in every run of the tests; `python -m tests.chaos.rebuilds` does forty among 20,000 orders."""

from tests.chaos.rebuilds import run


async def test_a_rebuild_that_is_killed_while_the_delta_table_goes_loses_doubles_and_halves_nothing() -> None:
    verdict = await run(300, [("facts", "rebuild.table_hidden")], 20260302, say=lambda _line: None)
    assert verdict.findings == []
    assert verdict.kills.total() == 1
    assert verdict.facts > 300
    assert verdict.customers > 50
    assert verdict.looks > 20
    assert verdict.questions > 2
