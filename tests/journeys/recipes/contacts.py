"""How the operations of contacts succeed."""

from tests.journeys.recipes.making import CONTACT, SEARCH, World, history_of, jobs_of, on, plain


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
on("contacts.requalify", "POST", "/v1/contacts/{}/requalify", _disqualified_contact, {"reason_code": "second_look"})
history_of("contacts", _contact)
jobs_of("contacts")
