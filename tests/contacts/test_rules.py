"""What holds for a contact as a whole, without a database."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts_svc.contacts.rules import BLANK, confidence_bps, settled, worked_out_name
from services.errors import Invalid

TODAY = date(2026, 3, 2)


def born(**sent: Any) -> dict[str, Any]:
    return settled(BLANK, sent, today=TODAY)


def email(address: str, *, primary: bool = False) -> dict[str, Any]:
    return {"address": address, "label": None, "primary": primary, "status": "ok"}


def phone(raw: str | None, *, e164: str | None = None) -> dict[str, Any]:
    return {"raw": raw, "e164": e164, "label": None, "primary": False, "do_not_call": False}


def refused(pointer: str, code: str, present: dict[str, Any] | None = None, **sent: Any) -> None:
    with pytest.raises(Invalid) as caught:
        settled(present or BLANK, sent, today=TODAY)
    assert (caught.value.errors[0].pointer, caught.value.errors[0].code) == (pointer, code)


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ({"given_name": "Ann", "family_name": "Lee"}, "Ann Lee"),
        ({"family_name": "Lee"}, "Lee"),
        ({"kind": "organization", "legal_name": "Lee GmbH", "given_name": "Ann"}, "Lee GmbH"),
        ({"kind": "organization", "given_name": "Ann"}, "Ann"),
        ({"emails": [email("ann@example.org")]}, "ann@example.org"),
        ({"phones": [phone("+49 171 1234567")]}, "+491711234567"),
        ({"given_name": "Ann", "display_name": "Annie"}, "Annie"),
        ({"given_name": "Ann", "display_name": None}, "Ann"),
    ],
)
def test_a_name_that_is_not_given_is_worked_out(sent: dict[str, Any], name: str) -> None:
    assert born(**sent)["display_name"] == name


def test_a_worked_out_name_follows_and_a_given_one_stays() -> None:
    ann = born(given_name="Ann", family_name="Lee")
    assert settled(ann, {"family_name": "Ray"}, today=TODAY)["display_name"] == "Ann Ray"
    annie = settled(ann, {"display_name": "Annie"}, today=TODAY)
    assert settled(annie, {"family_name": "Ray"}, today=TODAY)["display_name"] == "Annie"
    assert settled(annie, {"display_name": None}, today=TODAY)["display_name"] == "Ann Lee"


def test_what_contradicts_itself_is_refused_where_it_does() -> None:
    refused("/display_name", "missing")
    refused("/display_name", "missing", born(given_name="Ann"), given_name=None)
    refused("/legal_name", "not_for_people", given_name="Ann", legal_name="Lee GmbH")
    refused("/currency", "missing", given_name="Ann", potential_minor=5)
    refused("/birth_on", "out_of_range", given_name="Ann", birth_on=date(2026, 3, 3))
    refused("/birth_on", "out_of_range", given_name="Ann", birth_on=date(1849, 12, 31))
    refused("/emails/1/primary", "several_primaries", emails=[email("a@example.org", primary=True), email("b@example.org", primary=True)])
    refused("/emails/2/address", "repeated", emails=[email("a@example.org"), email("b@example.org"), email("a@example.org")])
    refused("/phones/1/e164", "repeated", phones=[phone("+49 171 1234567"), phone("+491711234567")])
    refused("/phones/0/raw", "phone", phones=[phone("0171 1234567")])
    refused("/phones/0/raw", "phone", phones=[phone(None)])
    refused("/phones/0/e164", "phone", country="DE", phones=[phone("0171 1234567", e164="0171 1234567")])


def test_a_number_keeps_how_it_was_written_and_the_country_of_its_day() -> None:
    ann = born(given_name="Ann", country="DE", phones=[phone("0171 1234567")])
    assert [(p["e164"], p["raw"]) for p in ann["phones"]] == [("+491711234567", "0171 1234567")]
    moved = settled(ann, {"country": "US", "phones": ann["phones"]}, today=TODAY)
    assert moved["phones"] == ann["phones"]


@given(st.lists(st.booleans(), min_size=1, max_size=20))
def test_a_list_has_exactly_one_primary(flags: list[bool]) -> None:
    """Law: with at most one flag the flagged entry, else the first, is the one primary; with more the list is refused."""
    entries = [email(f"a{place}@example.org", primary=flag) for place, flag in enumerate(flags)]
    if sum(flags) > 1:
        refused(f"/emails/{[n for n, flag in enumerate(flags) if flag][1]}/primary", "several_primaries", emails=entries)
        return
    kept = born(emails=entries)["emails"]
    assert [n for n, entry in enumerate(kept) if entry["primary"]] == [flags.index(True) if True in flags else 0]
    assert born(emails=kept)["emails"] == kept


@given(st.dictionaries(st.sampled_from(["likes", "dislikes", "expectations"]), st.one_of(st.none(), st.lists(st.text(), max_size=2))))
def test_preferences_merge_by_name(sent: dict[str, Any]) -> None:
    """Law: what is sent replaces its list (null empties it), the other lists stay, and all four are there."""
    before = {"likes": ["tea"], "dislikes": ["fax"], "competitor_products": ["X"], "expectations": []}
    present = born(given_name="Ann") | {"preferences": before}
    after = settled(present, {"preferences": sent}, today=TODAY)["preferences"]
    assert after == {name: (sent[name] or []) if name in sent else before[name] for name in before}


@given(
    st.fixed_dictionaries({}, optional={"given_name": st.text(min_size=1), "family_name": st.text(min_size=1), "country": st.just("DE")})
)
def test_what_is_laid_over_twice_changes_nothing_the_second_time(sent: dict[str, Any]) -> None:
    """Law: settled(settled(x, sent), sent) = settled(x, sent)."""
    once = settled(born(family_name="Lee", emails=[email("a@example.org")]), sent, today=TODAY)
    assert settled(once, sent, today=TODAY) == once


def test_an_unnamed_blank_has_no_name() -> None:
    assert worked_out_name(BLANK) is None


def test_confidence_multiplies_doubts_and_shares_a_clue_among_its_bearers() -> None:
    assert confidence_bps([("id", 1)]) == 10_000
    assert confidence_bps([("email", 1)]) == 9_000
    assert confidence_bps([("email", 1), ("phone", 1)]) == 9_700
    assert confidence_bps([("email", 3)]) == 3_000
    assert confidence_bps([]) == 0
