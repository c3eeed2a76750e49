"""What holds for a contact as a whole: its name, its primary addresses, and how sure a match is."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from services.errors import FieldError, Invalid, invalid_field

from .normal_forms import phone_number

Values = dict[str, Any]
NO_PREFERENCES: Mapping[str, list[str]] = {"likes": [], "dislikes": [], "competitor_products": [], "expectations": []}
BLANK: Mapping[str, Any] = {
    "kind": "person",
    **dict.fromkeys(("display_name", "given_name", "family_name", "legal_name", "birth_on", "website")),
    **dict.fromkeys(("language", "time_zone", "country", "owner_id", "industry", "size_band", "persona")),
    **dict.fromkeys(("preferred_channel", "preferred_agent_id", "potential_minor", "currency")),
    **{name: [] for name in ("emails", "phones", "addresses", "team_ids", "roles", "tags", "external_ids")},
    "preferences": NO_PREFERENCES,
}
"""Every changeable field of a contact, at the value that it has when nobody says anything."""

CERTAINTY_BPS = {"id": 10_000, "external_id": 10_000, "email": 9_000, "phone": 7_000}
EARLIEST_BIRTH = date(1850, 1, 1)
MOST_ENTRIES = 20


def settled(present: Mapping[str, Any], sent: Mapping[str, Any], *, today: date) -> Values:
    """The changeable fields of a contact after `sent` is laid over `present` (BLANK at a birth): null clears, preferences merge.

    Each field of `sent` is sound by itself; here is checked what depends on the others. A name that was worked out follows the fields
    it was worked out from. Raises Invalid with pointers into the body.
    """
    values = {name: present[name] for name in BLANK}
    values |= {name: BLANK[name] if value is None else value for name, value in sent.items() if name != "preferences"}
    if "preferences" in sent:
        values["preferences"] = _preferences(present["preferences"], sent["preferences"])
    if "phones" in sent:
        values["phones"] = _read_phones(values["phones"], values["country"])
    for name, key in (("emails", "address"), ("phones", "e164"), ("addresses", None)):
        if name in sent:
            values[name] = _with_one_primary(name, values[name], key=key)
    if not sent.get("display_name") and ("display_name" in sent or present["display_name"] == worked_out_name(present)):
        values["display_name"] = worked_out_name(values)
    _check_whole(values, today)
    return values


def worked_out_name(values: Mapping[str, Any]) -> str | None:
    """The name that a contact goes by when it is given none: its names, else its first e-mail address, else its first number."""
    personal = " ".join(filter(None, (values["given_name"], values["family_name"])))
    names = (values["legal_name"], personal) if values["kind"] == "organization" else (personal,)
    addresses = [entry["address"] for entry in values["emails"]] + [entry["e164"] for entry in values["phones"]]
    return next(filter(None, (*names, *addresses)), None)


def _preferences(present: Mapping[str, Any], sent: Mapping[str, Any] | None) -> Values:
    merged = {**present, **(sent or {})} if sent is not None else NO_PREFERENCES
    return {name: merged[name] or [] for name in NO_PREFERENCES}


def _read_phones(entries: Sequence[Values], country: str | None) -> list[Values]:
    read, wrong = [], []
    for place, entry in enumerate(entries):
        named = "e164" if entry["e164"] else "raw"
        text = entry[named]
        number = phone_number(text, country if named == "raw" else None) if text else None
        if number is None:
            wrong.append(FieldError(f"/phones/{place}/{named}", "phone", "This is no telephone number (a national one needs a country)"))
        read.append({**entry, "e164": number, "raw": entry["raw"] or text})
    if wrong:
        raise Invalid(wrong[0].detail, errors=wrong)
    return read


def _with_one_primary(name: str, entries: Sequence[Values], *, key: str | None) -> list[Values]:
    """The entries with exactly one primary: the flagged one, else the first. Raises Invalid for two, and for repeated entries."""
    if len(entries) > MOST_ENTRIES:
        raise invalid_field(f"/{name}", "too_long", f"A contact has at most {MOST_ENTRIES} {name}")
    seen: set[str] = set()
    for place, entry in enumerate(entries):
        if key and entry[key] in seen:
            raise invalid_field(f"/{name}/{place}/{key}", "repeated", "This stands in the list already")
        seen.add(entry[key] if key else "")
    flagged = [place for place, entry in enumerate(entries) if entry["primary"]]
    if len(flagged) > 1:
        raise invalid_field(f"/{name}/{flagged[1]}/primary", "several_primaries", "One entry of the list is primary, not several")
    primary = flagged[0] if flagged else 0
    return [{**entry, "primary": place == primary} for place, entry in enumerate(entries)]


def _check_whole(values: Mapping[str, Any], today: date) -> None:
    if not values["display_name"]:
        raise invalid_field("/display_name", "missing", "A contact needs a name, or an e-mail address or number to go by")
    if values["legal_name"] and values["kind"] != "organization":
        raise invalid_field("/legal_name", "not_for_people", "Only an organization has a legal name")
    if values["potential_minor"] is not None and values["currency"] is None:
        raise invalid_field("/currency", "missing", "An amount needs its currency")
    if values["birth_on"] and not EARLIEST_BIRTH <= values["birth_on"] <= today:
        raise invalid_field("/birth_on", "out_of_range", f"A birthday lies between {EARLIEST_BIRTH} and today")


def confidence_bps(clues: Iterable[tuple[str, int]]) -> int:
    """How sure a match is, in basis points, from its clues as (kind, how many contacts bear it).

    A clue that n contacts bear counts 1/n of its certainty; clues count as independent, so their doubts multiply.
    """
    doubt = 10_000
    for kind, bearers in clues:
        doubt = doubt * (10_000 - CERTAINTY_BPS[kind] // bearers) // 10_000
    return 10_000 - doubt
