"""How the operations of contacts succeed."""

from typing import Any

from services.identifiers import new_id
from tests.journeys.recipes.making import CONTACT, RECIPES, SEARCH, Request, World, history_of, jobs_of, on, plain


async def _contact(world: World) -> str:
    return await world.contact()


async def _archived_contact(world: World) -> str:
    contact_id = await world.contact()
    await world.made(f"/v1/contacts/{contact_id}/archive", {})
    return contact_id


async def _disqualified_contact(world: World) -> str:
    contact_id = await world.contact()
    await world.made(f"/v1/contacts/{contact_id}/disqualify", {"reason_code": "no_fit"})
    return contact_id


plain("contacts.list", "GET", "/v1/contacts")
plain("contacts.search", "POST", "/v1/contacts/search", SEARCH)
plain("contacts.create", "POST", "/v1/contacts", CONTACT)
plain("contacts.batch", "POST", "/v1/contacts/batch", {"operations": [{"op": "create", "data": CONTACT}]})
plain("contacts.upsert", "PUT", "/v1/contacts/by/shop/7", CONTACT)
plain(
    "contacts.upsert_by_address",
    "PUT",
    "/v1/contacts?by=email",
    CONTACT | {"emails": [{"address": "asha@example.com"}]},
)
plain("contacts.resolve", "POST", "/v1/contacts/resolve", {"email": "asha@example.com"})
on("contacts.get", "GET", "/v1/contacts/{}", _contact)
on("contacts.update", "PATCH", "/v1/contacts/{}", _contact, {"country": "DE"})
on("contacts.archive", "POST", "/v1/contacts/{}/archive", _contact)
on("contacts.restore", "POST", "/v1/contacts/{}/restore", _archived_contact)
on("contacts.disqualify", "POST", "/v1/contacts/{}/disqualify", _contact, {"reason_code": "no_fit"})
on("contacts.assign", "POST", "/v1/contacts/{}/assign", _contact, {"owner_id": "0190a0a0-0000-7000-8000-0000000000aa"})
SETTING = {"lifecycle": "prospect", "reason_code": "met_at_fair"}
on("contacts.set_lifecycle", "POST", "/v1/contacts/{}/set-lifecycle", _contact, SETTING)
on("contacts.clear_lifecycle", "POST", "/v1/contacts/{}/clear-lifecycle", _contact)
on("contacts.requalify", "POST", "/v1/contacts/{}/requalify", _disqualified_contact, {"reason_code": "second_look"})
history_of("contacts", _contact)

PURPOSE: dict[str, Any] = {
    "key": "news",
    "name": "News",
    "channels": ["email"],
    "wordings": [{"language": "en", "text": "May we write to you about news?"}],
}
PROOF = {"kind": "statement", "at": "2026-03-01T10:00:00Z"}


async def _purpose(world: World) -> str:
    return str((await world.made("/v1/consent-purposes", PURPOSE | {"key": f"news_{new_id().hex[-12:]}"}))["id"])


async def _archived_purpose(world: World) -> str:
    purpose_id = await _purpose(world)
    await world.made(f"/v1/consent-purposes/{purpose_id}/archive", {})
    return purpose_id


async def _asked(world: World) -> dict[str, Any]:
    """What a contact may be asked for: a body that requests it."""
    purpose = await world.made("/v1/consent-purposes", PURPOSE | {"key": f"news_{new_id().hex[-12:]}"})
    return {"contact_id": await world.contact(), "purpose": purpose["key"], "channel": "email"}


async def _pending(world: World) -> str:
    return str((await world.made("/v1/consents", await _asked(world)))["id"])


async def _granted(world: World) -> str:
    return str((await world.made("/v1/consents", await _asked(world) | {"status": "granted", "proof": PROOF}))["id"])


async def _withdrawn(world: World) -> str:
    consent_id = await _granted(world)
    await world.made(f"/v1/consents/{consent_id}/withdraw", {})
    return consent_id


async def _ask(world: World) -> Request:
    return Request("POST", "/v1/consents", await _asked(world), ids=False)


async def _ask_many(world: World) -> Request:
    return Request("POST", "/v1/consents/batch", {"operations": [{"op": "create", "data": await _asked(world)}]}, ids=False)


plain("consent-purposes.list", "GET", "/v1/consent-purposes")
plain("consent-purposes.search", "POST", "/v1/consent-purposes/search", SEARCH)
plain("consent-purposes.create", "POST", "/v1/consent-purposes", PURPOSE)
plain("consent-purposes.batch", "POST", "/v1/consent-purposes/batch", {"operations": [{"op": "create", "data": PURPOSE | {"key": "ads"}}]})
on("consent-purposes.get", "GET", "/v1/consent-purposes/{}", _purpose)
on("consent-purposes.update", "PATCH", "/v1/consent-purposes/{}", _purpose, {"valid_days": 730})
on("consent-purposes.word", "POST", "/v1/consent-purposes/{}/word", _purpose, {"language": "de", "text": "Dürfen wir Ihnen schreiben?"})
on("consent-purposes.archive", "POST", "/v1/consent-purposes/{}/archive", _purpose)
on("consent-purposes.restore", "POST", "/v1/consent-purposes/{}/restore", _archived_purpose)
history_of("consent-purposes", _purpose)
plain("consents.list", "GET", "/v1/consents")
plain("consents.search", "POST", "/v1/consents/search", SEARCH)
RECIPES["consents.create"] = _ask
RECIPES["consents.batch"] = _ask_many
on("consents.get", "GET", "/v1/consents/{}", _pending)
on("consents.grant", "POST", "/v1/consents/{}/grant", _withdrawn, {"proof": PROOF | {"at": "2026-03-02T09:00:30Z"}})
on("consents.confirm", "POST", "/v1/consents/{}/confirm", _pending)
on("consents.withdraw", "POST", "/v1/consents/{}/withdraw", _granted, {"reason_code": "asked_by_phone"})
on("consents.of_contact", "GET", "/v1/contacts/{}/consents", _contact)
history_of("consents", _pending)
jobs_of("contacts")
