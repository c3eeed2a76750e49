"""The rules of tickets without a database: which verb fits which state, and laws of instants."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import Invalid, WrongState
from tickets_svc.tickets import rules

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
INSTANTS = st.integers(-70 * 365, 70 * 365).flatmap(lambda days: st.floats(0, 86_400).map(lambda s: NOW + timedelta(days=days, seconds=s)))
TABLE = {
    "new": "assign route escalate resolve watch",
    "open": "assign route escalate wait resolve watch",
    "pending_customer": "assign route escalate continue resolve watch",
    "pending_third_party": "assign route escalate continue resolve watch",
    "on_hold": "assign route escalate continue resolve watch",
    "resolved": "reopen watch",
    "closed": "reopen watch",
}


@dataclass(frozen=True)
class Standing:
    """A ticket as rules see it."""

    status: str
    opened_at: datetime = NOW
    status_since: datetime = NOW
    closed_at: datetime | None = None


@pytest.mark.parametrize("status", TABLE)
@pytest.mark.parametrize("verb", rules.FITS)
def test_each_verb_fits_the_states_of_the_sheet_and_no_other(status: str, verb: str) -> None:
    fitting = TABLE[status].split()
    if verb in fitting:
        rules.check_fits(verb, Standing(status))
    else:
        with pytest.raises(WrongState) as refused:
            rules.check_fits(verb, Standing(status))
        assert (refused.value.state, refused.value.verbs_that_fit) == (status, tuple(fitting))


def test_a_touch_opens_a_new_ticket_and_no_other() -> None:
    assert {status: rules.touched(status) for status in TABLE} == {status: status for status in TABLE} | {"new": "open"}


@given(at=INSTANTS, not_before=INSTANTS)
def test_an_instant_is_taken_as_it_is_told_or_refused(at: datetime, not_before: datetime) -> None:
    """Law: what is accepted is what was sent, it lies not before the ticket was opened and at most a skew after now."""
    try:
        assert rules.decide_instant(at, now=NOW, not_before=not_before) == at
    except Invalid:
        assert at < not_before or at > NOW + rules.SKEW
    else:
        assert not_before <= at <= NOW + rules.SKEW


@given(begin=INSTANTS, end=INSTANTS)
def test_seconds_are_never_negative_and_add_up(begin: datetime, end: datetime) -> None:
    """Law: of the two directions between two instants one is 0 and the other their distance in whole seconds."""
    assert rules.seconds_between(begin, end) + rules.seconds_between(end, begin) == int(abs((end - begin).total_seconds()))


@pytest.mark.parametrize(("days", "new"), [(0, False), (30, False), (30.001, True), (400, True)])
def test_only_what_was_closed_long_ago_goes_on_in_a_new_ticket(days: float, new: bool) -> None:
    ticket = Standing("closed", closed_at=NOW)
    assert rules.goes_on_in_a_new_ticket(ticket, at=NOW + timedelta(days=days)) is new
    assert not rules.goes_on_in_a_new_ticket(Standing("resolved"), at=NOW + timedelta(days=days))
