"""To whom work is given: the laws of the four strategies, over plain values."""

from collections import Counter
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_svc.assignment.rules import ALL, Choice, Policy, Score, Standing, Target, check_sound, choose, choose_all, decide_status
from services.errors import Invalid, WrongState

USERS = [UUID(int=n) for n in range(1, 9)]
STRATEGIES = ("direct", "round_robin", "least_loaded", "expected_value")
a_target = st.builds(
    Target, st.sampled_from(USERS), weight=st.integers(1, 5), seniority=st.integers(0, 3), capacity=st.none() | st.integers(1, 6)
)
targets = st.lists(a_target, min_size=1, max_size=5, unique_by=lambda target: target.user_id)
policies = st.builds(Policy, st.sampled_from(STRATEGIES), targets, st.none() | st.integers(1, ALL))
standings = st.dictionaries(st.sampled_from(USERS), st.builds(Standing, st.integers(0, 8), st.integers(0, 20)))
scores = st.none() | st.builds(Score, st.integers(0, 10**9), st.integers(0, ALL))


def pieces(of: list[Score | None]) -> list[tuple[UUID, Score | None]]:
    return [(UUID(int=1_000 + place), score) for place, score in enumerate(of)]


@given(policies, standings, st.lists(scores, max_size=20))
def test_the_same_values_make_the_same_choices(policy: Policy, before: dict[UUID, Standing], of: list[Score | None]) -> None:
    """Law: a choice depends on nothing but what it is given."""
    assert choose_all(policy, before, pieces(of)) == choose_all(policy, dict(reversed(before.items())), iter(pieces(of)))


@given(policies, standings, st.lists(scores, max_size=20))
def test_a_capacity_is_never_exceeded_and_every_piece_is_counted(
    policy: Policy, before: dict[UUID, Standing], of: list[Score | None]
) -> None:
    """Law: whoever is given work has less open work than its capacity just before, and the standings move by what was given."""
    choices, after = choose_all(policy, before, pieces(of))
    assert set(choices) == {key for key, _ in pieces(of)}
    got = Counter(choice.user_id for choice in choices.values() if choice is not None)
    for target in policy.targets:
        was, now = before.get(target.user_id, Standing()), after.get(target.user_id, Standing())
        assert (now.open - was.open, now.given - was.given) == (got[target.user_id], got[target.user_id])
        assert target.capacity is None or now.open <= max(was.open, target.capacity)
    assert set(got) <= {target.user_id for target in policy.targets}


@given(policies, st.lists(scores, min_size=1, max_size=25))
def test_nobody_has_more_than_its_share_rounded_up(policy: Policy, of: list[Score | None]) -> None:
    """Law: after every piece, no target has more than max_share of all that was given, rounded up to whole pieces."""
    share = policy.max_share_bps or ALL
    standings: dict[UUID, Standing] = {}
    for score in of:
        choice = choose(policy, standings, score)
        if choice is None:
            break
        had = standings.get(choice.user_id, Standing())
        standings[choice.user_id] = Standing(had.open + 1, had.given + 1)
        total = sum(standing.given for standing in standings.values())
        assert standings[choice.user_id].given <= -(-share * total // ALL)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(1, 8))
def test_round_robin_gives_each_its_weight(weights: list[int], rounds: int) -> None:
    """Law: with room for all, after whole rounds each target has exactly its weight times their number."""
    policy = Policy("round_robin", [Target(user, weight=weight) for user, weight in zip(USERS, weights, strict=False)])
    _, after = choose_all(policy, {}, pieces([None] * (sum(weights) * rounds)))
    assert [after[target.user_id].given for target in policy.targets] == [weight * rounds for weight in weights]


@given(st.integers(1, 8), st.integers(0, 60))
def test_round_robin_of_equals_never_differs_by_more_than_one(users: int, count: int) -> None:
    """Law: among equal targets, the fullest has at most one more than the emptiest."""
    policy = Policy("round_robin", [Target(user) for user in USERS[:users]])
    _, after = choose_all(policy, {}, pieces([None] * count))
    given_to = [after.get(user, Standing()).given for user in USERS[:users]]
    assert max(given_to) - min(given_to) <= 1


@given(targets, standings)
def test_least_loaded_never_picks_a_busier_one(of: list[Target], before: dict[UUID, Standing]) -> None:
    """Law: nobody with room has less open work than who is chosen."""
    choice = choose(Policy("least_loaded", of), before)
    free = [t for t in of if t.capacity is None or before.get(t.user_id, Standing()).open < t.capacity]
    if not free:
        assert choice is None
        return
    assert choice is not None
    assert before.get(choice.user_id, Standing()).open == min(before.get(t.user_id, Standing()).open for t in free)


@given(targets, st.lists(scores, max_size=20))
def test_the_more_valuable_never_goes_to_a_less_senior_user(of: list[Target], values: list[Score | None]) -> None:
    """Law: under expected_value, of two scored pieces the more valuable has no less senior an owner; what has no score says so."""
    seniority = {target.user_id: target.seniority for target in of}
    choices, _ = choose_all(Policy("expected_value", of), {}, pieces(values))
    scored = [(score.expected_value_minor, choices[key]) for key, score in pieces(values) if score is not None]
    for value, choice in scored:
        for other, owner in scored:
            if value > other and owner is not None:
                assert choice is not None
                assert seniority[choice.user_id] >= seniority[owner.user_id]
    for key, score in pieces(values):
        choice = choices[key]
        if choice is not None:
            assert choice.reasons[0][0] == ("no_score" if score is None else "expected_value_minor")


@pytest.mark.parametrize(
    ("policy", "score", "choice"),
    [
        (Policy("direct", [Target(USERS[0]), Target(USERS[1])]), None, Choice(USERS[0], (("direct", None),))),
        (Policy("direct", [Target(USERS[0], capacity=2), Target(USERS[1])]), None, Choice(USERS[1], (("direct", None),))),
        (Policy("round_robin", [Target(USERS[0]), Target(USERS[1])]), None, Choice(USERS[1], (("round_robin", 1),))),
        (Policy("round_robin", [Target(USERS[0], weight=3), Target(USERS[1])]), None, Choice(USERS[0], (("round_robin", 4),))),
        (Policy("least_loaded", [Target(USERS[0]), Target(USERS[1])]), None, Choice(USERS[0], (("least_loaded", 2),))),
        (
            Policy("expected_value", [Target(USERS[0], seniority=1), Target(USERS[1], seniority=2)]),
            Score(12_345, 5_000),
            Choice(
                USERS[1],
                (
                    ("expected_value_minor", 6_172),
                    ("lifetime_value_minor", 12_345),
                    ("probability_bps", 5_000),
                    ("seniority", 2),
                    ("open", 3),
                ),
            ),
        ),
        (
            Policy("expected_value", [Target(USERS[0], seniority=1), Target(USERS[1], seniority=2)]),
            None,
            Choice(USERS[0], (("no_score", None), ("least_loaded", 2))),
        ),
        (Policy("least_loaded", [Target(USERS[0], capacity=2), Target(USERS[1], capacity=3)]), None, None),
    ],
)
def test_each_choice_says_why(policy: Policy, score: Score | None, choice: Choice | None) -> None:
    before = {USERS[0]: Standing(open=2, given=4), USERS[1]: Standing(open=3, given=1)}
    if policy.targets[0].weight == 3:
        before[USERS[1]] = replace(before[USERS[1]], given=2)
    assert choose(policy, before, score) == choice


@pytest.mark.parametrize("status", ["draft", "active", "retired"])
@pytest.mark.parametrize("verb", ["activate", "retire"])
def test_a_rule_is_drafted_activated_and_retired(status: str, verb: str) -> None:
    moves = {("draft", "activate"): "active", ("active", "retire"): "retired"}
    if (status, verb) in moves:
        assert decide_status(verb, status) == moves[status, verb]  # type: ignore[arg-type]
        return
    with pytest.raises(WrongState) as refused:
        decide_status(verb, status)  # type: ignore[arg-type]
    assert list(refused.value.verbs_that_fit) == [each for state, each in moves if state == status]


def test_targets_that_make_no_whole_are_refused() -> None:
    check_sound(USERS[:3], 3_334)
    check_sound(USERS[:3], None)
    for users, share, code in ((USERS[:3], 3_333, "below_the_whole"), ([USERS[0]] * 2, None, "user_twice")):
        with pytest.raises(Invalid) as refused:
            check_sound(users, share)
        assert refused.value.errors[0].code == code
