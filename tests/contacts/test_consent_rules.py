"""What may become of a consent, by table: every verb and every timer in every status."""

from datetime import UTC, datetime, timedelta

import pytest

from contacts_svc.consent_purposes.rules import worded, wording_asked
from contacts_svc.consents.rules import MOVES, VERBS, ConsentVerb, NewProofNeeded, check_end, check_move, check_proof, end_of, time_passes
from services.errors import Invalid, WrongState

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
STATUSES = ("unknown", "pending", "granted", "withdrawn", "expired")
LEADS = {
    ("unknown", "request"): "pending",
    ("expired", "request"): "pending",
    ("pending", "confirm"): "granted",
    ("unknown", "grant"): "granted",
    ("expired", "grant"): "granted",
    ("withdrawn", "grant"): "granted",
    ("granted", "withdraw"): "withdrawn",
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_leads_where_the_sheet_says_and_is_refused_everywhere_else(status: str, verb: ConsentVerb) -> None:
    if (status, verb) in LEADS:
        assert check_move(verb, status) == LEADS[status, verb]
        return
    with pytest.raises(WrongState) as refused:
        check_move(verb, status)
    assert (refused.value.state, refused.value.verbs_that_fit) == (status, tuple(each for each in VERBS if (status, each) in LEADS))


def test_time_moves_a_request_and_a_consent_and_nothing_else() -> None:
    assert (time_passes("pending"), time_passes("granted")) == ("unknown", "expired")
    moved_by_time = MOVES["lapse"][0] | MOVES["expire"][0]
    assert moved_by_time == {"pending", "granted"}


@pytest.mark.parametrize(
    ("proved", "withdrawn", "refusal"),
    [
        (None, None, Invalid),
        (timedelta(minutes=6), None, Invalid),
        (timedelta(minutes=5), None, None),
        (timedelta(days=-900), None, None),
        (timedelta(0), timedelta(0), NewProofNeeded),
        (timedelta(days=-900), timedelta(days=-1), NewProofNeeded),
        (timedelta(hours=-23), timedelta(days=-1), None),
    ],
)
def test_a_proof_is_there_is_not_from_the_future_and_is_newer_than_a_withdrawal(
    proved: timedelta | None, withdrawn: timedelta | None, refusal: type[Exception] | None
) -> None:
    proved_at = None if proved is None else AT + proved
    withdrawn_at = None if withdrawn is None else AT + withdrawn
    if refusal is None:
        check_proof(proved_at, now=AT, withdrawn_at=withdrawn_at)
        return
    with pytest.raises(refusal):
        check_proof(proved_at, now=AT, withdrawn_at=withdrawn_at)


def test_a_consent_ends_as_it_was_said_else_as_its_purpose_says_else_never() -> None:
    said = AT + timedelta(days=3)
    assert [end_of(end, days, now=AT) for end, days in ((said, 730), (None, 730), (None, None))] == [said, AT + timedelta(days=730), None]
    with pytest.raises(Invalid):
        check_end(AT, now=AT)


def test_wordings_are_numbered_by_language_and_never_changed() -> None:
    first = worded([], "en", "May we?", at=AT)
    second = worded(worded(first, "de", "Dürfen wir?", at=AT), "en", "May we write?", at=AT)
    assert [(each["language"], each["version"], each["text"]) for each in second] == [
        ("en", 1, "May we?"),
        ("de", 1, "Dürfen wir?"),
        ("en", 2, "May we write?"),
    ]
    assert worded(second, "en", "May we write?", at=AT) == second
    asked = [wording_asked(second, language)["text"] for language in ("en", "de-AT", "fr", None)]
    assert asked == ["May we write?", "Dürfen wir?", "May we write?", "May we write?"]
    assert wording_asked(second, "en-GB", 1)["text"] == "May we?"
    with pytest.raises(Invalid):
        wording_asked(second, "de", 2)
