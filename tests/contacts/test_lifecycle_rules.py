"""Where a contact stands, by what is known of it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts_svc.lifecycles.rules import LifecycleVerb, Standing, active_until, buys_at, check_move, decide_lifecycle
from services.errors import WrongState

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
YEAR = timedelta(days=365)
LIFECYCLES = ("suspect", "prospect", "customer_active", "customer_inactive", "rest_of_world")
FITS = {("suspect", "disqualify"), ("prospect", "disqualify"), ("rest_of_world", "requalify")}


@pytest.mark.parametrize(
    ("standing", "lifecycle"),
    [
        (Standing(), "suspect"),
        (Standing(has_interacted=True), "prospect"),
        (Standing(has_interacted=True, is_disqualified=True), "rest_of_world"),
        (Standing(bought_at=NOW), "customer_active"),
        (Standing(bought_at=NOW, is_disqualified=True), "customer_active"),
        (Standing(bought_at=NOW - YEAR + timedelta(microseconds=1)), "customer_active"),
        (Standing(bought_at=NOW - YEAR), "customer_inactive"),
        (Standing(bought_at=NOW - 9 * YEAR, has_interacted=True), "customer_inactive"),
    ],
)
def test_what_is_known_of_a_contact_says_where_it_stands(standing: Standing, lifecycle: str) -> None:
    assert decide_lifecycle(standing, "suspect", window=YEAR, now=NOW) == lifecycle


standings = st.builds(
    Standing, bought_at=st.none() | st.datetimes(timezones=st.just(UTC)), has_interacted=st.booleans(), is_disqualified=st.booleans()
)


@given(standing=standings, present=st.sampled_from(LIFECYCLES), other=st.sampled_from(LIFECYCLES))
def test_unless_a_hand_holds_it_where_it_stood_before_does_not_matter(standing: Standing, present: str, other: str) -> None:
    """Law: the lifecycle is a function of what is known, not of the way there; a hand keeps whatever is present."""
    assert decide_lifecycle(standing, present, window=YEAR, now=NOW) == decide_lifecycle(standing, other, window=YEAR, now=NOW)
    held = Standing(True, standing.bought_at, standing.has_interacted, standing.is_disqualified)
    assert decide_lifecycle(held, present, window=YEAR, now=NOW) == present
    assert active_until(held, present, window=YEAR) is None


@given(standing=standings)
def test_the_timer_of_an_active_customer_rings_when_it_becomes_inactive_and_no_other_has_one(standing: Standing) -> None:
    """Law: a timer is there exactly for who is active; a moment before it the customer is active, at it inactive."""
    lifecycle = decide_lifecycle(standing, "suspect", window=YEAR, now=NOW)
    rings = active_until(standing, lifecycle, window=YEAR)
    assert (rings is not None) == (lifecycle == "customer_active")
    if rings is not None:
        before = decide_lifecycle(standing, lifecycle, window=YEAR, now=rings - timedelta(microseconds=1))
        assert (before, decide_lifecycle(standing, lifecycle, window=YEAR, now=rings)) == ("customer_active", "customer_inactive")


@pytest.mark.parametrize("lifecycle", LIFECYCLES)
@pytest.mark.parametrize("verb", ["disqualify", "requalify"])
@pytest.mark.parametrize("is_held", [False, True])
def test_every_move_by_hand_that_the_sheet_does_not_list_is_refused(lifecycle: str, verb: LifecycleVerb, is_held: bool) -> None:
    if (lifecycle, verb) in FITS and not is_held:
        check_move(verb, lifecycle, is_held=is_held)
        return
    with pytest.raises(WrongState) as refused:
        check_move(verb, lifecycle, is_held=is_held)
    fitting = ["clear-lifecycle"] if is_held else [each for each in ("disqualify", "requalify") if (lifecycle, each) in FITS]
    assert list(refused.value.verbs_that_fit) == fitting


@pytest.mark.parametrize(
    ("status", "payment", "is_test", "counts"),
    [
        ("placed", "unpaid", False, True),
        ("completed", "partly_refunded", False, True),
        ("placed", "refunded", False, False),
        ("completed", "refunded", False, False),
        ("cancelled", "unpaid", False, False),
        ("draft", "unpaid", False, False),
        ("placed", "paid", True, False),
    ],
)
def test_an_order_counts_while_it_stands_and_is_not_wholly_given_back(status: str, payment: str, is_test: bool, counts: bool) -> None:
    assert buys_at(status, payment, placed_at=NOW, is_test=is_test) == (NOW if counts else None)
