"""The rules of routing without a database: whom each strategy chooses, and laws over any desk."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import WrongState
from tickets_svc.routing import rules
from tickets_svc.routing.rules import Candidate, Case, Rule


def number(value: int) -> UUID:
    return UUID(int=value)


def rule(strategy: str, **fields: object) -> Rule:
    return Rule(number(900), strategy, lambda _case: True, **fields)  # type: ignore[arg-type]


def agent(key: int, *, cases: int = 0, capacity: int = 5, languages: str = "", **skills: int) -> Candidate:
    return Candidate(number(key), number(100 + key), capacity, cases, skills, frozenset(languages.split()))


def desk() -> list[Candidate]:
    return [agent(1, cases=2, lamps=1), agent(2, cases=0, lamps=2, languages="de"), agent(3, cases=1, lamps=5), agent(4, cases=5, lamps=5)]


CASES = st.builds(
    Case,
    ticket_id=st.integers(0, 10**6).map(number),
    waited_seconds=st.integers(0, 10_000),
    expected_loss_minor=st.none() | st.integers(0, 1_000),
    language=st.none() | st.sampled_from(["de", "fr"]),
)
MANY_CASES = st.lists(CASES, max_size=30, unique_by=lambda case: case.ticket_id)
SKILLS = st.dictionaries(st.sampled_from(["lamps", "sofas"]), st.integers(1, 5))
CANDIDATES = st.builds(
    Candidate,
    agent_id=st.integers(0, 10**6).map(number),
    user_id=st.integers(0, 10**6).map(number),
    capacity=st.integers(0, 4),
    cases=st.integers(0, 6),
    skills=SKILLS,
    languages=st.frozensets(st.sampled_from(["de", "fr"])),
)
DESKS = st.lists(CANDIDATES, max_size=8, unique_by=lambda each: each.agent_id)
RULES = st.builds(
    Rule,
    id=st.integers(0, 10**6).map(number),
    strategy=st.sampled_from(list(rules.CHOICES)),
    matches=st.sampled_from([lambda _case: True, lambda case: case.waited_seconds % 2 == 0]),
    skills=st.dictionaries(st.sampled_from(["lamps", "sofas"]), st.integers(1, 3), max_size=1),
    floor_seconds=st.none() | st.integers(1, 9_000),
    stop=st.booleans(),
)


@pytest.mark.parametrize(
    ("strategy", "fields", "case", "chosen", "reasons"),
    [
        ("direct", {}, {}, 1, {"open_cases": 2}),
        ("least_busy", {}, {}, 2, {"open_cases": 0, "capacity": 5}),
        ("round_robin", {}, {}, 1, {"open_cases": 2}),
        ("skill", {"skills": {"lamps": 2}}, {}, 3, {"skill_level": 5, "speaks_language": 0, "open_cases": 1}),
        ("skill", {"skills": {"lamps": 2}}, {"language": "de"}, 2, {"skill_level": 2, "speaks_language": 1, "open_cases": 0}),
        (
            "expected_loss",
            {},
            {"expected_loss_minor": 800, "churn_bps": 4_000, "lifetime_value_minor": 2_000},
            3,
            {"expected_loss_minor": 800, "churn_bps": 4_000, "lifetime_value_minor": 2_000, "agent_level": 5},
        ),
        ("expected_loss", {}, {}, 2, {"no_score": 0, "open_cases": 0, "capacity": 5}),
        ("least_busy", {"agent_ids": frozenset({number(1)})}, {}, 1, {"open_cases": 2, "capacity": 5}),
        ("least_busy", {"floor_seconds": 60}, {}, 2, {"waited_beyond_floor_seconds": 61, "open_cases": 0, "capacity": 5}),
        ("least_busy", {"skills": {"sofas": 1}}, {}, None, None),
        ("least_busy", {"agent_ids": frozenset({number(4)})}, {}, None, None),
    ],
)
def test_each_strategy_chooses_and_says_why(
    strategy: str, fields: dict[str, object], case: dict[str, object], chosen: int | None, reasons: dict[str, int] | None
) -> None:
    decision = rules.decide(Case(number(7), 61, **case), rule(strategy, **fields), desk())  # type: ignore[arg-type]
    if chosen is None:
        assert decision is None
        return
    assert decision is not None
    assert decision.candidate is not None
    assert (decision.candidate.agent_id, dict(decision.reasons)) == (number(chosen), reasons)


def test_a_rule_into_a_queue_leaves_what_is_there() -> None:
    into = rule("direct", queue_id=number(5))
    assert rules.decide(Case(number(1), 0, queue_id=number(5)), into, []) is None
    decision = rules.decide(Case(number(1), 0, queue_id=number(6)), into, [])
    assert decision is not None
    assert decision.candidate is None


def test_what_a_rule_with_stop_matches_is_kept_from_the_next() -> None:
    nobody, anybody = rule("least_busy", agent_ids=frozenset({number(4)})), rule("least_busy")
    cases = [Case(number(1), 0)]
    assert len(rules.plan(cases, [nobody, anybody], desk())) == 1
    assert rules.plan(cases, [replace(nobody, stop=True), anybody], desk()) == []


@pytest.mark.parametrize(("verb", "status", "becomes"), [("activate", "draft", "active"), ("retire", "active", "retired")])
def test_a_rule_is_drafted_activated_and_retired_in_this_order_only(verb: str, status: str, becomes: str) -> None:
    assert rules.decide_status(verb, status) == becomes
    for other in {"draft", "active", "retired"} - {status}:
        with pytest.raises(WrongState):
            rules.decide_status(verb, other)


@given(cases=MANY_CASES, the_rule=RULES)
def test_cases_are_taken_by_the_floor_then_by_what_is_at_stake(cases: list[Case], the_rule: Rule) -> None:
    """Law: nothing is lost or doubled; what is beyond the floor comes first, oldest first; the rest by loss, unknown last, or by age."""
    ordered = rules.order_cases(cases, the_rule)
    assert sorted(ordered, key=lambda case: case.ticket_id) == sorted(cases, key=lambda case: case.ticket_id)
    late = [case for case in ordered if rules.is_beyond_floor(case, the_rule)]
    rest = ordered[len(late) :]
    assert ordered[: len(late)] == late
    ages = [case.waited_seconds for case in late]
    assert ages == sorted(ages, reverse=True)
    if the_rule.strategy == "expected_loss":
        losses = [-1 if case.expected_loss_minor is None else case.expected_loss_minor for case in rest]
        assert losses == sorted(losses, reverse=True)
    else:
        assert [case.waited_seconds for case in rest] == sorted((case.waited_seconds for case in rest), reverse=True)


@given(cases=MANY_CASES, some=st.lists(RULES, max_size=4, unique_by=lambda each: each.id), candidates=DESKS)
def test_no_plan_exceeds_a_capacity_decides_twice_or_leaves_a_case_that_somebody_could_take(
    cases: list[Case], some: list[Rule], candidates: list[Candidate]
) -> None:
    """Law: over any desk, each case is decided at most once, for somebody with room and skill, and what is left nobody could take."""
    before = {each.agent_id: each.cases for each in candidates}
    decisions = rules.plan(cases, some, candidates)
    decided = {decision.case.ticket_id for decision in decisions}
    assert len(decided) == len(decisions)
    for each in candidates:
        given_to = [decision for decision in decisions if decision.candidate is each]
        assert each.cases == before[each.agent_id] + len(given_to)
        assert not given_to or each.cases <= each.capacity
    for decision in decisions:
        assert decision.rule.matches(decision.case)
        assert decision.reasons
        assert decision.candidate is not None
        assert all(decision.candidate.skills.get(key, 0) >= level for key, level in decision.rule.skills.items())
    if not any(each.stop for each in some):
        left = [case for case in cases if case.ticket_id not in decided]
        assert all(rules.decide(case, each, candidates) is None for case in left for each in some if each.matches(case))


@given(cases=st.integers(0, 40), agents=st.integers(1, 6))
def test_round_robin_gives_everybody_as_many_as_the_others(cases: int, agents: int) -> None:
    """Law: with room enough, no two agents differ by more than one case."""
    candidates = [agent(key, capacity=100) for key in range(agents)]
    rules.plan([Case(number(key), 0) for key in range(cases)], [rule("round_robin")], candidates)
    counts = [each.cases for each in candidates]
    assert sum(counts) == cases
    assert max(counts) - min(counts) <= 1


@given(cases=MANY_CASES, candidates=DESKS)
def test_the_most_is_at_stake_with_the_most_senior_who_has_room(cases: list[Case], candidates: list[Candidate]) -> None:
    """Law: of scored cases within the floor, one with more at stake never goes to somebody less senior than one with less at stake."""
    decisions = [d for d in rules.plan(cases, [rule("expected_loss")], candidates) if d.case.expected_loss_minor is not None]
    levels = [d.candidate.seniority for d in decisions if d.candidate is not None]
    assert levels == sorted(levels, reverse=True)
    losses = [d.case.expected_loss_minor or 0 for d in decisions]
    assert losses == sorted(losses, reverse=True)
